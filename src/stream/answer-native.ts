/**
 * Native answer: reads a GetRecords answer in CBOR with src/native/get-records.cc, without a JavaScript object per record.
 * Takes  the body. Gives  RECORD frames and what else the answer says, as answer.ts describes.
 * Owns   the buffer that frames are written to: a run is valid until the next one is asked for.
 * Never  fails where the portable reader would not: what native code cannot read is handed to that one.
 */
import { type CborValue, decodeCborAt } from '../aws/cbor.ts';
import { type Answer, type AnswerOutline, type HashRange, outlineOf } from './answer.ts';
import { PortableAnswer } from './answer-portable.ts';

export interface GetRecordsKernel {
  outlineGetRecords(answer: Uint8Array, outline: Uint32Array): boolean;
  decodeGetRecords(
    answer: Uint8Array,
    cursor: Uint32Array,
    out: Uint8Array,
    index: Float64Array,
    range: HashRange | null,
  ): number;
}

/** Cells and columns: src/native/constants.h. */
export const OUTLINE = {
  RECORDS_AT: 0,
  RECORD_COUNT: 1,
  NEXT_ITERATOR_AT: 2,
  MILLIS_AT: 3,
  CHILD_SHARDS_AT: 4,
  CELLS: 5,
} as const;
export const CURSOR = { AT: 0, LEFT: 1, SUB: 2, ORDINAL: 3, NEED_BYTES: 4, OUTSIDE: 5, CELLS: 6 } as const;
export const INDEX = { SEQUENCE_AT: 0, SEQUENCE_BYTES: 1, ARRIVAL_MS: 2, PARTS: 3, COLUMNS: 4 } as const;

/** Large enough that a call is long, small enough to stay in the cache that the next stage reads from. */
const OUT_BYTES = 512 * 1024;

export class NativeAnswer implements Answer {
  readonly #kernel: GetRecordsKernel;
  readonly #outline = new Uint32Array(OUTLINE.CELLS);
  readonly #cursor = new Uint32Array(CURSOR.CELLS);
  #index = new Float64Array(INDEX.COLUMNS * 1024);
  #out = new Uint8Array(OUT_BYTES);
  #body: Uint8Array = new Uint8Array(0);
  #range: HashRange | null = null;
  /** Serves an answer that the native code refuses: chunked strings, or not CBOR at all. */
  #fallback: PortableAnswer | null = null;

  constructor(kernel: GetRecordsKernel) {
    this.#kernel = kernel;
  }

  open(body: Uint8Array, range: HashRange | null): AnswerOutline {
    const outline = this.#outline;
    this.#fallback = null;
    if (!this.#kernel.outlineGetRecords(body, outline)) {
      this.#fallback = new PortableAnswer('cbor');
      return this.#fallback.open(body, range);
    }
    this.#body = body;
    this.#range = range;
    const recordCount = outline[OUTLINE.RECORD_COUNT]!;
    if (this.#index.length < INDEX.COLUMNS * recordCount)
      this.#index = new Float64Array(INDEX.COLUMNS * recordCount);
    this.#cursor.fill(0);
    this.#cursor[CURSOR.AT] = outline[OUTLINE.RECORDS_AT]!;
    this.#cursor[CURSOR.LEFT] = recordCount;
    return outlineOf({
      recordCount,
      nextIterator: this.#member(OUTLINE.NEXT_ITERATOR_AT),
      millis: this.#member(OUTLINE.MILLIS_AT),
      childShards: this.#member(OUTLINE.CHILD_SHARDS_AT),
    });
  }

  #member(cell: number): CborValue | undefined {
    const at = this.#outline[cell]!;
    return at === 0 ? undefined : decodeCborAt(this.#body, at);
  }

  next(): Uint8Array | null {
    if (this.#fallback) return this.#fallback.next();
    const cursor = this.#cursor;
    while (cursor[CURSOR.LEFT]! > 0) {
      const bytes = this.#kernel.decodeGetRecords(this.#body, cursor, this.#out, this.#index, this.#range);
      if (bytes < 0) throw new RangeError('Cannot read the answer to GetRecords: a record is malformed');
      if (bytes > 0) return this.#out.subarray(0, bytes);
      // Nothing fitted: one record is larger than the whole buffer.
      if (cursor[CURSOR.LEFT]! > 0) this.#out = new Uint8Array(2 * cursor[CURSOR.NEED_BYTES]!);
    }
    return null;
  }

  get outsideCount(): number {
    return this.#fallback ? this.#fallback.outsideCount : this.#cursor[CURSOR.OUTSIDE]!;
  }

  sequenceNumber(ordinal: number): string {
    if (this.#fallback) return this.#fallback.sequenceNumber(ordinal);
    const row = ordinal * INDEX.COLUMNS;
    const start = this.#index[row + INDEX.SEQUENCE_AT]!;
    const { buffer, byteOffset } = this.#body;
    return Buffer.from(buffer, byteOffset + start, this.#index[row + INDEX.SEQUENCE_BYTES]!).toString(
      'latin1',
    );
  }

  arrivalMs(ordinal: number): number {
    return this.#fallback?.arrivalMs(ordinal) ?? this.#index[ordinal * INDEX.COLUMNS + INDEX.ARRIVAL_MS]!;
  }

  parts(ordinal: number): number {
    return this.#fallback?.parts(ordinal) ?? this.#index[ordinal * INDEX.COLUMNS + INDEX.PARTS]!;
  }
}
