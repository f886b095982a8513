/**
 * Portable answer: reads a GetRecords answer without native code, in CBOR of any form or in JSON. Twin of src/native/get-records.cc.
 * Takes  the body. Gives  RECORD frames and what else the answer says, as src/stream/answer.ts describes.
 * Owns   the decoded records of one answer, at most 10 MiB of them.
 * Never  allocates more than one answer's worth: frames come in runs.
 */
import { createHash } from 'node:crypto';
import { type CborValue, decodeCbor } from '../aws/cbor.ts';
import { MillraceError } from '../base/errors.ts';
import { KPL } from '../base/limits.ts';
import { openAggregate, type Part } from '../record/aggregate.ts';
import { FRAME, FRAME_FLAG, FRAME_KIND, frameBytes } from '../record/frame.ts';
import { type Answer, type AnswerOutline, type HashRange, outlineOf, PARTS } from './answer.ts';

interface Entry {
  readonly key: Buffer;
  readonly data: Uint8Array;
  readonly sequenceNumber: string;
  readonly arrivalMs: number;
}

const RUN_BYTES = 512 * 1024;
const MASK_64 = (1n << 64n) - 1n;

function hasAggregateMagic(data: Uint8Array): boolean {
  return (
    data.length >= KPL.magic.length + KPL.checksumBytes && KPL.magic.every((byte, i) => data[i] === byte)
  );
}

function isChecksumRight(data: Uint8Array): boolean {
  const end = data.length - KPL.checksumBytes;
  const checksum = createHash('md5').update(data.subarray(KPL.magic.length, end)).digest();
  return checksum.equals(data.subarray(end));
}

/** The hash key of a sub-record; zero for an explicit one that is not a number. */
function hashKeyOf(part: Part): bigint {
  const digits = part.explicitHashKey;
  if (digits === null) return BigInt(`0x${createHash('md5').update(part.key).digest('hex')}`);
  return /^\d{1,39}$/.test(digits) ? BigInt.asUintN(128, BigInt(digits)) : 0n;
}

export class PortableAnswer implements Answer {
  readonly #wire: 'cbor' | 'json';
  #entries: Entry[] = [];
  #parts: number[] = [];
  #range: HashRange | null = null;
  /** The aggregate that is being written, and how many of its sub-records are. */
  #open: Part[] | null = null;
  #sub = 0;
  /** Whether a part of the open aggregate is outside the range, which condemns all of them. */
  #isDropped = false;
  #out = new Uint8Array(RUN_BYTES);
  #used = 0;
  outsideCount = 0;

  constructor(wire: 'cbor' | 'json') {
    this.#wire = wire;
  }

  open(body: Uint8Array, range: HashRange | null): AnswerOutline {
    const isCbor = this.#wire === 'cbor';
    const members = (isCbor ? decodeCbor(body, { keepsBytes: true }) : valuesOf(body)) as Record<
      string,
      CborValue
    >;
    const records = (members?.Records ?? []) as Record<string, CborValue>[];
    this.#entries = records.map((record) => entryOf(record, isCbor));
    this.#parts = [];
    this.#range = range;
    this.#open = null;
    this.outsideCount = 0;
    return outlineOf({
      recordCount: records.length,
      nextIterator: members.NextShardIterator,
      millis: members.MillisBehindLatest,
      childShards: members.ChildShards,
    });
  }

  next(): Uint8Array | null {
    this.#used = 0;
    while (this.#parts.length < this.#entries.length || this.#open) {
      if (!this.#open) this.#begin(this.#entries[this.#parts.length]!);
      if (!this.#writeParts()) return this.#out.subarray(0, this.#used);
    }
    return this.#used > 0 ? this.#out.subarray(0, this.#used) : null;
  }

  /** Takes the next entry as what it is: an aggregate, or a single record. */
  #begin(entry: Entry): void {
    let parts = 0;
    let open: Part[] | null = null;
    if (hasAggregateMagic(entry.data)) {
      if (isChecksumRight(entry.data)) open = openAggregate(entry.data);
      else parts = PARTS.BAD_CHECKSUM;
      if (parts === 0) parts = open ? open.length : PARTS.MALFORMED;
    }
    this.#parts.push(parts);
    this.#sub = 0;
    const range = this.#range;
    this.#isDropped =
      open !== null && range !== null && !open.every((part) => isInside(hashKeyOf(part), range));
    this.#open = open ?? [{ key: entry.key, explicitHashKey: null, data: entry.data }];
  }

  /** @returns False when the run is full. */
  #writeParts(): boolean {
    const ordinal = this.#parts.length - 1;
    const isAggregate = this.#parts[ordinal]! > 0;
    for (const open = this.#open!; this.#sub < open.length; this.#sub++) {
      const part = open[this.#sub]!;
      const { key } = part;
      const bytes = frameBytes(key.length, part.data.length);
      if (bytes > this.#out.length - this.#used) {
        if (this.#used > 0) return false;
        this.#out = new Uint8Array(2 * bytes);
      }
      this.#writeFrame(bytes, key, part, ordinal, isAggregate);
    }
    this.#open = null;
    return true;
  }

  #writeFrame(bytes: number, key: Buffer, part: Part, ordinal: number, isAggregate: boolean): void {
    const view = new DataView(this.#out.buffer, this.#used, bytes);
    this.#out.fill(0, this.#used, this.#used + FRAME.HEADER_BYTES);
    view.setUint32(FRAME.FRAME_BYTES, bytes, true);
    view.setUint8(FRAME.KIND, FRAME_KIND.RECORD);
    view.setUint16(FRAME.KEY_BYTES, key.length, true);
    view.setUint32(FRAME.DATA_BYTES, part.data.length, true);
    view.setUint32(FRAME.SLICE, ordinal, true);
    view.setUint32(FRAME.LINE_OFFSET, this.#sub, true);
    const isExplicit = isAggregate && part.explicitHashKey !== null;
    view.setUint8(
      FRAME.FLAGS,
      (isExplicit ? FRAME_FLAG.EXPLICIT_HASH_KEY : 0) | (this.#isDropped ? FRAME_FLAG.DROPPED : 0),
    );
    if (isAggregate && (this.#range || part.explicitHashKey !== null)) {
      const hash = hashKeyOf(part);
      view.setBigUint64(FRAME.HASH_HIGH, hash >> 64n, true);
      view.setBigUint64(FRAME.HASH_LOW, hash & MASK_64, true);
    }
    if (this.#isDropped) this.outsideCount += 1;
    this.#out.set(key, this.#used + FRAME.HEADER_BYTES);
    this.#out.set(part.data, this.#used + FRAME.HEADER_BYTES + key.length);
    this.#used += bytes;
  }

  sequenceNumber(ordinal: number): string {
    return this.#entries[ordinal]!.sequenceNumber;
  }

  arrivalMs(ordinal: number): number {
    return this.#entries[ordinal]!.arrivalMs;
  }

  parts(ordinal: number): number {
    return this.#parts[ordinal]!;
  }
}

function entryOf(record: Record<string, CborValue>, isCbor: boolean): Entry {
  const arrival = Number(record.ApproximateArrivalTimestamp ?? 0);
  if (typeof record.SequenceNumber !== 'string') {
    throw new RangeError('Cannot read the answer to GetRecords: a record is malformed');
  }
  return {
    key: keyOf(record.PartitionKey ?? '', isCbor),
    data: bytesOf(record.Data ?? '', isCbor),
    sequenceNumber: record.SequenceNumber,
    // Milliseconds in CBOR, seconds in JSON.
    arrivalMs: isCbor ? arrival : Math.round(arrival * 1000),
  };
}

/** @throws {TypeError} When it is not UTF-8: replaced by U+FFFD it could look like another answer. */
function valuesOf(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
}

/** The key's bytes as the service has them: in CBOR they may not be UTF-8, in JSON half a character cannot be given as bytes. */
function keyOf(key: CborValue, isCbor: boolean): Buffer {
  if (key instanceof Uint8Array) return Buffer.from(key);
  const text = String(key);
  if (text.isWellFormed()) return Buffer.from(text);
  const reason = 'Cannot read the answer to GetRecords: a partition key is no text';
  if (isCbor) throw new RangeError(reason);
  throw new MillraceError('MILLRACE_STREAM', `${reason}; read the stream with --wire cbor`);
}

/** Bytes, or base64 text: in JSON always, in CBOR as kinesis-local writes them. Nothing else is taken for data. */
function bytesOf(data: CborValue, isCbor: boolean): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') {
    const bytes = Buffer.from(data, 'base64');
    // Node skips what is not base64; whoever wrote that meant something else.
    const digitCount = data.length - (data.endsWith('==') ? 2 : Number(data.endsWith('=')));
    if (digitCount % 4 !== 1 && bytes.length === Math.floor((digitCount * 3) / 4)) return bytes;
  }
  const reason = "Cannot read the answer to GetRecords: a record's data is not base64";
  // In JSON it will not be any better.
  if (isCbor) throw new RangeError(reason);
  const advice = 'kinesalite answers so where records were put as CBOR: put them with --wire json';
  throw new MillraceError('MILLRACE_STREAM', `${reason}; ${advice}`);
}

function isInside(hash: bigint, range: HashRange): boolean {
  return hash >= (range[0]! << 64n) + range[1]! && hash <= (range[2]! << 64n) + range[3]!;
}
