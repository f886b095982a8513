/**
 * Content: what one object holds from its beginning on, for whoever wants to see the first of it and not pay for the rest.
 * Takes  an object, and how ranges of it are read.
 * Gives  its content, decompressed, chunk by chunk; it is asked for in ranges that grow, and only while somebody wants more.
 * Owns   nothing of a run: those who carry objects have segments.ts and slot.ts, which download many side by side.
 */

import { KIB, MIB } from '../base/limits.ts';
import { objectUri } from '../base/object-uri.ts';
import { decompress } from '../inflate/decompress.ts';
import { type DownloadContext, type DownloadStats, download } from './download.ts';
import { ForeignError, foreignFormatOf, formatOf, textOnly } from './format.ts';
import { FORMAT_HEAD_BYTES, type Format, type SourceObject } from './object.ts';
import { RETRY_POLICY_DEFAULT, systemClock } from './retry.ts';
import type { RangeReader } from './source.ts';
import { Witness } from './witness.ts';

/** The first range is some hundred lines; who has taken them all wants more. */
const RANGE_BYTES_MIN = 64 * KIB;
const RANGE_BYTES_MAX = 8 * MIB;
const RANGE_GROWTH = 4;
/** A decoder is given so much at once: what it has not asked for need not be downloaded by anybody else. */
const STEP_BYTES = 64 * KIB;
const STALL_TIMEOUT_MS = 20_000;

export interface ContentOptions {
  readonly reader: RangeReader;
  /** `auto`: the first bytes decide. */
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  readonly stats: DownloadStats;
  readonly signal: AbortSignal;
}

/** How objects are read one after the other. */
export function contentReader(options: ContentOptions): (object: SourceObject) => ObjectContent {
  const { reader, stats, signal } = options;
  const context: DownloadContext = {
    ...{ reader, stats, signal, clock: systemClock, retry: RETRY_POLICY_DEFAULT },
    ...{ stallTimeoutMs: STALL_TIMEOUT_MS, witness: new Witness(reader, STALL_TIMEOUT_MS) },
    ...{ onThrottle: () => {}, onSuccess: () => {} },
  };
  return (object) => new ObjectContent(object, context, options.compression);
}

export class ObjectContent {
  readonly object: SourceObject;
  readonly #context: DownloadContext;
  readonly #compression: ContentOptions['compression'];
  /** Stored bytes that the content so far was made of. */
  storedBytes = 0;

  constructor(object: SourceObject, context: DownloadContext, compression: ContentOptions['compression']) {
    this.object = object;
    this.#context = context;
    this.#compression = compression;
  }

  /**
   * Each chunk is valid until the next one is asked for. Once.
   * @throws {ForeignError} It is no text. @throws {DamagedError} Behind everything that can be decoded. @throws {MillraceError} It cannot be read.
   */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const stored = this.#stored();
    const first = await stored.next();
    if (first.done) return;
    const format = this.#formatOf(first.value);
    const all = startingWith(first.value, stored);
    if (format === 'plain') yield* all;
    else yield* textOnly(format, decompress(format, all));
  }

  #formatOf(first: Uint8Array): Format {
    if (this.#compression === 'none') return 'plain';
    if (this.#compression !== 'auto') return this.#compression;
    const head = first.subarray(0, FORMAT_HEAD_BYTES);
    const foreign = foreignFormatOf(head);
    if (foreign !== null) throw new ForeignError(foreign, `Cannot read ${objectUri(this.object)}`);
    return formatOf(head);
  }

  async *#stored(): AsyncGenerator<Uint8Array> {
    const { object } = this;
    let rangeBytes = RANGE_BYTES_MIN;
    for (let at = 0; at < object.size; ) {
      const end = Math.min(object.size, at + rangeBytes);
      const bytes = await this.#range(at, end);
      for (let from = 0; from < bytes.length; from += STEP_BYTES) {
        const step = bytes.subarray(from, from + STEP_BYTES);
        this.storedBytes += step.length;
        yield step;
      }
      at = end;
      rangeBytes = Math.min(RANGE_GROWTH * rangeBytes, RANGE_BYTES_MAX);
    }
  }

  async #range(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    let length = 0;
    await download(this.#context, this.object, start, end, {
      done: false,
      room: async () => {},
      write: (chunk) => {
        bytes.set(chunk, length);
        length += chunk.length;
        return chunk.length;
      },
    });
    return bytes;
  }
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
