// How far the reader has come (or received), told to the server: the newest only, at most once a second, never backwards. Pure.

export class Marker {
  #newest: { uid: string; order: number } | null = null;
  #reach = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #busy = false;

  constructor(
    readonly tell: (uid: string) => Promise<void>,
    readonly later: (work: () => void, ms: number) => () => void,
    readonly gapMs = 1_000,
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
    this.#cancel?.();
    this.#cancel = null;
    this.#newest = null;
  }

  async #send(): Promise<void> {
    const mark = this.#newest;
    if (!mark) return;
    this.#newest = null;
    this.#busy = true;
    try {
      await this.tell(mark.uid);
    } catch {
      // Not told: unless something newer was seen meanwhile, the next round tries this one again.
      this.#newest ??= mark;
    } finally {
      this.#busy = false;
    }
    this.#cancel = this.later(() => {
      this.#cancel = null;
      void this.#send();
    }, this.gapMs);
  }
}
