/**
 * Decompress: stored bytes of one gzip or zstd object in, its content out. Runs in a parser thread.
 * Takes  the stored bytes chunk by chunk; a chunk may lie in shared memory and is not touched after the next one is asked for.
 * Gives  content, chunk by chunk, all of a stored chunk's before the next one is asked for.
 * Owns   the proof that nothing is missing. Node's decoders stop quietly where they should not: gunzip in front of a damaged
 *        header of a later member, zstd behind the first frame that ends within a write (both measured on Node 24.21). So the bytes
 *        that a decoder has consumed are compared with those that it was given, and the rest is dealt with here.
 * Never  holds more than a few chunks; never scans.
 */
import zlib from 'node:zlib';
import { MillraceError } from '../errors.ts';
import { MIB } from '../limits.ts';

export interface DecompressOptions {
  /** Content bytes allowed per stored byte, once RATIO_FREE_BYTES of content are out. Default 200. */
  readonly ratioMax?: number;
  /** Content bytes allowed in all. Default: no bound. */
  readonly outputBytesMax?: number;
}

/** So much content may come out at any ratio: small objects of one repeated line are no bombs. */
export const RATIO_FREE_BYTES = 16 * MIB;
const RATIO_MAX_DEFAULT = 200;
/** Content handed on at once. Node's default of 16 KiB costs a third more. */
const CHUNK_BYTES = 256 * 1024;

type Decoder = zlib.Gunzip | zlib.ZstdDecompress;

/**
 * @param stored What it throws is thrown on.
 * @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE: damaged, truncated, followed by bytes that are neither another member nor
 * zeros, or over a limit. The message says how many bytes of content came out before; they stay valid.
 */
export async function* decompress(
  kind: 'gzip' | 'zstd',
  stored: AsyncIterable<Uint8Array>,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array> {
  const { ratioMax = RATIO_MAX_DEFAULT, outputBytesMax = Number.POSITIVE_INFINITY } = options;
  const tally = { consumed: 0, given: 0, content: 0 };
  const damaged = (why: string, cause?: unknown) =>
    new MillraceError(
      'MILLRACE_OBJECT_UNREADABLE',
      `Cannot decompress the ${kind} data: ${why}; ${tally.content} bytes of content came before`,
      { cause },
    );
  const count = (content: Uint8Array, consumed: number) => {
    if (tally.content + content.length > outputBytesMax)
      throw damaged(`its content is over ${outputBytesMax} bytes`);
    const contentBytes = tally.content + content.length;
    if (contentBytes > RATIO_FREE_BYTES && contentBytes > ratioMax * consumed) {
      throw damaged(`its content is over ${ratioMax} times its size`);
    }
    tally.content = contentBytes;
    return content;
  };
  let step: DecoderStep | null = new DecoderStep(kind);
  try {
    for await (const chunk of stored) {
      tally.given += chunk.length;
      for (let rest = chunk; rest.length > 0; ) {
        if (step === null) {
          if (kind === 'zstd') step = new DecoderStep(kind);
          else if (rest.every((byte) => byte === 0)) break;
          else
            throw damaged(`${tally.given - tally.consumed} bytes follow that are neither a member nor zeros`);
        }
        step.write(rest);
        for (let content = await step.read(); content !== null; content = await step.read()) {
          yield count(content, tally.consumed + step.consumed);
        }
        rest = rest.subarray(step.consumed);
        tally.consumed += step.takeConsumed();
        if (step.hasEnded) step = null;
      }
    }
    if (step === null) return;
    step.end();
    for (let content = await step.read(); content !== null; content = await step.read()) {
      yield count(content, tally.consumed);
    }
  } catch (error) {
    throw error instanceof DecoderError ? damaged(error.message, error.cause) : error;
  } finally {
    step?.destroy();
  }
}

/** The decoder has refused its input. */
class DecoderError extends Error {}

/** One of Node's decoders, asked step by step: write, read until null, write. */
class DecoderStep {
  readonly #decoder: Decoder;
  #isTaken = true;
  #hasEnded = false;
  #error: Error | null = null;
  #consumedBefore = 0;
  #wake: (() => void) | null = null;

  constructor(kind: 'gzip' | 'zstd') {
    const options = { chunkSize: CHUNK_BYTES };
    this.#decoder = kind === 'gzip' ? zlib.createGunzip(options) : zlib.createZstdDecompress(options);
    const wake = () => this.#wake?.();
    this.#decoder.on('readable', wake);
    this.#decoder.on('end', () => {
      this.#hasEnded = true;
      wake();
    });
    this.#decoder.on('error', (error) => {
      this.#error = error;
      wake();
    });
  }

  /** No more input is wanted: the last member or frame has ended, with or without a rest of the last write. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes of the last write that went in. */
  get consumed(): number {
    return this.#decoder.bytesWritten - this.#consumedBefore;
  }

  takeConsumed(): number {
    const { consumed } = this;
    this.#consumedBefore += consumed;
    return consumed;
  }

  write(bytes: Uint8Array): void {
    this.#isTaken = false;
    this.#decoder.write(bytes, () => {
      this.#isTaken = true;
      this.#wake?.();
    });
  }

  end(): void {
    this.#isTaken = false;
    this.#decoder.end();
  }

  /** The next content, or null when all input has been taken or the decoder wants no more. @throws {DecoderError} */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const content: Uint8Array | null = this.#decoder.read();
      if (content !== null) return content;
      if (this.#error !== null) throw new DecoderError(this.#error.message, { cause: this.#error });
      if (this.#hasEnded || this.#isTaken) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  destroy(): void {
    this.#decoder.destroy();
  }
}

/** Whole objects up to this size are worth one call; of larger ones the stream takes no longer. */
export const WHOLE_BYTES_MAX = 64 * 1024;
/** So much content may come out of one call: all of it lies in memory at once. */
export const WHOLE_CONTENT_BYTES_MAX = 2 * MIB;

/**
 * The content of a small object in one synchronous call: 25 us of CPU where a stream costs 220 us (8 KB of content, measured).
 * @param stored All stored bytes.
 * @returns null when a stream has to deal with it: too large, more than one zstd frame, padded, damaged, or a bomb.
 */
export function decompressWhole(kind: 'gzip' | 'zstd', stored: Uint8Array): Uint8Array | null {
  if (stored.length === 0 || stored.length > WHOLE_BYTES_MAX) return null;
  const options = { info: true, maxOutputLength: 2 * MIB } as const;
  try {
    // With `info` the result is { buffer, engine }, which the type declarations do not know.
    const result: unknown =
      kind === 'gzip' ? zlib.gunzipSync(stored, options) : zlib.zstdDecompressSync(stored, options);
    const { buffer, engine } = result as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return engine.bytesWritten === stored.length ? buffer : null;
  } catch {
    return null;
  }
}
