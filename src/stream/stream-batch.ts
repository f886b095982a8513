/**
 * Stream batch: the records of one GetRecords answer, as frames or as objects.
 * Takes  an opened answer.
 * Gives  runs of RECORD frames for those who count bytes; records for those who read them.
 * Owns   nothing: the answer's memory is reused as soon as the next batch is asked for.
 */
import { FRAME, FRAME_FLAG } from '../record/frame.ts';
import { type Answer, PARTS } from './answer.ts';

export interface StreamRecord {
  /** `<stream>/<shard>/<sequenceNumber>`, with `/<subSequenceNumber>` for a part of a KPL aggregate: unique in the stream's history. */
  readonly id: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** 0-based place in its aggregate, or null. */
  readonly subSequenceNumber: number | null;
  readonly partitionKey: string;
  /** Known of parts of an aggregate only: the service does not give it back. */
  readonly explicitHashKey: bigint | null;
  /** A copy, the reader's to keep. */
  readonly data: Uint8Array;
  /** Part of an aggregate with a hash key that is not the shard's: the Kinesis Client Library does not show it to an application. */
  readonly isDropped: boolean;
  /** Milliseconds since the epoch. */
  readonly arrivalMs: number;
}

/** A record that starts like a KPL aggregate and is not one. It is delivered as one plain record all the same. */
export interface Undecodable {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly reason: 'checksum' | 'malformed';
}

export interface BatchPlace {
  readonly streamName: string;
  readonly shardId: string;
}

export class StreamBatch {
  readonly streamName: string;
  readonly shardId: string;
  /** Records of the answer; an aggregate counts as one. */
  readonly recordCount: number;
  /** How far behind the tip of its shard this batch is. */
  readonly millisBehindLatest: number;
  readonly #answer: Answer;

  constructor(answer: Answer, place: BatchPlace, recordCount: number, millisBehindLatest: number) {
    this.#answer = answer;
    this.streamName = place.streamName;
    this.shardId = place.shardId;
    this.recordCount = recordCount;
    this.millisBehindLatest = millisBehindLatest;
  }

  /**
   * Runs of RECORD frames (src/record/frame.ts); each is valid until the next. `slice` is the record's ordinal in the batch,
   * `lineOffset` the number of the part in its aggregate. Once per batch, this or records().
   */
  *frames(): Generator<Uint8Array, void, undefined> {
    for (let run = this.#answer.next(); run !== null; run = this.#answer.next()) yield run;
  }

  /** The frames of frames() that an application on the Kinesis Client Library is shown: without aggregates that it drops. */
  *shownFrames(): Generator<Uint8Array, void, undefined> {
    let droppedCount = this.#answer.outsideCount;
    for (const run of this.frames()) {
      const isWhole = this.#answer.outsideCount === droppedCount;
      droppedCount = this.#answer.outsideCount;
      yield isWhole ? run : withoutDropped(run);
    }
  }

  /** The records as objects. Once per batch, this or frames(). */
  *records(): Generator<StreamRecord, void, undefined> {
    for (const run of this.frames()) {
      const bytes = Buffer.from(run.buffer, run.byteOffset, run.byteLength);
      for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + FRAME.FRAME_BYTES))
        yield this.#record(run, bytes, at);
    }
  }

  #record(run: Uint8Array, bytes: Buffer, at: number): StreamRecord {
    const ordinal = bytes.readUInt32LE(at + FRAME.SLICE);
    const keyAt = at + FRAME.HEADER_BYTES;
    const dataAt = keyAt + bytes.readUInt16LE(at + FRAME.KEY_BYTES);
    const sequenceNumber = this.#answer.sequenceNumber(ordinal);
    const part =
      this.#answer.parts(ordinal) > 0 ? Number(bytes.readBigUInt64LE(at + FRAME.LINE_OFFSET)) : null;
    const flags = bytes.readUInt8(at + FRAME.FLAGS);
    const isExplicit = (flags & FRAME_FLAG.EXPLICIT_HASH_KEY) !== 0;
    const hashHigh = bytes.readBigUInt64LE(at + FRAME.HASH_HIGH);
    return {
      id: `${this.streamName}/${this.shardId}/${sequenceNumber}${part === null ? '' : `/${part}`}`,
      shardId: this.shardId,
      sequenceNumber,
      subSequenceNumber: part,
      partitionKey: bytes.toString('utf8', keyAt, dataAt),
      explicitHashKey: isExplicit ? (hashHigh << 64n) + bytes.readBigUInt64LE(at + FRAME.HASH_LOW) : null,
      data: run.slice(dataAt, dataAt + bytes.readUInt32LE(at + FRAME.DATA_BYTES)),
      isDropped: (flags & FRAME_FLAG.DROPPED) !== 0,
      arrivalMs: this.#answer.arrivalMs(ordinal),
    };
  }

  /** @param ordinal A frame's `slice`. */
  sequenceNumber(ordinal: number): string {
    return this.#answer.sequenceNumber(ordinal);
  }

  /** Parts so far of aggregates of which a hash key belongs to another shard: the Kinesis Client Library drops all of such an aggregate. */
  get outsideCount(): number {
    return this.#answer.outsideCount;
  }

  /** Records in the frames that were read, the parts of aggregates one by one. */
  get partCount(): number {
    let count = 0;
    for (let ordinal = 0; ordinal < this.recordCount; ordinal++)
      count += Math.max(1, this.#answer.parts(ordinal));
    return count;
  }

  /** Reads what the consumer left. @returns The last record, or null. */
  drain(): { readonly sequenceNumber: string; readonly arrivalMs: number } | null {
    while (this.#answer.next() !== null);
    const last = this.recordCount - 1;
    if (last < 0) return null;
    return { sequenceNumber: this.#answer.sequenceNumber(last), arrivalMs: this.#answer.arrivalMs(last) };
  }

  /** The records of a drained batch that start like aggregates and are not. */
  *undecodable(): Generator<Undecodable, void, undefined> {
    for (let ordinal = 0; ordinal < this.recordCount; ordinal++) {
      const parts = this.#answer.parts(ordinal);
      if (parts >= 0) continue;
      const reason = parts === PARTS.BAD_CHECKSUM ? 'checksum' : 'malformed';
      yield { shardId: this.shardId, sequenceNumber: this.#answer.sequenceNumber(ordinal), reason };
    }
  }
}

/** The frames of a run that are not flagged DROPPED, moved together at its start. */
function withoutDropped(run: Uint8Array): Uint8Array {
  const view = new DataView(run.buffer, run.byteOffset, run.byteLength);
  let kept = 0;
  for (let at = 0, bytes = 0; at < run.byteLength; at += bytes) {
    bytes = view.getUint32(at + FRAME.FRAME_BYTES, true);
    if ((view.getUint8(at + FRAME.FLAGS) & FRAME_FLAG.DROPPED) !== 0) continue;
    run.copyWithin(kept, at, at + bytes);
    kept += bytes;
  }
  return run.subarray(0, kept);
}
