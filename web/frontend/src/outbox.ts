// What people do in threads, on its way: messages, corrections, reactions. Each has a client id, so sending again is always safe; the server's answer comes after its commit.
// Pure: storage, sender, timer, clock and lock are handed in, and tests hand in their own.
import { Backoff } from "./backoff.ts";
import { freshId } from "./ids.ts";
import { outboxKey, type Store, threadOfKey } from "./store.ts";

export type Values = Record<string, string>;

export interface Item {
  id: string;
  thread: string;
  /** The name of the server's action, and the values of its fields but for the client id. */
  action: string;
  values: Values;
  at: string;
  /** Tells apart what was typed in one millisecond. */
  turn: number;
  /** Words of the refusal; null while it is still being sent. */
  refused: string | null;
  /** It was refused as something else waits for an answer first; the person may send it again afterwards. */
  held?: boolean;
}

/** What became of one try. `again` leaves the item where it is; `fault`: the words of a plain 500. */
export type Outcome =
  | { kind: "sent"; entry: string | null }
  | { kind: "refused"; text: string; held?: boolean }
  | { kind: "again"; waitMs: number; fault?: string | null }
  | { kind: "signed-out" };

export interface Surroundings {
  store: Store;
  account: string;
  send(item: Item): Promise<Outcome>;
  /** Runs `work` while no other tab of this account sends. */
  alone(work: () => Promise<void>): Promise<void>;
  later(work: () => void, ms: number): () => void;
  /** Something changed in the outbox of this thread. */
  changed(thread: string): void;
  sent(item: Item, entry: string | null): void;
  signedOut(): void;
  backoff?: Backoff;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** A message that the server fails on so often is given back to its author: another one may do. */
export const MOST_FAULTS = 5;

/** In the order of typing; two tabs at the same instant by id, so that both show the same. */
function inOrder(a: Item, b: Item): number {
  return Date.parse(a.at) - Date.parse(b.at) || a.turn - b.turn || (a.id < b.id ? -1 : 1);
}

function read(text: string | null): Item | null {
  try {
    const kept = text ? (JSON.parse(text) as Item & { body?: string }) : null;
    if (!kept || kept.action) return kept;
    // COMPAT: until November 2026 an item was a text and nothing else.
    const { body = "", ...rest } = kept;
    return { ...rest, action: "text.post", values: { body } };
  } catch {
    return null;
  }
}

export class Outbox {
  #running = false;
  #again = false;
  #cancel: (() => void) | null = null;
  #turn = 0;
  readonly #faults = new Map<string, number>();
  readonly #backoff: Backoff;

  constructor(readonly around: Surroundings) {
    this.#backoff = around.backoff ?? new Backoff();
  }

  /** The thread's items, oldest first. */
  items(thread: string): Item[] {
    const { store, account } = this.around;
    return store
      .keys()
      .filter((key) => threadOfKey(account, key) === thread)
      .map((key) => read(store.get(key)))
      .filter((item) => item !== null)
      .sort(inOrder);
  }

  threads(): string[] {
    const found = this.around.store.keys().map((key) => threadOfKey(this.around.account, key));
    return [...new Set(found.filter((thread) => thread !== null))];
  }

  /** How many messages of this account have not been sent, in all threads. */
  waiting(): number {
    return this.threads().reduce((sum, thread) => sum + this.items(thread).length, 0);
  }

  /** Keeps what is to be done until the server has done it. Returns its client id. */
  add(thread: string, action: string, values: Values): string {
    const last = this.items(thread).at(-1);
    // A clock that was put back must not send what came later first.
    const at = Math.max(this.around.now?.() ?? Date.now(), last ? Date.parse(last.at) : 0);
    this.#turn = Math.max(this.#turn, last?.turn ?? 0) + 1;
    const item: Item = { id: freshId(), thread, action, values, at: new Date(at).toISOString(), turn: this.#turn, refused: null };
    this.#keep(item);
    this.flush();
    return item.id;
  }

  /** Takes an item out: sent, seen in the log, discarded, or taken back into the composer. */
  remove(thread: string, id: string): Item | null {
    const key = outboxKey(this.around.account, thread, id);
    const found = read(this.around.store.get(key));
    if (!found) return null;
    this.around.store.remove(key);
    this.#faults.delete(id);
    this.around.changed(thread);
    return found;
  }

  /** Sends what was refused once more, as its author asks: the same item, under the same id. */
  again(thread: string, id: string): void {
    const item = read(this.around.store.get(outboxKey(this.around.account, thread, id)));
    if (!item?.refused) return;
    this.#keep({ ...item, refused: null, held: false });
    this.flush();
  }

  /** Sends what waits, now. Calls during a run are remembered. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let wait: number | null = null;
    try {
      do {
        this.#again = false;
        wait = null;
        await this.around.alone(async () => {
          wait = await this.#round();
        });
      } while (this.#again);
    } finally {
      this.#running = false;
    }
    if (wait !== null) this.#cancel = this.around.later(() => this.flush(), wait);
  }

  /**
   * One pass over all threads, each in order; a thread that has to wait does not hold up the others.
   * Returns the milliseconds to wait before the next pass, or null.
   */
  async #round(): Promise<number | null> {
    let least: number | null = null;
    for (const thread of this.threads()) {
      const wait = await this.#drain(thread);
      if (wait === "signed-out") {
        this.around.signedOut();
        return null;
      }
      if (wait !== null) least = Math.max(least ?? 0, wait);
    }
    return least === null ? null : this.#backoff.next(least);
  }

  /** Sends one thread's items. Returns null when none is left, or how long the server wants to be left alone. */
  async #drain(thread: string): Promise<number | "signed-out" | null> {
    for (;;) {
      const item = this.items(thread).find((candidate) => candidate.refused === null);
      if (!item) return null;
      const outcome = await this.around.send(item);
      if (outcome.kind === "signed-out") return outcome.kind;
      if (outcome.kind === "again") {
        if (typeof outcome.fault !== "string" || !this.#tooOften(item)) return outcome.waitMs;
        this.#refuse(item, `The server failed on it ${MOST_FAULTS} times. ${outcome.fault}`.trim());
        continue;
      }
      this.#backoff.reset();
      if (outcome.kind === "refused") {
        this.#refuse(item, outcome.text, outcome.held ?? false);
      } else {
        this.around.sent(item, outcome.entry);
        this.remove(thread, item.id);
      }
    }
  }

  /** Counts a plain 500 of this item. Says whether that was the last try. */
  #tooOften(item: Item): boolean {
    const faults = (this.#faults.get(item.id) ?? 0) + 1;
    this.#faults.set(item.id, faults);
    return faults >= MOST_FAULTS;
  }

  #refuse(item: Item, text: string, held = false): void {
    this.#faults.delete(item.id);
    // What is gone meanwhile (its entry arrived after all) does not come back.
    if (this.around.store.get(outboxKey(this.around.account, item.thread, item.id)) !== null) this.#keep({ ...item, refused: text, held });
  }

  #keep(item: Item): void {
    this.around.store.set(outboxKey(this.around.account, item.thread, item.id), JSON.stringify(item));
    this.around.changed(item.thread);
  }
}
