/**
 * Guided: a small coverage-guided fuzzer for JavaScript, as libFuzzer is for C++.
 * Takes  a target, seeds, a random seed and seconds.
 * Gives  how many inputs were tried and kept; an input is kept when it ran a block of the code under test that none before it ran, or ran it
 *        more often by a power of two (V8's block coverage).
 * Never  goes on after a fault: the input and its seed are in the error.
 */
import { Session } from 'node:inspector';
import { createRandom } from '../../src/base/random.ts';

export interface Target {
  readonly name: string;
  /** Files below src/ whose coverage guides. */
  readonly files: readonly string[];
  readonly seeds: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Throws or rejects for a fault. */
  readonly run: (input: Buffer) => Promise<void> | void;
}

const INPUT_BYTES_MAX = 16 * 1024;
/** An input that takes longer hangs, on the slowest machine too. */
const INPUT_MS_MAX = 20_000;
const TOKENS = [
  '\r\n',
  '\0',
  '\xff',
  '0',
  '-1',
  '9007199254740993',
  '"',
  '{',
  '}',
  ',',
  ':',
  '\n',
  '\x1f',
  '\xbf',
];

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number;
        readonly endOffset: number;
        readonly count: number;
      }[];
    }[];
  }[];
}

/** What ran since it was last asked, as names of blocks. */
class Blocks {
  readonly #session = new Session();
  readonly #files: readonly string[];
  readonly #seen = new Set<string>();

  constructor(files: readonly string[]) {
    this.#files = files;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** @returns Whether there was something new. */
  take(): boolean {
    const before = this.#seen.size;
    this.#session.post('Profiler.takePreciseCoverage', (_, coverage) => {
      for (const { url, functions } of (coverage as Coverage).result) {
        if (!this.#files.some((file) => url.endsWith(file))) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0) this.#seen.add(`${url}:${startOffset}-${endOffset}:${Math.clz32(count)}`);
          }
        }
      }
    });
    return this.#seen.size > before;
  }

  get count(): number {
    return this.#seen.size;
  }

  close(): void {
    this.#session.disconnect();
  }
}

/** @returns An input made of others by one to eight changes. */
function mutate(corpus: readonly Buffer[], random: () => number): Buffer {
  const pick = (count: number) => Math.floor(random() * count);
  const any = () => corpus[pick(corpus.length)]!;
  let input: Buffer = Buffer.from(any());
  for (let changes = 1 + pick(8); changes > 0; changes--) {
    const at = pick(input.length + 1);
    const to = Math.min(input.length, at + 1 + pick(random() < 0.5 ? 4 : 200));
    const splice = (middle: Buffer, end: number) =>
      Buffer.concat([input.subarray(0, at), middle, input.subarray(end)]);
    const other = any();
    const from = pick(other.length);
    switch (pick(6)) {
      case 0:
        if (at < input.length) input[at] = input[at]! ^ (1 << pick(8));
        break;
      case 1:
        if (at < input.length) input[at] = pick(256);
        break;
      case 2:
        input = splice(Buffer.alloc(0), to);
        break;
      case 3:
        input = splice(Buffer.from(TOKENS[pick(TOKENS.length)]!, 'latin1'), at);
        break;
      case 4:
        input = splice(input.subarray(at, to), at);
        break;
      default:
        input = splice(other.subarray(from, from + 1 + pick(300)), random() < 0.5 ? at : to);
    }
  }
  return input.subarray(0, INPUT_BYTES_MAX);
}

async function tryOne(target: Target, input: Buffer): Promise<void> {
  const startedAtMs = performance.now();
  try {
    await target.run(input);
  } catch (error) {
    throw new Error(`${target.name}: found with the input (Base64) ${input.toString('base64')}`, {
      cause: error,
    });
  }
  const tookMs = performance.now() - startedAtMs;
  if (tookMs > INPUT_MS_MAX)
    throw new Error(`${target.name}: ${Math.round(tookMs)} ms for the input ${input.toString('base64')}`);
}

export interface Fuzzed {
  readonly inputs: number;
  readonly kept: number;
  readonly blocks: number;
}

export async function fuzz(target: Target, seconds: number, seed: number): Promise<Fuzzed> {
  const random = createRandom(seed);
  const corpus: Buffer[] = (await target.seeds()).map((bytes) => Buffer.from(bytes));
  const blocks = new Blocks(target.files);
  try {
    for (const input of corpus) await tryOne(target, input);
    blocks.take();
    const untilMs = performance.now() + seconds * 1000;
    let inputs = corpus.length;
    for (; performance.now() < untilMs; inputs++) {
      const input = mutate(corpus, random);
      await tryOne(target, input);
      if (blocks.take()) corpus.push(input);
    }
    return { inputs, kept: corpus.length, blocks: blocks.count };
  } finally {
    blocks.close();
  }
}
