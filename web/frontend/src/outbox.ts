// Messages on their way. Each has a client id, so sending again is always safe; the server's answer comes after its commit.
// Pure: storage, sender, timer and lock are handed in, and tests hand in their own.
import { Backoff } from "./backoff.ts";
import { outboxKey, type Store } from "./store.ts";

export interface Item {
  id: string;
  thread: string;
  body: string;
  at: string;
  /** Words of the refusal; null while it is still being sent. */
  refused: string | null;
}

/** What became of one try. `again` leaves the item where it is. */
export type Outcome =
  | { kind: "sent"; entry: string | null }
  | { kind: "refused"; text: string }
  | { kind: "again"; waitMs: number }
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
}

export class Outbox {
  #running = false;
  #again = false;
  #cancel: (() => void) | null = null;
  readonly #backoff: Backoff;

  constructor(readonly around: Surroundings) {
    this.#backoff = around.backoff ?? new Backoff();
  }

  /** The thread's items, oldest first. */
  items(thread: string): Item[] {
    const text = this.around.store.get(outboxKey(this.around.account, thread));
    if (!text) return [];
    try {
      return JSON.parse(text) as Item[];
    } catch {
      return [];
    }
  }

  threads(): string[] {
    const start = outboxKey(this.around.account, "");
    return this.around.store
      .keys()
      .filter((key) => key.startsWith(start))
      .map((key) => key.slice(start.length));
  }

  /** How many messages of this account have not been sent, in all threads. */
  waiting(): number {
    return this.threads().reduce((sum, thread) => sum + this.items(thread).length, 0);
  }

  add(item: Item): void {
    this.#write(item.thread, [...this.items(item.thread), item]);
    this.flush();
  }

  /** Takes an item out: sent, seen in the log, discarded, or taken back into the composer. */
  remove(thread: string, id: string): Item | null {
    const items = this.items(thread);
    const found = items.find((item) => item.id === id);
    if (!found) return null;
    this.#write(thread, items.filter((item) => item.id !== id));
    return found;
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

  /** One pass over all threads, each in order. Returns the milliseconds to wait before the next pass, or null. */
  async #round(): Promise<number | null> {
    for (const thread of this.threads()) {
      for (;;) {
        const item = this.items(thread).find((candidate) => candidate.refused === null);
        if (!item) break;
        const outcome = await this.around.send(item);
        if (outcome.kind === "again") return this.#backoff.next(outcome.waitMs);
        if (outcome.kind === "signed-out") {
          this.around.signedOut();
          return null;
        }
        this.#backoff.reset();
        if (outcome.kind === "refused") {
          this.#refuse(item, outcome.text);
        } else {
          this.around.sent(item, outcome.entry);
          this.remove(thread, item.id);
        }
      }
    }
    return null;
  }

  #refuse(item: Item, text: string): void {
    this.#write(
      item.thread,
      this.items(item.thread).map((other) => (other.id === item.id ? { ...other, refused: text } : other)),
    );
  }

  #write(thread: string, items: Item[]): void {
    const key = outboxKey(this.around.account, thread);
    if (items.length) this.around.store.set(key, JSON.stringify(items));
    else this.around.store.remove(key);
    this.around.changed(thread);
  }
}
