// A draft as this browser keeps it: its text, and what it is (a note, an answer, a correction). Pure: the storage is handed in.
import type { About } from "./about.ts";
import { aboutKey, draftKey, type Store } from "./store.ts";

export interface Kind {
  note: boolean;
  reply: About | null;
  correct: About | null;
  /** What was typed before a correction began: it comes back afterwards. */
  before: string;
}

export const PLAIN: Kind = { note: false, reply: null, correct: null, before: "" };

export class Draft {
  readonly #text: string;
  readonly #kind: string;

  constructor(
    readonly store: Store,
    account: string,
    thread: string,
  ) {
    this.#text = draftKey(account, thread);
    this.#kind = aboutKey(account, thread);
  }

  /** Whether a key of the storage is this draft's: its text, or what it is. */
  owns(key: string | null): boolean {
    return key === this.#text || key === this.#kind;
  }

  get text(): string {
    return this.store.get(this.#text) ?? "";
  }

  get kind(): Kind {
    try {
      return { ...PLAIN, ...(JSON.parse(this.store.get(this.#kind) ?? "{}") as Partial<Kind>) };
    } catch {
      return PLAIN;
    }
  }

  keep(text: string, kind: Kind): void {
    if (text) this.store.set(this.#text, text);
    else this.store.remove(this.#text);
    const plain = !kind.note && !kind.reply && !kind.correct && !kind.before;
    if (plain) this.store.remove(this.#kind);
    else this.store.set(this.#kind, JSON.stringify(kind));
  }
}

/** What sending a draft does: an action of the server and its values. */
export function sending(body: string, kind: Kind): [string, Record<string, string>] {
  if (kind.correct) return ["text.correct", { entry: kind.correct.uid, body }];
  return [kind.note ? "note.post" : "text.post", { body, ...(kind.reply ? { reply_to: kind.reply.uid } : {}) }];
}
