/**
 * Content: what one object holds from its beginning on, for whoever wants to see the first of it and not pay for the rest.
 * Takes  an object, and how ranges of it are read.
 * Gives  its content, decompressed, chunk by chunk; it is asked for in ranges that grow, and only while somebody wants more.
 * Owns   nothing of a run: those who carry objects have segments.ts and slot.ts, which download many side by side.
 */

import { KIB, MIB } from '../base/limits.ts';
import { objectUri } from '../base/object-uri.ts';
import { decompress } from '../inflate/decompress.ts';
import { formatOf } from '../inflate/magic.ts';
import type { DownloadStats } from './download.ts';
import { ForeignError, foreignFormatOf, textOnly } from './format.ts';
import { FORMAT_HEAD_BYTES, type Format, type SourceObject } from './object.ts';
import { type ReadRange, rangesOf } from './ranges.ts';
import type { RangeReader } from './source.ts';

/** The first range is some hundred lines; who has taken them all wants more. */
const RANGE_BYTES_MIN = 64 * KIB;
const RANGE_BYTES_MAX = 8 * MIB;
const RANGE_GROWTH = 4;
/** A decoder is given so much at once: what it has not asked for need not be downloaded by anybody else. */
const STEP_BYTES = 64 * KIB;

export interface ContentOptions {
  readonly reader: RangeReader;
  /** `auto`: the first bytes decide. */
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  readonly stats: DownloadStats;
  readonly signal: AbortSignal;
}

/** How objects are read one after the other. */
export function contentReader(options: ContentOptions): (object: SourceObject) => ObjectContent {
  const readRange = rangesOf(options);
  return (object) => new ObjectContent(object, readRange, options.compression);
}

export class ObjectContent {
  readonly object: SourceObject;
  readonly #readRange: ReadRange;
  readonly #compression: ContentOptions['compression'];
  /** Stored bytes that the content so far was made of. */
  storedBytes = 0;

  constructor(object: SourceObject, readRange: ReadRange, compression: ContentOptions['compression']) {
    this.object = object;
    this.#readRange = readRange;
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
      const bytes = await this.#readRange(object, at, end);
      for (let from = 0; from < bytes.length; from += STEP_BYTES) {
        const step = bytes.subarray(from, from + STEP_BYTES);
        this.storedBytes += step.length;
        yield step;
      }
      at = end;
      rangeBytes = Math.min(RANGE_GROWTH * rangeBytes, RANGE_BYTES_MAX);
    }
  }
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
