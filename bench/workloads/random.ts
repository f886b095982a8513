/**
 * Random: the dice of all workloads.
 * Takes  a seed.
 * Gives  the same figures for the same seed, on every machine.
 * Never  reads a clock or the platform's random source: a bench that cannot be repeated proves nothing.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next 32 bits (mulberry32). */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor((this.bits() / 0x1_0000_0000) * (high - low + 1));
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.bits() < (percent / 100) * 0x1_0000_0000;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)] as T;
  }

  /** Lower-case hexadecimal digits. */
  hex(digitCount: number): string {
    let text = '';
    while (text.length < digitCount) text += this.bits().toString(16).padStart(8, '0');
    return text.slice(0, digitCount);
  }

  /** Words with spaces between them. */
  words(count: number): string {
    const parts: string[] = [];
    for (let i = 0; i < count; i++) parts.push(this.pick(WORDS));
    return parts.join(' ');
  }
}

const WORDS = (
  'the of and to in is that for on with as it by from at this be are or was not have an which when all ' +
  'stream shard record lane fix test build merge branch version update remove parser buffer memory error ' +
  'support release default option config module function return value string number object array index ' +
  'performance documentation contributor implementation refactor dependency'
).split(' ');
