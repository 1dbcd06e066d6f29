// How long to wait before the next try: 1 s doubling to 30 s, with a random part so that a clinic's tabs do not come back all at once.

export class Backoff {
  #tries = 0;

  constructor(
    readonly firstMs = 1_000,
    readonly mostMs = 30_000,
    readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds to wait now; each call waits longer. */
  next(atLeastMs = 0): number {
    const base = Math.min(this.mostMs, this.firstMs * 2 ** this.#tries);
    this.#tries = Math.min(this.#tries + 1, 16);
    const spread = Math.max(this.firstMs, base * (0.75 + 0.25 * this.random()));
    return Math.min(this.mostMs, Math.max(spread, atLeastMs));
  }

  reset(): void {
    this.#tries = 0;
  }
}
