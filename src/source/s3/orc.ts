/**
 * ORC: the rows of an ORC file as S3 Inventory writes it: one struct of plain columns.
 * Takes  a way to read ranges of the file.
 * Gives  the columns that are asked for, row by row. Of a stripe only their streams are in memory, as they are stored.
 * Owns   the structure: postscript, footer, stripes, columns. How values are packed is orc-streams.ts's.
 * Never  reads nested types, decimals or binary columns, and checks no statistics.
 *
 * Written here because npm holds no maintained reader. Source: ORC specification v1 (orc.apache.org/specification/ORCv1).
 */
import {
  booleansOf,
  integersV1,
  integersV2,
  isKnownCompression,
  OrcBytes,
  type OrcCodec,
} from './orc-streams.ts';

/** Bytes [start, end) of the file. */
export type ReadRange = (start: number, end: number) => Promise<Buffer>;

export type OrcValue = string | number | boolean | Date | null;

export interface OrcFile {
  readonly columns: readonly string[];
  /** @param wanted Names of columns; each row has those that the file has. */
  rows(wanted: ReadonlySet<string>): AsyncGenerator<Record<string, OrcValue>>;
}

/** Most that footer and postscript may take: they hold statistics of every stripe. */
const TAIL_BYTES_MAX = 64 * 1024 * 1024;
const TAIL_BYTES_FIRST = 16 * 1024;
const CHUNK_BYTES_DEFAULT = 256 * 1024;

const KIND = { BOOLEAN: 0, SHORT: 2, INT: 3, LONG: 4, STRING: 7, TIMESTAMP: 9, STRUCT: 12 } as const;
const TEXT_KINDS: ReadonlySet<number> = new Set([KIND.STRING, 16, 17]); // varchar, char
const INTEGER_KINDS: ReadonlySet<number> = new Set([KIND.SHORT, KIND.INT, KIND.LONG]);
const TIME_KINDS: ReadonlySet<number> = new Set([KIND.TIMESTAMP, 18]); // with and without a zone of its own
const STREAM = { PRESENT: 0, DATA: 1, LENGTH: 2, DICTIONARY_DATA: 3, SECONDARY: 5 } as const;
const ENCODING = { DIRECT: 0, DICTIONARY: 1, DIRECT_V2: 2, DICTIONARY_V2: 3 } as const;

/** @throws {Error} When it is not an ORC file, or one that is packed in another way. */
export async function openOrc(read: ReadRange, fileBytes: number): Promise<OrcFile> {
  let tail = await read(Math.max(0, fileBytes - TAIL_BYTES_FIRST), fileBytes);
  const postscriptBytes = tail.at(-1) ?? 0;
  const postscript = fieldsOf(tail.subarray(-1 - postscriptBytes, -1));
  if (text(postscript, 8000) !== 'ORC') throw new Error('it is no ORC file');
  const codec = {
    compression: number(postscript, 2),
    chunkBytesMax: number(postscript, 3) || CHUNK_BYTES_DEFAULT,
  };
  if (!isKnownCompression(codec.compression))
    throw new Error(`its compression ${codec.compression} is none, zlib, snappy or zstd`);
  const footerBytes = number(postscript, 1);
  const tailBytes = footerBytes + postscriptBytes + 1;
  if (tailBytes > Math.min(fileBytes, TAIL_BYTES_MAX)) throw new Error('its footer is too long');
  if (tailBytes > tail.length) tail = await read(fileBytes - tailBytes, fileBytes);
  const footer = fieldsOf(
    new OrcBytes(tail.subarray(tail.length - tailBytes).subarray(0, footerBytes), codec).rest(),
  );
  const types = messages(footer, 4);
  const root = types[0];
  if (root === undefined || number(root, 1) !== KIND.STRUCT) throw new Error('its rows are no structs');
  const ids = packedNumbers(root, 2);
  const columns = (root.get(3) ?? []).map((name, i) => ({
    name: String(name),
    id: ids[i]!,
    kind: number(types[ids[i]!] ?? new Map(), 1),
  }));
  return {
    columns: columns.map(({ name }) => name),
    async *rows(wanted) {
      const chosen = columns.filter(({ name }) => wanted.has(name));
      for (const stripe of messages(footer, 3)) yield* stripeRows(read, codec, stripe, chosen);
    },
  };
}

interface Column {
  readonly name: string;
  /** Of its type in the footer, by which streams name it. */
  readonly id: number;
  readonly kind: number;
}

async function* stripeRows(
  read: ReadRange,
  codec: OrcCodec,
  stripe: Fields,
  columns: readonly Column[],
): AsyncGenerator<Record<string, OrcValue>> {
  const [offset, indexBytes, dataBytes, footerBytes] = [1, 2, 3, 4].map((field) => number(stripe, field));
  const footerAt = offset! + indexBytes! + dataBytes!;
  const stored = await read(footerAt, footerAt + footerBytes!);
  const footer = fieldsOf(new OrcBytes(stored, codec).rest());
  const encodings = messages(footer, 2);
  const zone = text(footer, 3);
  const values: [string, Iterator<OrcValue>][] = [];
  for (const column of columns) {
    const streams = new Map<number, OrcBytes>();
    let at = offset!;
    for (const stream of messages(footer, 1)) {
      const bytes = number(stream, 3);
      const kind = number(stream, 1);
      const isIndex = kind > STREAM.SECONDARY;
      if (number(stream, 2) === column.id && !isIndex && bytes > 0)
        streams.set(kind, new OrcBytes(await read(at, at + bytes), codec));
      at += bytes;
    }
    values.push([column.name, valuesOf(column, streams, encodings[column.id] ?? new Map(), zone)]);
  }
  if (values.length === 0) return;
  for (let left = number(stripe, 5); left > 0; left--)
    yield Object.fromEntries(values.map(([name, column]) => [name, nextOf(name, column)]));
}

function nextOf(name: string, column: Iterator<OrcValue>): OrcValue {
  const { done, value } = column.next();
  if (done) throw new Error(`its column ${name} has fewer values than its stripe has rows`);
  return value;
}

/** The values of a column, null where one is missing. */
function* valuesOf(
  column: Column,
  streams: ReadonlyMap<number, OrcBytes>,
  encoding: Fields,
  zone: string,
): Generator<OrcValue> {
  const empty = new OrcBytes(Buffer.alloc(0), { compression: 0, chunkBytesMax: 0 });
  const stream = (kind: number) => streams.get(kind) ?? empty;
  const there = presentOf(column, stream, encoding, zone);
  const present = streams.get(STREAM.PRESENT);
  if (present === undefined) yield* there;
  else for (const isPresent of booleansOf(present)) yield isPresent ? nextOf(column.name, there) : null;
}

function presentOf(
  { name, kind }: Column,
  stream: (kind: number) => OrcBytes,
  encoding: Fields,
  zone: string,
): Iterator<OrcValue> & Iterable<OrcValue> {
  const encodingKind = number(encoding, 1);
  const isSecond = encodingKind === ENCODING.DIRECT_V2 || encodingKind === ENCODING.DICTIONARY_V2;
  const integers = isSecond ? integersV2 : integersV1;
  if (kind === KIND.BOOLEAN) return booleansOf(stream(STREAM.DATA));
  if (INTEGER_KINDS.has(kind)) return integers(stream(STREAM.DATA), true);
  if (TIME_KINDS.has(kind)) {
    const fractions = integers(stream(STREAM.SECONDARY), false);
    return timesOf(integers(stream(STREAM.DATA), true), fractions, kind === KIND.TIMESTAMP ? zone : 'UTC');
  }
  if (!TEXT_KINDS.has(kind)) throw new Error(`its column ${name} is of a type that no inventory has`);
  const lengths = integers(stream(STREAM.LENGTH), false);
  if (encodingKind === ENCODING.DIRECT || encodingKind === ENCODING.DIRECT_V2)
    return textsOf(lengths, stream(STREAM.DATA));
  const words = [...textsOf(lengths, stream(STREAM.DICTIONARY_DATA))];
  return wordsOf(words, integers(stream(STREAM.DATA), false));
}

function* textsOf(lengths: Iterable<number>, bytes: OrcBytes): Generator<string> {
  for (const length of lengths) yield bytes.take(length).toString();
}

function* wordsOf(words: readonly string[], indexes: Iterable<number>): Generator<string> {
  for (const index of indexes) {
    const word = words[index];
    if (word === undefined) throw new Error('it names a word that its dictionary does not hold');
    yield word;
  }
}

/** Seconds since 2015 as the writer's clock showed it, and nanoseconds without their trailing zeros. */
function* timesOf(seconds: Iterable<number>, fractions: Iterator<number>, zone: string): Generator<Date> {
  const startMs = Date.UTC(2015, 0, 1) - zoneOffsetMs(zone, Date.UTC(2015, 0, 1));
  for (const second of seconds) {
    const fraction: number = fractions.next().value ?? 0;
    const zeros = fraction % 8;
    const nanoseconds = Math.floor(fraction / 8) * (zeros === 0 ? 1 : 10 ** (zeros + 1));
    yield new Date(startMs + second * 1000 + Math.floor(nanoseconds / 1e6));
  }
}

/** How far a clock in the zone is ahead of UTC. */
function zoneOffsetMs(zone: string, atMs: number): number {
  if (zone === '' || zone === 'UTC' || zone === 'GMT') return 0;
  const shown = new Date(atMs).toLocaleString('en-US', { timeZone: zone, hourCycle: 'h23' });
  return Date.parse(`${shown} UTC`) - atMs;
}

/** Fields of a protocol buffer by number: varints, and bytes. */
type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (number | Buffer)[]>();
  const stream = new OrcBytes(bytes, { compression: 0, chunkBytesMax: 0 });
  while (!stream.isAtEnd) {
    const tag = stream.varint();
    const wire = tag % 8;
    const field = Math.floor(tag / 8);
    const value =
      wire === 0 ? stream.varint() : stream.take(wire === 2 ? stream.varint() : wire === 1 ? 8 : 4);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function number(fields: Fields, field: number): number {
  const value = fields.get(field)?.at(-1);
  return typeof value === 'number' ? value : 0;
}

function text(fields: Fields, field: number): string {
  const value = fields.get(field)?.at(-1);
  return value === undefined ? '' : String(value);
}

function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((value) => {
    if (typeof value === 'number') throw new Error('its footer holds a number where it should not');
    return fieldsOf(value);
  });
}

/** Numbers as one packed field or as many. */
function packedNumbers(fields: Fields, field: number): number[] {
  return (fields.get(field) ?? []).flatMap((value) => {
    if (typeof value === 'number') return [value];
    const stream = new OrcBytes(value, { compression: 0, chunkBytesMax: 0 });
    const numbers: number[] = [];
    while (!stream.isAtEnd) numbers.push(stream.varint());
    return numbers;
  });
}
