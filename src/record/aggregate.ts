/**
 * KPL: the aggregated record of the producer library of that name (src/base/limits.ts), in JavaScript: taking one apart, and putting one together.
 * Takes  the data of a stream record; or records that shall share one.
 * Gives  sub-records; or the aggregate's bytes, as src/native/aggregate.cc writes them.
 * Format: magic, protobuf AggregatedRecord, MD5 of the protobuf bytes (its aggregation-format.md).
 *   AggregatedRecord { 1: repeated string partition_key_table; 2: repeated string explicit_hash_key_table;
 *                      3: repeated Record { 1: partition_key_index; 2: optional explicit_hash_key_index; 3: bytes data; 4: tags } }
 */
import { createHash } from 'node:crypto';
import { KPL } from '../base/limits.ts';

export interface SubRecord {
  readonly partitionKey: string;
  /** In decimal, or null where the record has none. */
  readonly explicitHashKey: string | null;
  /** A view into the aggregate's bytes, not a copy. */
  readonly data: Uint8Array;
}

/** A sub-record with its key as it is: other producers may have written text that is not UTF-8. */
export interface Part extends Omit<SubRecord, 'partitionKey'> {
  /** A view into the aggregate's bytes. */
  readonly key: Buffer;
}

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/**
 * Takes an aggregated record apart.
 * @param data What the stream holds.
 * @returns The sub-records in order, or null when `data` is not an aggregated record: wrong magic, wrong checksum, or not the
 * message that the format describes. Consumers take such data as one plain record, as that library's counterpart for consumers does.
 */
export function deaggregate(data: Uint8Array): SubRecord[] | null {
  const parts = openAggregate(data);
  if (parts === null) return null;
  return parts.map(({ key, ...part }) => ({ partitionKey: key.toString('utf8'), ...part }));
}

/** The same with the bytes of the keys. */
export function openAggregate(data: Uint8Array): Part[] | null {
  const magic = KPL.magic;
  const protoEnd = data.length - KPL.checksumBytes;
  if (protoEnd < magic.length || magic.some((byte, i) => data[i] !== byte)) return null;
  const proto = Buffer.from(data.buffer, data.byteOffset + magic.length, protoEnd - magic.length);
  const checksum = createHash('md5').update(proto).digest();
  if (checksum.compare(data, protoEnd) !== 0) return null;
  return readAggregate(proto);
}

interface RawRecord {
  keyIndex: number;
  explicitIndex: number;
  data: Uint8Array | null;
}

function readAggregate(proto: Buffer): Part[] | null {
  const keys: Buffer[] = [];
  const explicitKeys: string[] = [];
  const records: RawRecord[] = [];
  const reader = new ProtoReader(proto);
  while (reader.next()) {
    if (reader.wire !== WIRE_BYTES) continue;
    if (reader.field === 1) keys.push(reader.bytes);
    else if (reader.field === 2) explicitKeys.push(reader.bytes.toString('utf8'));
    else if (reader.field === 3) {
      const record = readRecord(reader.bytes);
      if (!record) return null;
      records.push(record);
    }
  }
  if (!reader.isWhole) return null;
  const parts: Part[] = [];
  for (const { keyIndex, explicitIndex, data } of records) {
    const key = keys[keyIndex];
    const explicitHashKey = explicitIndex < 0 ? null : explicitKeys[explicitIndex];
    if (key === undefined || explicitHashKey === undefined || data === null) return null;
    parts.push({ key, explicitHashKey, data });
  }
  return parts;
}

function readRecord(bytes: Buffer): RawRecord | null {
  const record: RawRecord = { keyIndex: -1, explicitIndex: -1, data: null };
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === WIRE_VARINT) record.keyIndex = reader.varint;
    else if (reader.field === 2 && reader.wire === WIRE_VARINT) record.explicitIndex = reader.varint;
    else if (reader.field === 3 && reader.wire === WIRE_BYTES) record.data = reader.bytes;
  }
  return reader.isWhole && record.keyIndex >= 0 && record.data !== null ? record : null;
}

/** A cursor over the fields of one protobuf message. Unknown fields are given too, for the caller to pass over. */
class ProtoReader {
  field = 0;
  wire = 0;
  /** The value of a varint field. */
  varint = 0;
  /** The value of a length-delimited field, a view. */
  bytes: Buffer;
  /** False once the message turned out to be cut or malformed. */
  isWhole = true;
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    this.#message = message;
    this.bytes = message;
  }

  next(): boolean {
    if (!this.isWhole || this.#at === this.#message.length) return false;
    const tag = this.#readVarint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.wire === WIRE_VARINT) this.varint = this.#readVarint();
    else if (this.wire === WIRE_BYTES) this.bytes = this.#take(this.#readVarint());
    else if (this.wire === WIRE_FIXED64) this.#take(8);
    else if (this.wire === WIRE_FIXED32) this.#take(4);
    else this.isWhole = false;
    return this.isWhole;
  }

  #take(length: number): Buffer {
    if (length > this.#message.length - this.#at) this.isWhole = false;
    const end = Math.min(this.#at + length, this.#message.length);
    const taken = this.#message.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** @returns The number, or 0 after marking the message as broken when it does not end or is over 2^53. */
  #readVarint(): number {
    let value = 0;
    let factor = 1;
    for (let length = 1; length <= 8; length++, factor *= 128) {
      const byte = this.#message[this.#at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128 && Number.isSafeInteger(value)) return value;
    }
    this.isWhole = false;
    this.#at = this.#message.length;
    return 0;
  }
}

/** What the aggregate's own record is sent with, so that it lands in the shard of its explicit hash key. The KPL does the same. */
export const AGGREGATE_KEY: Uint8Array = Uint8Array.of(0x61);

/** Magic, checksum and the aggregate's own partition key "a". */
const OVERHEAD_BYTES = KPL.magic.length + KPL.checksumBytes + AGGREGATE_KEY.length;

/** Puts one aggregate together. Keys are stored once each, in the order of their first use. */
export class Aggregate {
  count = 0;
  #protoBytes = 0;
  readonly #keys = new Map<string, number>();
  readonly #keyList: Uint8Array[] = [];
  readonly #explicitKeys = new Map<string, number>();
  readonly #records: { keyIndex: number; explicitIndex: number; data: Uint8Array }[] = [];

  /** Data plus key of the aggregated record, as the service counts them. */
  get payloadBytes(): number {
    return this.#protoBytes + OVERHEAD_BYTES;
  }

  /**
   * Adds a record unless the aggregate would get larger than `payloadBytesMax`; the first one is always taken.
   * @returns Whether it was taken.
   */
  tryAdd(
    key: Uint8Array,
    explicitHashKey: string | null,
    data: Uint8Array,
    payloadBytesMax: number,
  ): boolean {
    const keyText = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
    const keyIndex = this.#keys.get(keyText) ?? this.#keys.size;
    const explicitIndex =
      explicitHashKey === null ? -1 : (this.#explicitKeys.get(explicitHashKey) ?? this.#explicitKeys.size);
    let addedBytes = fieldBytes(recordBytes(keyIndex, explicitIndex, data.length));
    if (keyIndex === this.#keys.size) addedBytes += fieldBytes(key.length);
    if (explicitHashKey !== null && explicitIndex === this.#explicitKeys.size) {
      addedBytes += fieldBytes(explicitHashKey.length);
    }
    if (this.count > 0 && this.payloadBytes + addedBytes > payloadBytesMax) return false;
    if (keyIndex === this.#keys.size) {
      this.#keys.set(keyText, keyIndex);
      this.#keyList.push(key);
    }
    if (explicitHashKey !== null) this.#explicitKeys.set(explicitHashKey, explicitIndex);
    this.#records.push({ keyIndex, explicitIndex, data });
    this.#protoBytes += addedBytes;
    this.count++;
    return true;
  }

  /** @returns The data of the aggregated record. */
  encode(): Buffer {
    const out = Buffer.allocUnsafe(KPL.magic.length + this.#protoBytes + KPL.checksumBytes);
    out.set(KPL.magic);
    let at = KPL.magic.length;
    const putVarint = (value: number) => {
      let rest = value;
      for (; rest >= 128; rest = Math.floor(rest / 128)) out[at++] = (rest & 127) | 128;
      out[at++] = rest;
    };
    const putBytes = (tag: number, bytes: Uint8Array) => {
      out[at++] = tag;
      putVarint(bytes.length);
      out.set(bytes, at);
      at += bytes.length;
    };
    for (const key of this.#keyList) putBytes(0x0a, key);
    for (const key of this.#explicitKeys.keys()) putBytes(0x12, Buffer.from(key, 'latin1'));
    for (const { keyIndex, explicitIndex, data } of this.#records) {
      out[at++] = 0x1a;
      putVarint(recordBytes(keyIndex, explicitIndex, data.length));
      out[at++] = 0x08;
      putVarint(keyIndex);
      if (explicitIndex >= 0) {
        out[at++] = 0x10;
        putVarint(explicitIndex);
      }
      putBytes(0x1a, data);
    }
    const checksum = createHash('md5').update(out.subarray(KPL.magic.length, at)).digest();
    out.set(checksum, at);
    return out;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** A length-delimited field with its tag. */
function fieldBytes(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes;
}

/** A Record message without its tag and length. */
function recordBytes(keyIndex: number, explicitIndex: number, dataBytes: number): number {
  const explicitBytes = explicitIndex < 0 ? 0 : 1 + varintBytes(explicitIndex);
  return 1 + varintBytes(keyIndex) + explicitBytes + fieldBytes(dataBytes);
}
