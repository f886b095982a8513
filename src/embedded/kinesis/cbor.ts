/**
 * CBOR: the general reader and writer of `application/x-amz-cbor-1.1` bodies, for every operation that is not hot.
 * Takes  definite and indefinite lengths, tags (1 is a timestamp), all integer and float widths.
 * Gives  plain values: Map keys become properties of null-prototype objects, byte strings become Buffers, timestamps become Dates.
 * Never  is used for the records of PutRecords (put-request.ts) and GetRecords (get-records.ts), unless a body is unusual.
 *
 * Timestamps are tag 1 with integer MILLISECONDS: that is what the service and its SDKs send, against RFC 8949, which says
 * seconds (aws-sdk-java-v2#184, #4661).
 */
const BREAK = Symbol('break');
const DEPTH_MAX = 64;
const float = new DataView(new ArrayBuffer(8));

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** The number behind an initial byte. Indefinite length is -1. */
function readLength(cursor: Cursor, info: number): number {
  if (info < 24) return info;
  const at = cursor.at;
  if (info === 31) return -1;
  if (info > 27) throw new SyntaxError(`CBOR: reserved additional information ${info}`);
  const width = 1 << (info - 24);
  if (at + width > cursor.bytes.length) throw new SyntaxError('CBOR: ends inside a number');
  cursor.at = at + width;
  if (info === 24) return cursor.bytes[at]!;
  if (info === 25) return cursor.bytes.readUInt16BE(at);
  if (info === 26) return cursor.bytes.readUInt32BE(at);
  return cursor.bytes.readUInt32BE(at) * 2 ** 32 + cursor.bytes.readUInt32BE(at + 4);
}

function readString(cursor: Cursor, major: number, length: number): Buffer {
  if (length >= 0) {
    if (cursor.at + length > cursor.bytes.length) throw new SyntaxError('CBOR: ends inside a string');
    cursor.at += length;
    return cursor.bytes.subarray(cursor.at - length, cursor.at);
  }
  const parts: Buffer[] = [];
  while (cursor.bytes[cursor.at] !== 0xff) {
    const initial = cursor.bytes[cursor.at++];
    if (initial === undefined || initial >> 5 !== major || (initial & 31) === 31) {
      throw new SyntaxError('CBOR: a chunked string holds something else');
    }
    parts.push(readString(cursor, major, readLength(cursor, initial & 31)));
  }
  cursor.at++;
  return Buffer.concat(parts);
}

function readSimple(cursor: Cursor, info: number): unknown {
  if (info === 20) return false;
  if (info === 21) return true;
  if (info === 22 || info === 23) return null;
  if (info === 31) return BREAK;
  const at = cursor.at;
  const width = info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0;
  if (width === 0 || at + width > cursor.bytes.length) throw new SyntaxError('CBOR: unknown simple value');
  cursor.at = at + width;
  if (width === 4) return cursor.bytes.readFloatBE(at);
  if (width === 8) return cursor.bytes.readDoubleBE(at);
  const half = cursor.bytes.readUInt16BE(at);
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const sign = half >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function readItems(cursor: Cursor, length: number, each: (item: unknown) => void, depth: number): void {
  for (let index = 0; index !== length; index++) {
    const item = readItem(cursor, depth);
    if (item === BREAK) {
      if (length >= 0) throw new SyntaxError('CBOR: a break where none may be');
      return;
    }
    each(item);
  }
}

function readItem(cursor: Cursor, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new SyntaxError('CBOR: nested too deep');
  const initial = cursor.bytes[cursor.at++];
  if (initial === undefined) throw new SyntaxError('CBOR: ends too early');
  const major = initial >> 5;
  if (major === 7) return readSimple(cursor, initial & 31);
  const length = readLength(cursor, initial & 31);
  if (major === 0) return length;
  if (major === 1) return -1 - length;
  if (major === 2) return readString(cursor, major, length);
  if (major === 3) return readString(cursor, major, length).toString('utf8');
  if (major === 6) {
    const value = readItem(cursor, depth + 1);
    return length === 1 && typeof value === 'number' ? new Date(value) : value;
  }
  if (major === 4) {
    const array: unknown[] = [];
    readItems(cursor, length, (item) => array.push(item), depth + 1);
    return array;
  }
  const map: Record<string, unknown> = Object.create(null);
  let key: unknown = BREAK;
  readItems(
    cursor,
    length < 0 ? length : length * 2,
    (item) => {
      if (key === BREAK) key = item;
      else {
        map[String(key)] = item;
        key = BREAK;
      }
    },
    depth + 1,
  );
  return map;
}

/** @throws {SyntaxError} Where the bytes are not one CBOR item and nothing behind it. */
export function decodeCbor(bytes: Uint8Array): unknown {
  const cursor: Cursor = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
  const value = readItem(cursor, 0);
  if (value === BREAK || cursor.at !== bytes.length)
    throw new SyntaxError('CBOR: more or less than one item');
  return value;
}

/** The initial byte of an item and its length, in the shortest form. */
export function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.of((major << 5) | length);
  if (length < 0x100) return Buffer.of((major << 5) | 24, length);
  const wide = length < 0x10000 ? 2 : length < 2 ** 32 ? 4 : 8;
  const head = Buffer.allocUnsafe(1 + wide);
  head[0] = (major << 5) | (wide === 2 ? 25 : wide === 4 ? 26 : 27);
  if (wide === 2) head.writeUInt16BE(length, 1);
  else if (wide === 4) head.writeUInt32BE(length, 1);
  else head.writeBigUInt64BE(BigInt(length), 1);
  return head;
}

function write(value: unknown, parts: Buffer[]): void {
  if (value === null || value === undefined) parts.push(Buffer.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) parts.push(value < 0 ? cborHead(1, -1 - value) : cborHead(0, value));
    else {
      float.setFloat64(0, value);
      parts.push(Buffer.of(0xfb), Buffer.from(float.buffer.slice(0)));
    }
  } else if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    parts.push(cborHead(3, text.length), text);
  } else if (value instanceof Date) {
    parts.push(Buffer.of(0xc1));
    write(value.getTime(), parts);
  } else if (value instanceof Uint8Array) parts.push(cborHead(2, value.length), Buffer.from(value));
  else if (Array.isArray(value)) {
    parts.push(cborHead(4, value.length));
    for (const item of value) write(item, parts);
  } else {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    parts.push(cborHead(5, entries.length));
    for (const [key, member] of entries) {
      write(key, parts);
      write(member, parts);
    }
  }
}

/** Members that are `undefined` are left out; Dates become timestamps. */
export function encodeCbor(value: unknown): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}
