/**
 * Redrive: repaired dead letters on their way back to the publisher.
 * Takes  a dead-letter file (docs/CLI.md), in which people have replaced data: base64 in `data`, or as it is in `text`.
 * Gives  dead letters with the coordinates that they had; and what is wrong with a line, in words, with its number.
 * Owns   what a sendable dead letter is. Whether its data is a valid record is for the scanner to say, as with any line.
 * Never  keeps more than one line, or puts a payload into a message.
 */

import { MIB } from '../base/limits.ts';
import { objectUri } from '../base/object-uri.ts';
import { OUTPUTS_PER_LINE_MAX } from '../ring/slices.ts';
import { isJsonText } from '../scan/json-text.ts';

/** What names a line: its object in one version, and the offset that it has in the (decompressed) object. */
export interface LinePlace {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly offset: number;
  /** Of a record that the stream has refused: which of its line's outputs it is. Absent: the first one. */
  readonly output?: number;
}

/** A dead letter that can be sent: one line of an object again. */
export interface RedriveDeadLetter extends LinePlace {
  /** Bytes that the line had, if the dead letter says so: more than `data` has where only its beginning was kept. */
  readonly length: number | null;
  /** Why it was not delivered then. */
  readonly code: string;
  readonly data: Buffer;
  /** It is no line of JSON, but bytes that go as they are. */
  readonly isRaw?: boolean;
  /** Somebody has put something else in place of what it had, as far as that can be told. */
  readonly isEdited: boolean;
  /** 1-based line of the dead-letter file. */
  readonly lineNumber: number;
}

/** A dead letter about a whole object, which has no data that could be sent. */
export interface ObjectDeadLetter extends Pick<RedriveDeadLetter, 'bucket' | 'key' | 'etag' | 'code'> {
  /** Why, as the dead letter says. */
  readonly reason: string;
  /** As it stands in the dead letter, where it says what was delivered of the object. */
  readonly damage: unknown;
}

/** A line that cannot be sent. */
export type RedriveProblem = { readonly lineNumber: number; readonly message: string } & (
  | { readonly kind: 'object'; readonly object: ObjectDeadLetter }
  /** Not a dead letter. */
  | { readonly kind: 'malformed' }
);

export type RedriveLine =
  | { readonly deadLetter: RedriveDeadLetter; readonly problem: null }
  | { readonly deadLetter: null; readonly problem: RedriveProblem };

/** A record of 10 MiB in base64, and its coordinates. */
export const DEAD_LETTER_BYTES_MAX = 16 * MIB;

const NEWLINE = 0x0a;

/**
 * Reads a dead-letter file, line by line; blank lines are skipped, the last line needs no newline.
 * @param chunks E.g. `createReadStream(path)`.
 * @param isFramed Data may be more than one record: a framing says where each ends.
 * @throws What the chunks throw, as it is.
 */
export async function* readDeadLetters(
  chunks: AsyncIterable<Uint8Array>,
  isFramed = false,
): AsyncGenerator<RedriveLine, void, undefined> {
  let lineNumber = 0;
  for await (const line of linesOf(chunks)) {
    lineNumber += 1;
    if (line === null) yield malformed(lineNumber, `it is longer than ${DEAD_LETTER_BYTES_MAX} bytes`);
    else if (line.some((byte) => byte > 0x20)) yield readDeadLetter(line, lineNumber, isFramed);
  }
}

/** Lines without their newlines; null for one that is too long. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer | null, void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const take = (last: Uint8Array) => {
    const line = heldBytes + last.length > DEAD_LETTER_BYTES_MAX ? null : Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    heldBytes += chunk.length - start;
    // What is too long already is only counted.
    if (heldBytes > DEAD_LETTER_BYTES_MAX) held = [];
    else if (start < chunk.length) held.push(Uint8Array.prototype.slice.call(chunk, start));
  }
  if (heldBytes > 0) yield take(new Uint8Array(0));
}

function malformed(lineNumber: number, why: string): RedriveLine {
  const message = `Line ${lineNumber} is no dead letter: ${why}`;
  return { deadLetter: null, problem: { lineNumber, kind: 'malformed', message } };
}

function readDeadLetter(line: Buffer, lineNumber: number, isFramed: boolean): RedriveLine {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return malformed(lineNumber, 'it is not JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return malformed(lineNumber, 'it is not a JSON object');
  const fields = value as Record<string, unknown>;
  const missing = ['bucket', 'key', 'etag', 'code'].filter((name) => typeof fields[name] !== 'string');
  if (missing.length > 0) return malformed(lineNumber, `${missing.join(', ')} must be strings`);
  const { bucket, key, etag, code, offset } = fields as Record<'bucket' | 'key' | 'etag' | 'code', string> & {
    offset: unknown;
  };
  if (!Object.hasOwn(fields, 'data') && !Object.hasOwn(fields, 'text')) {
    const message = `Line ${lineNumber} has no data: ${code} of object ${printable(objectUri({ bucket, key }))} as a whole, or a letter without payload`;
    const reason = typeof fields.message === 'string' ? fields.message : message;
    const object = { bucket, key, etag, code, reason, damage: fields.damage };
    return { deadLetter: null, problem: { lineNumber, kind: 'object', message, object } };
  }
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    return malformed(lineNumber, 'offset must be a number of bytes');
  }
  const isRaw = fields.raw === true;
  const data = dataOf(fields, isRaw, isFramed);
  if (typeof data === 'string') return malformed(lineNumber, data);
  const length = typeof fields.length === 'number' ? fields.length : null;
  const { output = 0 } = fields;
  if (!isOutput(output)) return malformed(lineNumber, 'output must be the number of a record of its line');
  const numbered = output > 0 ? { output } : {};
  return {
    deadLetter: {
      bucket,
      key,
      etag,
      offset,
      ...numbered,
      length,
      code,
      data,
      ...(isRaw && { isRaw }),
      isEdited: Object.hasOwn(fields, 'text') || (length !== null && data.length !== length),
      lineNumber,
    },
    problem: null,
  };
}

function isOutput(output: unknown): output is number {
  return Number.isInteger(output) && (output as number) >= 0 && (output as number) < OUTPUTS_PER_LINE_MAX;
}

/** The line's bytes, or what is wrong with them. */
function dataOf(fields: Record<string, unknown>, isRaw: boolean, isFramed: boolean): Buffer | string {
  const { data, text, length } = fields;
  if (data !== undefined && text !== undefined)
    return 'it has both data and text: keep the one that is right';
  if (text !== undefined && typeof text !== 'string') return 'text must be a string';
  if (data !== undefined && typeof data !== 'string') return 'data must be base64';
  const bytes = text === undefined ? Buffer.from(data ?? '', 'base64') : Buffer.from(text);
  // Decoding skips what is not base64, so only what encodes to the same text is.
  if (data !== undefined && bytes.toString('base64') !== data) return 'data must be base64';
  if (isRaw) return bytes;
  // The line end of an edited text is not part of it; one inside would turn one record into two, unless it is one value of JSON over
  // several lines. What a framing has lost stays as it is until somebody repairs it.
  const end = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  const isAsLost = isFramed || (text === undefined && typeof length === 'number' && bytes.length <= length);
  if (!isAsLost && bytes.subarray(0, end).includes(NEWLINE) && !isJsonText(bytes.toString('latin1')))
    return 'its data holds a newline, so it would be more than one record';
  return bytes.subarray(0, end);
}

/** Names from a file that people edit may hold anything: nothing of it may steer a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
