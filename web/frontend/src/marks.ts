// How far the reader has come (or received), told to the server: the newest only, at most once a second, never backwards.
// Pure: the timer is handed in.
import { Backoff } from "./backoff.ts";
import { Refused, Unreachable } from "./http.ts";

interface Mark {
  uid: string;
  order: number;
}

export class Marker {
  #newest: Mark | null = null;
  #reach = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #busy = false;
  #over = false;

  constructor(
    readonly tell: (uid: string) => Promise<void>,
    readonly later: (work: () => void, ms: number) => () => void,
    readonly gapMs = 1_000,
    readonly backoff = new Backoff(),
  ) {}

  /** Whether this place in the log has been told, or is about to be. */
  covers(order: number): boolean {
    return order <= this.#reach;
  }

  /** The reader has come to this entry. `order` grows with the place in the log. */
  see(uid: string, order: number): void {
    if (this.covers(order)) return;
    this.#reach = order;
    this.#newest = { uid, order };
    if (!this.#busy && !this.#cancel) void this.#send();
  }

  stop(): void {
    this.#over = true;
    this.#cancel?.();
    this.#cancel = null;
    this.#newest = null;
  }

  async #send(): Promise<void> {
    const mark = this.#newest;
    if (!mark || this.#over) return;
    this.#newest = null;
    this.#busy = true;
    const wait = await this.#try(mark);
    this.#busy = false;
    // While it was on its way the thread may have been left.
    if (this.#over) return;
    this.#cancel = this.later(() => {
      this.#cancel = null;
      void this.#send();
    }, wait);
  }

  /** Tells one mark. Returns the milliseconds to wait before the next. */
  async #try(mark: Mark): Promise<number> {
    try {
      await this.tell(mark.uid);
    } catch (error) {
      if (!(error instanceof Refused)) {
        // Not told: unless something newer was seen meanwhile, the next round tries this one again.
        this.#newest ??= mark;
        return this.backoff.next(error instanceof Unreachable ? (error.waitSeconds ?? 0) * 1_000 : 0);
      }
      // A refusal is an answer: the same mark again would get the same. What is seen later is told all the same.
    }
    this.backoff.reset();
    return this.gapMs;
  }
}
