/**
 * Cbor: RFC 8949, as much of it as the Kinesis protocol `application/x-amz-cbor-1.1` uses. The one reader and writer of small values in
 * JavaScript. What is read or written by the thousand has code of its own, and asks here where a body is unusual: records of PutRecords
 * (src/native/body.h, src/publish/kinesis/body.ts; src/native/result.cc; src/embedded/kinesis/put-request.ts) and of GetRecords (src/native/get-records.cc).
 * Takes  values to write; bytes of a peer that is not trusted.
 * Gives  bytes; null-prototype objects, arrays, strings, views of the bytes, numbers, booleans and null.
 * Never  reads past the end, never allocates by a length that the bytes do not back, never nests deeper than 32.
 *
 * Timestamps are tag 1 with whole milliseconds: what the service and its SDKs send, against RFC 8949, which says seconds
 * (aws-sdk-java-v2#184, #4661).
 */
import { isUtf8 } from 'node:buffer';

export type CborValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Date
  | readonly CborValue[]
  | { readonly [key: string]: CborValue | undefined };

const MAJOR = {
  UINT: 0,
  NEGATIVE: 1,
  BYTES: 2,
  TEXT: 3,
  ARRAY: 4,
  MAP: 5,
  TAG: 6,
  SIMPLE: 7,
} as const;
/** Deeper nesting than any body has; it guards the stack. */
const DEPTH_MAX = 32;
const TAG_TIMESTAMP = 1;
const BREAK = Symbol('break');

interface CborForm {
  /** Text that is not UTF-8 is given as its bytes, not with U+FFFD in their place. */
  readonly keepsBytes?: boolean;
  /** Timestamps are given as dates; by default they are their number. */
  readonly readsDates?: boolean;
}

/**
 * Reads exactly one item. Integers beyond 2^53 lose precision; tags other than dates are dropped; of equal keys the last one counts.
 * @throws {RangeError} When the bytes are not one whole, well-formed item with text keys only.
 */
export function decodeCbor(bytes: Uint8Array, form: CborForm = {}): CborValue {
  const reader = new Reader(bytes, 0, form);
  const value = reader.content(0);
  if (!reader.isAtEnd) throw new RangeError('Cannot read CBOR: bytes are left over');
  return value;
}

/** The item that starts at `at`, whatever follows it. @throws {RangeError} When there is none. */
export function decodeCborAt(bytes: Uint8Array, at: number): CborValue {
  return new Reader(bytes, at, {}).content(0);
}

class Reader {
  readonly #bytes: Buffer;
  readonly #form: CborForm;
  #at: number;

  constructor(bytes: Uint8Array, at: number, form: CborForm) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#form = form;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** An item where a break may not stand. */
  content(depth: number): CborValue {
    const value = this.#item(depth);
    if (value === BREAK) throw new RangeError('Cannot read CBOR: a break outside of anything');
    return value;
  }

  #item(depth: number): CborValue | typeof BREAK {
    if (depth > DEPTH_MAX) throw new RangeError(`Cannot read CBOR: nested deeper than ${DEPTH_MAX}`);
    const first = this.#byte();
    const major = first >> 5;
    const info = first & 31;
    if (major === MAJOR.SIMPLE) return this.#simple(info);
    const length = info === 31 ? null : this.#argument(info);
    switch (major) {
      case MAJOR.BYTES:
        return this.#string(MAJOR.BYTES, length);
      case MAJOR.TEXT: {
        const bytes = this.#string(MAJOR.TEXT, length);
        return this.#form.keepsBytes && !isUtf8(bytes) ? bytes : bytes.toString('utf8');
      }
      case MAJOR.ARRAY:
        return this.#array(length, depth);
      case MAJOR.MAP:
        return this.#map(length, depth);
      default:
        if (length === null) throw new RangeError('Cannot read CBOR: an integer or tag without a value');
        if (major === MAJOR.TAG) return this.#tagged(length, depth);
        return major === MAJOR.UINT ? length : -1 - length;
    }
  }

  #tagged(tag: number, depth: number): CborValue {
    const value = this.content(depth + 1);
    const isDate = this.#form.readsDates && tag === TAG_TIMESTAMP && typeof value === 'number';
    return isDate ? new Date(value) : value;
  }

  #array(length: number | null, depth: number): CborValue[] {
    const values: CborValue[] = [];
    this.#checkLength(length);
    for (let i = 0; length === null || i < length; i++) {
      const value = length === null ? this.#item(depth + 1) : this.content(depth + 1);
      if (value === BREAK) break;
      values.push(value);
    }
    return values;
  }

  #map(length: number | null, depth: number): Record<string, CborValue> {
    const fields: Record<string, CborValue> = Object.create(null);
    this.#checkLength(length);
    for (let i = 0; length === null || i < length; i++) {
      const first = this.#byte();
      if (first === 0xff && length === null) break;
      if (first >> 5 !== MAJOR.TEXT) throw new RangeError('Cannot read CBOR: a map key is not text');
      const key = this.#string(MAJOR.TEXT, (first & 31) === 31 ? null : this.#argument(first & 31));
      fields[key.toString('utf8')] = this.content(depth + 1);
    }
    return fields;
  }

  /** Each item takes a byte at least, so a length beyond the bytes left is a lie. */
  #checkLength(length: number | null): void {
    if (length !== null && length > this.#bytes.length - this.#at) throw this.#short();
  }

  #string(major: number, length: number | null): Buffer {
    if (length !== null) {
      this.#checkLength(length);
      this.#at += length;
      return this.#bytes.subarray(this.#at - length, this.#at);
    }
    const chunks: Buffer[] = [];
    for (let first = this.#byte(); first !== 0xff; first = this.#byte()) {
      if (first >> 5 !== major || (first & 31) === 31) {
        throw new RangeError('Cannot read CBOR: a chunk of another kind within a string');
      }
      chunks.push(this.#string(major, this.#argument(first & 31)));
    }
    return Buffer.concat(chunks);
  }

  /** What has no meaning here is null, as `null` and `undefined` are. */
  #simple(info: number): CborValue | typeof BREAK {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 25:
        return halfToNumber(this.#take(2).readUInt16BE());
      case 26:
        return this.#take(4).readFloatBE();
      case 27:
        return this.#take(8).readDoubleBE();
      case 31:
        return BREAK;
      default:
        this.#argument(info);
        return null;
    }
  }

  #argument(info: number): number {
    if (info < 24) return info;
    switch (info) {
      case 24:
        return this.#byte();
      case 25:
        return this.#take(2).readUInt16BE();
      case 26:
        return this.#take(4).readUInt32BE();
      case 27:
        return Number(this.#take(8).readBigUInt64BE());
      default:
        throw new RangeError('Cannot read CBOR: a reserved length');
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw this.#short();
    this.#at++;
    return byte;
  }

  #take(length: number): Buffer {
    this.#checkLength(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #short(): RangeError {
    return new RangeError(`Cannot read CBOR: it ends early, after ${this.#bytes.length} bytes`);
  }
}

/** RFC 8949, appendix D. */
function halfToNumber(half: number): number {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * A value as CBOR: what CborValue says, with `undefined` for null outside of objects. Members that are undefined are left out; numbers
 * without a fraction are written as integers, dates as timestamps.
 */
export function encodeCbor(value: unknown): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: unknown, parts: Uint8Array[]): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    parts.push(cborHead(MAJOR.TEXT, bytes.length), bytes);
  } else if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const bytes = Buffer.alloc(9, 0xfb);
    bytes.writeDoubleBE(value, 1);
    parts.push(bytes);
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    const number = Number(value);
    parts.push(number < 0 ? cborHead(MAJOR.NEGATIVE, -1 - number) : cborHead(MAJOR.UINT, number));
  } else if (typeof value === 'boolean' || value === null || value === undefined) {
    parts.push(Uint8Array.of(value ? 0xf5 : value === false ? 0xf4 : 0xf6));
  } else if (value instanceof Uint8Array) {
    parts.push(cborHead(MAJOR.BYTES, value.length), value);
  } else if (value instanceof Date) {
    parts.push(cborHead(MAJOR.TAG, TAG_TIMESTAMP));
    write(value.getTime(), parts);
  } else if (Array.isArray(value)) {
    parts.push(cborHead(MAJOR.ARRAY, value.length));
    for (const item of value) write(item, parts);
  } else {
    const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
    parts.push(cborHead(MAJOR.MAP, entries.length));
    for (const [name, item] of entries) {
      write(name, parts);
      write(item, parts);
    }
  }
}

/** The first byte of an item and its length, in the shortest form. */
export function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.of((major << 5) | length);
  const [info, byteCount] =
    length < 0x100 ? [24, 1] : length < 0x10000 ? [25, 2] : length < 0x100000000 ? [26, 4] : [27, 8];
  const bytes = Buffer.allocUnsafe(1 + byteCount);
  bytes[0] = (major << 5) | info;
  if (byteCount === 8) bytes.writeBigUInt64BE(BigInt(length), 1);
  else bytes.writeUIntBE(length, 1, byteCount);
  return bytes;
}
