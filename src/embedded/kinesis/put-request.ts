/**
 * PutRequest: finds the records of a PutRecords body without making an object of any of them.
 * Takes  a CBOR body (any lengths, definite or not) or a JSON body.
 * Gives  where data, partition key and hash key of each record lie, as rows of COLUMN.COUNT words over one buffer.
 * Owns   nothing: `index` belongs to the caller of `readPutRecords`, the buffer is the request's own (CBOR) or a decoded copy (JSON).
 * Never  checks a limit: see put-records.ts. An offset of 0 says that the member was absent.
 */
import { decodeCbor } from '../../aws/cbor.ts';
import { ServiceError } from './service-error.ts';
import { COLUMN } from './stream-store.ts';

export type Wire = 'cbor' | 'json';

export interface PutRequest {
  streamName: string | undefined;
  streamArn: string | undefined;
  dryRun: boolean;
  /** What `index` points into. */
  body: Buffer;
  index: Uint32Array;
  /** -1 where there was no Records member. */
  count: number;
}

const name = (text: string) => Buffer.from(text, 'latin1');
const NAMES = {
  data: name('Data'),
  key: name('PartitionKey'),
  hash: name('ExplicitHashKey'),
  records: name('Records'),
};

/** What the fast reader does not do: chunked strings, tags, wrong types. The general reader then decides what it is. */
class Unusual extends Error {}
const UNUSUAL = new Unusual('unusual CBOR');

// The fast reader's cursor. It runs to its end without letting go of the thread, so that one is enough.
let bytes: Buffer = Buffer.alloc(0);
let at = 0;

/** Reads a head of `major`. @returns its length, -1 for an indefinite one. */
function head(major: number): number {
  const initial = bytes[at++]!;
  if (initial >> 5 !== major) throw UNUSUAL;
  const info = initial & 31;
  if (info < 24) return info;
  if (info === 24) return bytes[at++]!;
  if (info === 25) {
    at += 2;
    return (bytes[at - 2]! << 8) | bytes[at - 1]!;
  }
  if (info === 26) {
    at += 4;
    return bytes[at - 4]! * 0x1000000 + ((bytes[at - 3]! << 16) | (bytes[at - 2]! << 8) | bytes[at - 1]!);
  }
  if (info === 31) return -1;
  throw UNUSUAL;
}

/** Steps over a definite string. @returns its length; it ends at `at`. */
function stringOf(major: number): number {
  const length = head(major);
  at += length;
  if (length < 0 || at > bytes.length) throw UNUSUAL;
  return length;
}

function endsHere(): boolean {
  if (bytes[at] !== 0xff) return false;
  at++;
  return true;
}

function isName(from: number, length: number, wanted: Buffer): boolean {
  if (length !== wanted.length) return false;
  for (let i = 0; i < length; i++) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}

function readEntry(index: Uint32Array, row: number): void {
  const members = head(5);
  index.fill(0, row, row + COLUMN.COUNT);
  for (let i = 0; members < 0 ? !endsHere() : i < members; i++) {
    const nameBytes = stringOf(3);
    const nameAt = at - nameBytes;
    let column: number = COLUMN.DATA_AT;
    if (!isName(nameAt, nameBytes, NAMES.data)) {
      if (isName(nameAt, nameBytes, NAMES.key)) column = COLUMN.KEY_AT;
      else if (isName(nameAt, nameBytes, NAMES.hash)) column = COLUMN.HASH_AT;
      else throw UNUSUAL;
    }
    if (bytes[at] === 0xf6) {
      at++;
      continue;
    }
    const length = stringOf(column === COLUMN.DATA_AT ? 2 : 3);
    index[row + column] = at - length;
    index[row + column + 1] = length;
  }
}

function readRecords(index: Uint32Array): number {
  const length = head(4);
  let count = 0;
  for (; length < 0 ? !endsHere() : count < length; count++) {
    // Rows past the end of the index are read over the last one: the request is refused for its count anyway.
    readEntry(index, Math.min(count * COLUMN.COUNT, index.length - COLUMN.COUNT));
  }
  return count;
}

function readFast(body: Buffer, index: Uint32Array): PutRequest {
  const request: PutRequest = {
    streamName: undefined,
    streamArn: undefined,
    dryRun: false,
    body,
    index,
    count: -1,
  };
  bytes = body;
  at = 0;
  const members = head(5);
  for (let i = 0; members < 0 ? !endsHere() : i < members; i++) {
    const nameBytes = stringOf(3);
    const nameAt = at - nameBytes;
    if (isName(nameAt, nameBytes, NAMES.records)) request.count = readRecords(index);
    else if (bytes[at] === 0xf4) at++;
    else if (bytes[at]! >> 5 === 3) {
      const member = body.toString('latin1', nameAt, nameAt + nameBytes);
      const length = stringOf(3);
      const value = body.toString('utf8', at - length, at);
      if (member === 'StreamName') request.streamName = value;
      else if (member === 'StreamARN') request.streamArn = value;
    } else throw UNUSUAL;
  }
  if (at !== body.length) throw UNUSUAL;
  return request;
}

interface GeneralEntry {
  Data?: unknown;
  PartitionKey?: unknown;
  ExplicitHashKey?: unknown;
}

function serializationError(): ServiceError {
  return new ServiceError('SerializationException', '');
}

function bytesOf(value: unknown, isData: boolean): Buffer | null {
  if (value === undefined || value === null) return null;
  if (isData && value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (typeof value !== 'string') throw serializationError();
  return Buffer.from(value, isData ? 'base64' : 'utf8');
}

/** Lays the records of a decoded request out in one buffer. Byte 0 stays unused, because offset 0 means absent. */
function fromGeneral(decoded: unknown, index: Uint32Array): PutRequest {
  if (decoded === null || typeof decoded !== 'object') throw serializationError();
  const input = decoded as Record<string, unknown>;
  const parts: Buffer[] = [Buffer.alloc(1)];
  let length = 1;
  const records = input.Records;
  if (records !== undefined && records !== null && !Array.isArray(records)) throw serializationError();
  for (const [i, entry] of ((records ?? []) as GeneralEntry[]).entries()) {
    if (entry === null || typeof entry !== 'object') throw serializationError();
    const row = Math.min(i * COLUMN.COUNT, index.length - COLUMN.COUNT);
    for (const [member, column] of [
      ['Data', COLUMN.DATA_AT],
      ['PartitionKey', COLUMN.KEY_AT],
      ['ExplicitHashKey', COLUMN.HASH_AT],
    ] as const) {
      const value = bytesOf(entry[member], member === 'Data');
      index[row + column] = value === null ? 0 : length;
      index[row + column + 1] = value === null ? 0 : value.length;
      if (value === null) continue;
      parts.push(value);
      length += value.length;
    }
  }
  const text = (member: string) =>
    typeof input[member] === 'string' ? (input[member] as string) : undefined;
  return {
    streamName: text('StreamName'),
    streamArn: text('StreamARN'),
    dryRun: input.DryRun === true,
    body: Buffer.concat(parts, length),
    index,
    count: Array.isArray(records) ? records.length : -1,
  };
}

/**
 * @param index At least one row. Rows beyond it are counted but not kept.
 * @throws {ServiceError} SerializationException where the body is not what its content type says.
 */
export function readPutRecords(body: Buffer, wire: Wire, index: Uint32Array): PutRequest {
  try {
    if (wire === 'json') return fromGeneral(JSON.parse(body.toString('utf8')), index);
    try {
      return readFast(body, index);
    } catch (error) {
      if (!(error instanceof Unusual)) throw error;
      return fromGeneral(decodeCbor(body), index);
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) throw serializationError();
    throw error;
  }
}
