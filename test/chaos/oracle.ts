/**
 * Oracle: what must become of every line of a source, found the slow and plain way.
 * Takes  objects as their bytes (decompressed), and the record rules.
 * Gives  for each line, in order: a record (partition key and data), a dead letter (offset, length, code, bytes), or blank.
 * Owns   the second opinion. It shares no code with the engine: lines are cut here, `JSON.parse` is the judge of JSON, a fatal
 *        TextDecoder the judge of UTF-8, and depth is counted by a loop of its own.
 * Never  is fast.
 */
import { createHash } from 'node:crypto';

export interface SourceObject {
  readonly bucket: string;
  readonly key: string;
  /** As S3 gives it, with its quotes. */
  readonly etag: string;
  /** Decompressed content. */
  readonly content: Uint8Array;
  /** Set when the whole object must be dead-lettered with this code, and none of its records need be in the stream. */
  readonly unreadable?: 'OBJECT_UNREADABLE' | 'OBJECT_CHANGED';
}

export interface OracleRules {
  /** Name of the member that is the partition key, or null for the record's coordinates. */
  readonly partitionKeyMember?: string | null;
  readonly onMissingKey?: 'dead-letter' | 'coordinates';
  readonly appendNewline?: boolean;
  /** Default 1024. */
  readonly depthMax?: number;
  /** Default 1 MiB. */
  readonly recordBytesMax?: number;
}

export interface ExpectedRecord {
  readonly object: SourceObject;
  readonly offset: number;
  readonly partitionKey: string;
  readonly data: Buffer;
}
export interface ExpectedDeadLetter {
  readonly object: SourceObject;
  readonly offset: number;
  readonly length: number;
  readonly code: string;
  readonly data: Buffer;
}
export interface Expected {
  readonly lines: number;
  readonly blank: number;
  readonly records: ExpectedRecord[];
  readonly letters: ExpectedDeadLetter[];
}

/** What `--limit` leaves of objects in listing order: lines end with a newline, or with their object. */
export function firstLinesOf(objects: readonly SourceObject[], lines: number): SourceObject[] {
  let left = lines;
  return objects.flatMap((object) => {
    if (left === 0) return [];
    const content = Buffer.from(object.content);
    let end = 0;
    while (end < content.length && left > 0) {
      const newline = content.indexOf('\n', end);
      end = newline === -1 ? content.length : newline + 1;
      left--;
    }
    return [{ ...object, content: content.subarray(0, end) }];
  });
}

export function expectedOf(objects: readonly SourceObject[], rules: OracleRules): Expected {
  const result = { lines: 0, blank: 0, records: [] as ExpectedRecord[], letters: [] as ExpectedDeadLetter[] };
  for (const object of objects) {
    if (object.unreadable !== undefined) continue;
    const content = Buffer.from(object.content);
    let offset = 0;
    while (offset < content.length) {
      const newline = content.indexOf('\n', offset);
      const stop = newline === -1 ? content.length : newline;
      const line = content.subarray(
        offset,
        stop > offset && content[stop - 1] === 0x0d && newline !== -1 ? stop - 1 : stop,
      );
      result.lines += 1;
      judge(object, line, offset, rules, result);
      offset = stop + 1;
    }
  }
  return result;
}

/**
 * What a transform makes of what must become of the lines: each record is all that it gives for it, numbered in their keys where the key
 * is the place.
 */
export function transformed(expected: Expected, transform: (value: unknown) => readonly unknown[]): Expected {
  const records = expected.records.flatMap((record) => {
    const isPlace = record.partitionKey === coordinateKey(record.object, record.offset);
    return transform(JSON.parse(String(record.data))).map((value, n) => ({
      ...record,
      partitionKey: isPlace && n > 0 ? `${record.partitionKey}.${n}` : record.partitionKey,
      data: Buffer.from(JSON.stringify(value)),
    }));
  });
  return { ...expected, records };
}

function judge(
  object: SourceObject,
  line: Buffer,
  offset: number,
  rules: OracleRules,
  result: Expected & { blank: number },
): void {
  const hasMark = offset === 0 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
  const data = trimmed(hasMark ? line.subarray(3) : line);
  if (data.length === 0) {
    result.blank += 1;
    return;
  }
  const bytes = rules.appendNewline ? Buffer.concat([data, Buffer.from('\n')]) : data;
  const verdict = verdictOf(object, offset, data, bytes.length, rules);
  if ('key' in verdict) result.records.push({ object, offset, partitionKey: verdict.key, data: bytes });
  else result.letters.push({ object, offset, length: line.length, code: verdict.code, data: line });
}

function verdictOf(
  object: SourceObject,
  offset: number,
  data: Buffer,
  recordBytes: number,
  rules: OracleRules,
): { readonly key: string } | { readonly code: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return { code: 'INVALID_UTF8' };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: 'INVALID_JSON' };
  }
  if (depthOf(text) > (rules.depthMax ?? 1024)) return { code: 'TOO_DEEP' };
  const key = keyOf(value, rules) ?? (keyIsOptional(rules) ? coordinateKey(object, offset) : null);
  if (key === null) return { code: 'MISSING_KEY' };
  return recordBytes + Buffer.byteLength(key) > (rules.recordBytesMax ?? 1024 * 1024)
    ? { code: 'RECORD_TOO_LARGE' }
    : { key };
}

function trimmed(line: Buffer): Buffer {
  const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0d;
  let start = 0;
  let end = line.length;
  while (start < end && isSpace(line[start])) start += 1;
  while (end > start && isSpace(line[end - 1])) end -= 1;
  return line.subarray(start, end);
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (char === '}' || char === ']') depth -= 1;
  }
  return deepest;
}

function keyIsOptional(rules: OracleRules): boolean {
  return (rules.partitionKeyMember ?? null) === null || rules.onMissingKey === 'coordinates';
}

/** Strings as they are, booleans and small integers as they are written; the corpora hold no other numbers as keys. */
function keyOf(value: unknown, rules: OracleRules): string | null {
  const member = rules.partitionKeyMember ?? null;
  if (member === null || typeof value !== 'object' || value === null || !Object.hasOwn(value, member))
    return null;
  const found = (value as Record<string, unknown>)[member];
  if (typeof found === 'boolean' || Number.isSafeInteger(found)) return String(found);
  return typeof found === 'string' && found.length > 0 && found.length <= 256 ? found : null;
}

/** `<first 8 bytes of MD5("bucket\nkey\netag") in base64url>:<offset of the line>`. */
export function coordinateKey(object: SourceObject, offset: number): string {
  const digest = createHash('md5').update(`${object.bucket}\n${object.key}\n${object.etag}`).digest();
  return `${digest.subarray(0, 8).toString('base64url')}:${offset}`;
}
