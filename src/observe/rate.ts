/**
 * Rate: how fast sums grow, over the last seconds.
 * Takes  sums, again and again, each time with the time. Gives  their growth a second.
 * Owns   the views of the window, and one before them.
 */
const WINDOW_MS = 5_000;

export class Rate {
  readonly #windowMs: number;
  #seen: { readonly atMs: number; readonly sums: readonly number[] }[] = [];

  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** @param sums As many as the last time. @returns The growth of each, a second. */
  add(atMs: number, ...sums: readonly number[]): number[] {
    this.#seen.push({ atMs, sums });
    while (this.#seen.length > 2 && atMs - this.#seen[1]!.atMs > this.#windowMs) this.#seen.shift();
    const first = this.#seen[0]!;
    const seconds = Math.max(atMs - first.atMs, 1) / 1000;
    return sums.map((sum, i) => (sum - first.sums[i]!) / seconds);
  }

  /** Forgets: sums begin anew. */
  reset(): void {
    this.#seen = [];
  }
}
