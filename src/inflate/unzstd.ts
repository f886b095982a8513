/**
 * Unzstd: stored bytes of one zstd object in, its content out. Runs in a parser thread.
 * Takes  the stored bytes chunk by chunk; a chunk may lie in shared memory and is not touched after the next one is asked for.
 * Gives  content, chunk by chunk, all of a stored chunk's before the next one is asked for.
 * Owns   the steps of a decoder: the addon's, in this thread, or Node's stream, which works in the platform's pool. That one stops quietly
 *        behind the first frame that ends within a write, and throws away what it had made of the write in which it stumbles (both
 *        measured on Node 24.21): so both are given one unit of a frame at once, and each frame has a decoder of its own.
 * Never  holds more than a few chunks, whatever the ratio, except a frame's window, which has to have room first; never keeps a thread
 *        from its messages for long.
 */
import { setImmediate as turn } from 'node:timers/promises';
import zlib from 'node:zlib';
import { MIB } from '../base/limits.ts';
import { type FrameDecoder, openFrameDecoder } from '../native/unzstd.ts';
import { DecodingError, type Progress, type WindowRoom } from './decoding.ts';
import { ZstdUnits } from './zstd-units.ts';

/** Content handed on at once: more than one block of a frame holds. */
const CHUNK_BYTES = 256 * 1024;
/** After this much content the thread looks at its messages and timers: a few bytes can hold hours of work. */
const TURN_BYTES = 8 * MIB;

/** @throws {DecodingError} Where the bytes are no longer zstd; everything before that has been given. */
export async function* unzstd(
  stored: AsyncIterable<Uint8Array>,
  progress: Progress,
  room?: WindowRoom,
  open: () => FrameDecoder | null = openFrameDecoder,
): AsyncGenerator<Uint8Array> {
  const units = new ZstdUnits();
  let decoder: UnitDecoder | null = null;
  const output = new Uint8Array(CHUNK_BYTES);
  let untilTurn = TURN_BYTES;
  let isProvenSoFar = true;
  /** Bytes of the open unit that came with earlier chunks. */
  let begun = 0;
  let hasRoom = false;
  try {
    for await (const chunk of stored) {
      for (let rest = chunk; rest.length > 0; ) {
        const taken = units.take(rest);
        if (units.isUnknown) throw new DecodingError('what stands here is no frame');
        // The header's last byte: nothing has been allocated for the frame yet.
        if (units.isUnitEnd && units.windowBytes !== null && !hasRoom) {
          await room?.take(units.windowBytes);
          hasRoom = true;
        }
        decoder ??= openDecoder(open, output);
        decoder.write(rest.subarray(0, taken));
        for (let content = await decoder.read(); content !== null; content = await decoder.read()) {
          progress.content += content.length;
          yield content;
          untilTurn -= content.length;
          if (untilTurn > 0) continue;
          untilTurn = TURN_BYTES;
          await turn();
        }
        rest = rest.subarray(taken);
        begun += taken;
        if (!units.isUnitEnd) break;
        progress.stored += begun;
        begun = 0;
        if (!units.isBetweenFrames) continue;
        isProvenSoFar &&= units.isProven;
        if (isProvenSoFar) progress.proven = progress.content;
        decoder.destroy();
        decoder = null;
        room?.give();
        hasRoom = false;
      }
    }
  } finally {
    decoder?.destroy();
    room?.give();
  }
  if (!units.isBetweenFrames) throw new DecodingError('unexpected end of file');
}

/** Asked step by step: write, read until null, write. */
interface UnitDecoder {
  write(bytes: Uint8Array): void;
  /** Valid until the next is asked for; null when all input has been taken. @throws {DecodingError} */
  read(): Promise<Uint8Array | null> | Uint8Array | null;
  destroy(): void;
}

function openDecoder(open: () => FrameDecoder | null, output: Uint8Array): UnitDecoder {
  const decoder = open();
  return decoder === null ? new StreamDecoder() : new SteppedDecoder(decoder, output);
}

/** The addon's. */
class SteppedDecoder implements UnitDecoder {
  readonly #decoder: FrameDecoder;
  readonly #output: Uint8Array;
  #input: Uint8Array = new Uint8Array();
  #isFull = false;

  constructor(decoder: FrameDecoder, output: Uint8Array) {
    this.#decoder = decoder;
    this.#output = output;
  }

  write(bytes: Uint8Array): void {
    this.#input = bytes;
  }

  read(): Uint8Array | null {
    while (this.#input.length > 0 || this.#isFull) {
      const { consumed, produced, why } = this.#decoder.step(this.#input, this.#output);
      if (why !== '') throw new DecodingError(why);
      this.#input = this.#input.subarray(consumed);
      // There may be more than there was room for.
      this.#isFull = produced === this.#output.length;
      if (produced > 0) return this.#output.subarray(0, produced);
    }
    return null;
  }

  destroy(): void {
    this.#decoder.close();
  }
}

/** Node's. */
class StreamDecoder implements UnitDecoder {
  readonly #decoder = zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES });
  #isTaken = true;
  #error: Error | null = null;
  #hasEnded = false;
  #wake: (() => void) | null = null;

  constructor() {
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

  write(bytes: Uint8Array): void {
    this.#isTaken = false;
    this.#decoder.write(bytes, (error) => {
      if (error) this.#error = error;
      this.#isTaken = true;
      this.#wake?.();
    });
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const content: Uint8Array | null = this.#decoder.read();
      if (content !== null) return content;
      if (this.#error !== null) throw new DecodingError(this.#error.message, { cause: this.#error });
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
