/**
 * CBOR: reads one item (RFC 8949) into JavaScript values. Slow and complete, for answers that the native reader leaves to it,
 * for error bodies and where there is no addon.
 * Takes  bytes of a peer that is not trusted.
 * Gives  null-prototype objects, arrays, strings, Uint8Arrays (copies), numbers, booleans, null and undefined.
 * Never  reads past the end, never allocates by a length that the bytes do not back, never nests deeper than 32.
 */
const DEPTH_MAX = 32;
const BREAK = Symbol('break');

const MAJOR = {
  UNSIGNED: 0,
  NEGATIVE: 1,
  BYTES: 2,
  TEXT: 3,
  ARRAY: 4,
  MAP: 5,
  TAG: 6,
  SIMPLE: 7,
} as const;

/**
 * Reads exactly one item. Integers beyond 2^53 lose precision; tags are dropped; of equal keys the last one counts.
 * @throws {RangeError} When the bytes are not one whole, well-formed item with text keys only.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (value === BREAK || !reader.isAtEnd) throw new RangeError('Cannot read CBOR: bytes are left over');
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @returns The next item, or BREAK. */
  item(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new RangeError(`Cannot read CBOR: nested over ${DEPTH_MAX} deep`);
    const first = this.#byte();
    const major = first >> 5;
    const info = first & 31;
    if (major === MAJOR.SIMPLE) return this.#simple(info);
    const length = info === 31 ? null : this.#argument(info);
    switch (major) {
      case MAJOR.BYTES:
        return Uint8Array.from(this.#string(MAJOR.BYTES, length));
      case MAJOR.TEXT:
        return this.#string(MAJOR.TEXT, length).toString('utf8');
      case MAJOR.ARRAY:
        return this.#array(length, depth);
      case MAJOR.MAP:
        return this.#map(length, depth);
      default:
        if (length === null) throw new RangeError('Cannot read CBOR: an integer or tag without a value');
        if (major === MAJOR.TAG) return this.#content(depth + 1);
        return major === MAJOR.UNSIGNED ? length : -1 - length;
    }
  }

  /** An item where a break may not stand. */
  #content(depth: number): unknown {
    const value = this.item(depth);
    if (value === BREAK) throw new RangeError('Cannot read CBOR: a break outside of anything');
    return value;
  }

  #array(length: number | null, depth: number): unknown[] {
    const values: unknown[] = [];
    this.#checkLength(length);
    for (let i = 0; length === null || i < length; i++) {
      const value = length === null ? this.item(depth + 1) : this.#content(depth + 1);
      if (value === BREAK) break;
      values.push(value);
    }
    return values;
  }

  #map(length: number | null, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = Object.create(null);
    this.#checkLength(length);
    for (let i = 0; length === null || i < length; i++) {
      const key = this.item(depth + 1);
      if (key === BREAK && length === null) break;
      if (typeof key !== 'string') throw new RangeError('Cannot read CBOR: a map key is not text');
      fields[key] = this.#content(depth + 1);
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

  #simple(info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
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
        return undefined;
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
    if (length > this.#bytes.length - this.#at) throw this.#short();
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
