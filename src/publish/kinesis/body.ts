/**
 * Body: the parts of a PutRecords request, {Records: [{Data, PartitionKey, ExplicitHashKey?}...], StreamARN or StreamName}, in CBOR and JSON.
 * Takes  keys and data as bytes.
 * Gives  bytes in a buffer of the caller, and the bound that says how large it must be.
 * Never  grows a buffer. The native twin is src/native/body.h; both write the same bytes.
 */
import type { Wire } from '../../aws/wire.ts';
import { FRAME } from '../../record/frame.ts';
import type { EntryForm, EntryParts } from '../entries.ts';

/** Room for everything around the entries; a stream ARN has at most 2,048 characters (SDK-K). */
const ENVELOPE_BYTES_MAX = 16_384;
const STREAM_ARN_BYTES_MAX = 2048;
/** What surrounds the entries of a request in CBOR: the stream with the name and head of its field, the opening. */
export const SURROUND_BYTES_MAX = STREAM_ARN_BYTES_MAX + 16 + 16;

/**
 * What an entry adds to its data and key at most. In CBOR that is 84 bytes: map head, three field names, three lengths, 39 digits;
 * aggregated it is 69 within the aggregate and half of the entry of an aggregate of two. JSON needs more for names and quotes.
 */
export const ENTRY_BYTES_MAX = { cbor: 160, json: 320 } as const;

/** `\u0000`: the longest escape of one byte in a JSON string. */
export const ESCAPE_BYTES_MAX = 6;

/** See `PutCodec.encodedBytesMax`. */
export function encodedBytesMax(frames: Uint8Array, count: number, wire: Wire): number {
  const entriesBytes = count * ENTRY_BYTES_MAX[wire] + ENVELOPE_BYTES_MAX;
  if (wire === 'cbor') return frames.byteLength + entriesBytes;
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  let keysBytes = 0;
  for (let i = 0, at = 0; i < count; i++, at += view.getUint32(at + FRAME.FRAME_BYTES, true)) {
    keysBytes += view.getUint16(at + FRAME.KEY_BYTES, true);
  }
  return Math.ceil(frames.byteLength / 3) * 4 + keysBytes * ESCAPE_BYTES_MAX + entriesBytes;
}

/**
 * What follows the last entry: the stream, by its ARN or by its name, whichever is given. Not every endpoint knows ARNs (kinesalite).
 * @throws {RangeError} When it is over 2,048 bytes.
 */
export function bodySuffix(wire: Wire, stream: string): Uint8Array {
  const text = Buffer.from(stream, 'utf8');
  if (text.length > STREAM_ARN_BYTES_MAX) {
    throw new RangeError(`Expected a stream ARN of at most 2048 bytes, but received ${text.length}`);
  }
  const isArn = stream.startsWith('arn:');
  if (wire === 'json') {
    return Buffer.from(`],"${isArn ? 'StreamARN' : 'StreamName'}":${JSON.stringify(stream)}}`, 'utf8');
  }
  const out = Buffer.alloc(16 + text.length);
  const writer = new CborWriter(out);
  writer.literal(isArn ? STREAM_ARN : STREAM_NAME);
  writer.head(MAJOR_TEXT, text.length);
  writer.literal(text);
  return out.subarray(0, writer.at);
}

/** Writes a whole body: `open`, `entry` for each record, `close`. */
export interface BodyWriter {
  open(): void;
  entry(entry: EntryParts): void;
  /** @returns Bytes of the whole body. */
  close(suffix: Uint8Array): number;
}

export function bodyWriter(wire: Wire, out: Uint8Array): BodyWriter {
  return wire === 'cbor' ? new CborWriter(out) : new JsonWriter(out);
}

const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const RECORDS = Buffer.from('\xa2\x67Records\x99', 'latin1');
const DATA = Buffer.from('\x64Data', 'latin1');
const PARTITION_KEY = Buffer.from('\x6cPartitionKey', 'latin1');
const EXPLICIT_HASH_KEY = Buffer.from('\x6fExplicitHashKey', 'latin1');
const STREAM_ARN = Buffer.from('\x69StreamARN', 'latin1');
const STREAM_NAME = Buffer.from('\x6aStreamName', 'latin1');

class CborWriter implements BodyWriter {
  at: number;
  /** Of the last entry. */
  keyStart = 0;
  #entries = 0;
  readonly #out: Uint8Array;
  constructor(out: Uint8Array, at = 0) {
    this.#out = out;
    this.at = at;
  }
  open(): void {
    this.literal(RECORDS);
    this.at += 2; // the array's length is written when it is known: always two bytes
  }
  entry(entry: EntryParts): void {
    this.#entries++;
    this.#out[this.at++] = entry.explicitHashKey === null ? 0xa2 : 0xa3;
    this.literal(DATA);
    this.head(MAJOR_BYTES, entry.data.length);
    this.literal(entry.data);
    this.literal(PARTITION_KEY);
    this.head(MAJOR_TEXT, entry.key.length);
    this.keyStart = this.at;
    this.literal(entry.key);
    if (entry.explicitHashKey === null) return;
    this.literal(EXPLICIT_HASH_KEY);
    this.head(MAJOR_TEXT, entry.explicitHashKey.length);
    this.literal(Buffer.from(entry.explicitHashKey, 'latin1'));
  }
  close(suffix: Uint8Array): number {
    this.#out[RECORDS.length] = this.#entries >> 8;
    this.#out[RECORDS.length + 1] = this.#entries;
    this.literal(suffix);
    return this.at;
  }
  /** Closes around entries that stand there already, up to `at`. */
  closeAround(entries: number, suffix: Uint8Array): number {
    this.#out.set(RECORDS);
    this.#entries = entries;
    return this.close(suffix);
  }
  literal(bytes: Uint8Array): void {
    this.#out.set(bytes, this.at);
    this.at += bytes.length;
  }
  /** The head of an item: major type and length, as short as it goes. */
  head(major: number, length: number): void {
    const out = this.#out;
    const type = major << 5;
    if (length < 24) {
      out[this.at++] = type | length;
    } else if (length < 0x100) {
      out[this.at++] = type | 24;
      out[this.at++] = length;
    } else if (length < 0x1_0000) {
      out[this.at++] = type | 25;
      out[this.at++] = length >> 8;
      out[this.at++] = length;
    } else {
      out[this.at++] = type | 26;
      for (let shift = 24; shift >= 0; shift -= 8) out[this.at++] = length >>> shift;
    }
  }
}

/** What stands between the data of an entry and its key: the name of the key's field, and the key's head. */
function gapBytes(keyBytes: number): number {
  return PARTITION_KEY.length + (keyBytes < 24 ? 1 : keyBytes < 0x100 ? 2 : 3);
}

/** Entries of PutRecords in CBOR, as src/native/drain.cc writes them, too. */
export const CBOR_ENTRIES: EntryForm = {
  openingBytes: RECORDS.length + 2,
  surroundBytesMax: SURROUND_BYTES_MAX,
  entryBytesMax: ENTRY_BYTES_MAX.cbor,
  gapBytes,
  write(out, at, parts) {
    const writer = new CborWriter(out, at);
    writer.entry(parts);
    return { keyStart: writer.keyStart, end: writer.at };
  },
};

/** Makes a body of entries that end at `end`. @returns Its bytes. */
export function closeEntries(out: Uint8Array, end: number, count: number, suffix: Uint8Array): number {
  return new CborWriter(out, end).closeAround(count, suffix);
}

class JsonWriter implements BodyWriter {
  #at = 0;
  #isFirst = true;
  readonly #out: Buffer;
  constructor(out: Uint8Array) {
    this.#out = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
  }
  open(): void {
    this.#text('{"Records":[');
  }
  entry(entry: EntryParts): void {
    const data = Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength);
    const key = Buffer.from(entry.key.buffer, entry.key.byteOffset, entry.key.byteLength).toString('utf8');
    this.#text(this.#isFirst ? '{"Data":"' : ',{"Data":"');
    this.#isFirst = false;
    this.#at += this.#out.write(data.toString('base64'), this.#at, 'latin1');
    this.#text(`","PartitionKey":${JSON.stringify(key)}`);
    if (entry.explicitHashKey !== null) this.#text(`,"ExplicitHashKey":"${entry.explicitHashKey}"`);
    this.#text('}');
  }
  close(suffix: Uint8Array): number {
    this.#out.set(suffix, this.#at);
    this.#at += suffix.length;
    return this.#at;
  }
  #text(text: string): void {
    this.#at += this.#out.write(text, this.#at, 'utf8');
  }
}
