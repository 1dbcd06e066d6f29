// Which entry has been read, told to the server: the newest only, at most once a second, never backwards. Pure.

export class ReadMarker {
  #newest: { uid: string; order: number } | null = null;
  #told = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #busy = false;

  constructor(
    readonly tell: (uid: string) => Promise<void>,
    readonly later: (work: () => void, ms: number) => () => void,
    readonly gapMs = 1_000,
  ) {}

  /** The reader has this entry before the eyes. `order` grows with the place in the log. */
  see(uid: string, order: number): void {
    if (order <= this.#told || (this.#newest && order <= this.#newest.order)) return;
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
      this.#told = Math.max(this.#told, mark.order);
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
