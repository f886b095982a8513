/** What writer and reader of the stress test agree on: the same seed gives both the same frames. */
export interface WriterSetup {
  readonly task: 'write' | 'block';
  readonly lane: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  readonly seed: number;
  readonly frameCount: number;
}

/** xorshift32. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

/** The next frame: mostly short, one in 4,096 as large as fits into a lane of 64 KiB or nearly so. */
export function sizesOf(random: Random) {
  const kind = random.below(4096);
  const keyBytes = random.below(24);
  const dataBytes =
    kind === 0 ? 30_000 + random.below(35_000) : kind < 64 ? random.below(2000) : random.below(90);
  return { keyBytes, dataBytes, fill: random.below(256), isPublished: random.below(8) === 0 };
}
