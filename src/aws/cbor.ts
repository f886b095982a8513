/**
 * Cbor: RFC 8949, as much of it as the Kinesis protocol `application/x-amz-cbor-1.1` uses.
 * Takes  small values to write; answers and errors to read.
 * Gives  bytes; plain values. A timestamp (tag 1) is read as its number.
 * Never  touches records in bulk: native code and src/stream/answer-portable.ts walk those without a value per record.
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

export const CBOR_MAJOR = {
  UINT: 0,
  NEGATIVE: 1,
  BYTES: 2,
  TEXT: 3,
  ARRAY: 4,
  MAP: 5,
  TAG: 6,
  SIMPLE: 7,
} as const;
/** Deeper nesting than any Kinesis answer has; it guards the stack. */
const DEPTH_MAX = 32;

/** A place in CBOR bytes. Every read moves it on. */
export class CborReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;
  /** Of the head that was read last: its major type, and its number; -1 where the length is indefinite. */
  major = 0;
  value = 0;
  /** The low five bits of the last head: they tell floats and simple values apart. */
  info = 0;

  readonly #keepsBytes: boolean;

  /** @param keepsBytes Text that is no UTF-8 is given as its bytes, not with U+FFFD in their place. */
  constructor(bytes: Uint8Array, keepsBytes = false) {
    this.bytes = bytes;
    this.#keepsBytes = keepsBytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the head of the next item. @throws {RangeError} At the end of the bytes. */
  head(): void {
    const first = this.#view.getUint8(this.at++);
    this.major = first >> 5;
    this.info = first & 31;
    if (this.info < 24) this.value = this.info;
    else if (this.info === 24) this.value = this.#view.getUint8(this.#advance(1));
    else if (this.info === 25) this.value = this.#view.getUint16(this.#advance(2));
    else if (this.info === 26) this.value = this.#view.getUint32(this.#advance(4));
    else if (this.info === 27) {
      const at = this.#advance(8);
      // Beyond 2^53 digits are lost: no number that this engine uses is that large.
      this.value = this.#view.getUint32(at) * 0x100000000 + this.#view.getUint32(at + 4);
    } else if (this.info === 31) this.value = -1;
    else throw new RangeError(`Cannot read CBOR: reserved head 0x${first.toString(16)}`);
  }

  /** Whether a container of indefinite length ends here; the end is consumed. */
  isBreak(): boolean {
    if (this.bytes[this.at] !== 0xff) return false;
    this.at += 1;
    return true;
  }

  /** Calls `each` for every element of the array or entry of the map whose head was just read. */
  forEach(each: () => void): void {
    if (this.value >= 0) for (let left = this.value; left > 0; left--) each();
    else while (!this.isBreak()) each();
  }

  /** The bytes of the text or byte string whose head was just read: a view, or a copy where it came in chunks. */
  string(): Uint8Array {
    if (this.value >= 0) {
      const start = this.#advance(this.value);
      return this.bytes.subarray(start, start + this.value);
    }
    const chunks: Uint8Array[] = [];
    while (!this.isBreak()) {
      this.head();
      if (this.value < 0) throw new RangeError('Cannot read CBOR: a chunk of indefinite length');
      chunks.push(this.string());
    }
    return Buffer.concat(chunks);
  }

  text(): string {
    const bytes = this.string();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }

  #textOrBytes(): string | Uint8Array {
    if (!this.#keepsBytes) return this.text();
    const bytes = this.string();
    return isUtf8(bytes)
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
      : bytes;
  }

  /** Steps over the next item. */
  skip(): void {
    this.read(0, false);
  }

  /** The next item as a value. @throws {RangeError} When the bytes are no CBOR, or end too soon. */
  read(depth = 0, isWanted = true): CborValue {
    if (depth > DEPTH_MAX) throw new RangeError(`Cannot read CBOR: nested deeper than ${DEPTH_MAX}`);
    this.head();
    switch (this.major) {
      case CBOR_MAJOR.UINT:
        return this.value;
      case CBOR_MAJOR.NEGATIVE:
        return -1 - this.value;
      case CBOR_MAJOR.BYTES:
        return this.string();
      case CBOR_MAJOR.TEXT:
        return isWanted ? this.#textOrBytes() : this.string();
      case CBOR_MAJOR.ARRAY: {
        const items: CborValue[] = [];
        this.forEach(() => {
          const item = this.read(depth + 1, isWanted);
          if (isWanted) items.push(item);
        });
        return items;
      }
      case CBOR_MAJOR.MAP: {
        const entries = Object.create(null) as Record<string, CborValue>;
        this.forEach(() => {
          const name = this.read(depth + 1, isWanted);
          const item = this.read(depth + 1, isWanted);
          if (isWanted) entries[String(name)] = item;
        });
        return entries;
      }
      case CBOR_MAJOR.TAG:
        return this.read(depth + 1, isWanted);
      default:
        return this.#simple();
    }
  }

  #simple(): CborValue {
    if (this.info === 26) return this.#view.getFloat32(this.at - 4);
    if (this.info === 27) return this.#view.getFloat64(this.at - 8);
    if (this.info === 25) return halfFloat(this.value);
    return this.info === 20 || this.info === 21 ? this.info === 21 : null;
  }

  #advance(byteCount: number): number {
    const at = this.at;
    if (at + byteCount > this.bytes.length) throw new RangeError('Cannot read CBOR: it ends too soon');
    this.at = at + byteCount;
    return at;
  }
}

function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The one value that the bytes hold. @throws {RangeError} When they are no CBOR, or end too soon. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  return new CborReader(bytes).read();
}

/** A value as CBOR. Entries that are undefined are left out; numbers without a fraction are written as integers. */
export function encodeCbor(value: CborValue): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: CborValue, parts: Uint8Array[]): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    parts.push(head(CBOR_MAJOR.TEXT, bytes.length), bytes);
  } else if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const bytes = Buffer.alloc(9, 0xfb);
    bytes.writeDoubleBE(value, 1);
    parts.push(bytes);
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    parts.push(
      value < 0 ? head(CBOR_MAJOR.NEGATIVE, -1 - Number(value)) : head(CBOR_MAJOR.UINT, Number(value)),
    );
  } else if (typeof value === 'boolean' || value === null) {
    parts.push(Uint8Array.of(value === null ? 0xf6 : value ? 0xf5 : 0xf4));
  } else if (value instanceof Uint8Array) {
    parts.push(head(CBOR_MAJOR.BYTES, value.length), value);
  } else if (value instanceof Date) {
    // Tag 1 and milliseconds: RFC 8949 says seconds, the service says milliseconds.
    parts.push(head(CBOR_MAJOR.TAG, 1), head(CBOR_MAJOR.UINT, value.getTime()));
  } else if (Array.isArray(value)) {
    parts.push(head(CBOR_MAJOR.ARRAY, value.length));
    for (const item of value) write(item, parts);
  } else {
    const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
    parts.push(head(CBOR_MAJOR.MAP, entries.length));
    for (const [name, item] of entries) {
      write(name, parts);
      write(item as CborValue, parts);
    }
  }
}

function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  const [info, byteCount] =
    value < 0x100 ? [24, 1] : value < 0x10000 ? [25, 2] : value < 0x100000000 ? [26, 4] : [27, 8];
  const bytes = Buffer.alloc(1 + byteCount, (major << 5) | info);
  if (byteCount === 8) bytes.writeBigUInt64BE(BigInt(value), 1);
  else bytes.writeUIntBE(value, 1, byteCount);
  return bytes;
}
