// Who is writing just now, in one line below the log. A word that no longer comes is forgotten.
import { one } from "./dom.ts";

const TYPING_MS = 30_000;

export class Typists {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(readonly root: ParentNode) {}

  heard(who: string, state: string): void {
    clearTimeout(this.#timers.get(who));
    this.#timers.delete(who);
    if (state === "composing") this.#timers.set(who, setTimeout(() => this.heard(who, "paused"), TYPING_MS));
    const line = one(".typing", this.root);
    const names = [...this.#timers.keys()];
    const text = names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing…` : `${names.join(", ")} are typing…`;
    if (line && line.textContent !== text) line.textContent = text;
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
