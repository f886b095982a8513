/**
 * Redrive trace: which dead letters a redrive has delivered, for `verify`.
 * Takes  a file of dead letters that was sent, and the file of those that failed again.
 * Gives  `<file>.redriven`: for each redrive that came to its end a head (`stream`, `at`), then a line for each dead letter that it delivered,
 *        with `bucket`, `key`, `etag` and `offset`.
 * Owns   that file. It is appended to, mode 0600; a file that is not a trace is left alone.
 * Never  calls a dead letter delivered unless that is certain: without a trace it still counts as a dead letter.
 */
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { type OpenedFile, readLines, realFiles, reasonOf, writeAll } from './files.ts';
import type { LinePlace } from './read-dead-letters.ts';
import { readDeadLetters } from './read-dead-letters.ts';

const WRITE_BYTES = 1 << 20;

/** What a file is at one moment; it tells whether somebody has changed it since. */
export async function fileMark(path: string): Promise<string | null> {
  const { ino, size, mtimeMs, ctimeMs } = await stat(path);
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

export function tracePath(deadLetters: string): string {
  return `${deadLetters}.redriven`;
}

export interface TraceOptions {
  /** The dead letters that were sent. */
  readonly deadLetters: string;
  /** Those that failed again. */
  readonly again: string;
  /** Name of the stream. */
  readonly stream: string;
  readonly nowMs: number;
  /** A letter may have been sent as several records, each at an offset of its own: it is delivered when none of them has failed. */
  readonly isFramed?: boolean;
}

/** Writes the trace of a redrive that has ended. @throws {MillraceError} MILLRACE_DEAD_LETTER, exit 3. */
export async function writeTrace({
  deadLetters,
  again,
  stream,
  nowMs,
  isFramed = false,
}: TraceOptions): Promise<void> {
  const path = tracePath(deadLetters);
  let file: OpenedFile | null = null;
  try {
    if (!(await stat(again)).isFile())
      throw new Error(`${again} keeps no letters, so nobody knows which failed again`);
    const failed = new FailedPlaces();
    for await (const { place } of placesIn(again)) failed.add(place);
    file = await realFiles.open(path, 'append');
    if (!(await isTrace(file))) throw new Error('there is a file of that name that is no trace of a redrive');
    const writer = new LineWriter(file);
    await writer.add({ kind: 'redriven', stream, at: nowMs });
    for await (const { place, bytes } of placesIn(deadLetters))
      if (!failed.has(place, isFramed ? bytes : 1)) await writer.add(place);
    await writer.flush();
    await file.datasync();
  } catch (error) {
    const advice = 'the letters are delivered, but `verify` will count them as dead letters';
    throw new MillraceError('MILLRACE_DEAD_LETTER', `Cannot write ${path}: ${reasonOf(error)}; ${advice}`, {
      exitCode: EXIT.resumable,
      cause: error,
    });
  } finally {
    await file?.close().catch(() => undefined);
  }
}

/** @param onPlace Gets each dead letter that was delivered to this stream. @returns Redrives to other streams in the trace. */
export async function readTrace(
  path: string,
  stream: string,
  onPlace: (place: LinePlace) => void,
): Promise<number> {
  const file = await realFiles.open(path, 'read');
  let isOurs = false;
  let others = 0;
  try {
    await readLines(file, (line) => {
      const fields = fieldsOf(line);
      if (fields?.kind === 'redriven') {
        isOurs = fields.stream === stream;
        if (!isOurs) others++;
      } else if (isOurs && isPlace(fields)) onPlace(fields);
      return true;
    });
  } finally {
    await file.close();
  }
  return others;
}

/** Dead letters with something to send, and how many bytes of their object they may stand for. */
async function* placesIn(path: string): AsyncGenerator<{ place: LinePlace; bytes: number }> {
  for await (const { deadLetter } of readDeadLetters(createReadStream(path), true)) {
    if (deadLetter === null || !deadLetter.data.some((byte) => byte > 0x20)) continue;
    const { bucket, key, etag, offset, output, code, data } = deadLetter;
    yield {
      place: { bucket, key, etag, offset, ...(output && { output }) },
      bytes: code === 'PUT_REFUSED' ? 1 : data.length,
    };
  }
}

/** Empty, or begun by a head. */
async function isTrace(file: OpenedFile): Promise<boolean> {
  if (!file.isRegular) return false;
  let isOne = true;
  await readLines(file, (line) => {
    isOne = fieldsOf(line)?.kind === 'redriven';
    return false;
  });
  return isOne;
}

class LineWriter {
  readonly #file: OpenedFile;
  #waiting: string[] = [];
  #bytes = 0;

  constructor(file: OpenedFile) {
    this.#file = file;
  }

  async add(fields: object): Promise<void> {
    const line = `${JSON.stringify(fields)}\n`;
    this.#waiting.push(line);
    this.#bytes += line.length;
    if (this.#bytes > WRITE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    await writeAll(this.#file, Buffer.from(this.#waiting.join('')));
    this.#waiting = [];
    this.#bytes = 0;
  }
}

function fieldsOf(line: Buffer): Record<string, unknown> | null {
  try {
    return JSON.parse(line.toString('utf8')) as Record<string, unknown> | null;
  } catch {
    return null; // the end of a write that was cut
  }
}

function isPlace(fields: unknown): fields is LinePlace {
  if (fields === null || typeof fields !== 'object') return false;
  const { bucket, key, etag, offset } = fields as Record<string, unknown>;
  return [bucket, key, etag].every((text) => typeof text === 'string') && Number.isSafeInteger(offset);
}

/** Places of letters that failed again. */
class FailedPlaces {
  readonly #names = new Set<string>();
  /** Of each object. */
  readonly #offsets = new Map<string, number[]>();
  #isSorted = true;

  add(place: LinePlace): void {
    this.#names.add(nameOf(place));
    this.#isSorted = false;
    const object = nameOf({ ...place, offset: -1, output: 0 });
    const offsets = this.#offsets.get(object);
    if (offsets === undefined) this.#offsets.set(object, [place.offset]);
    else offsets.push(place.offset);
  }

  /** @param bytes That many from the place on are its own. */
  has(place: LinePlace, bytes: number): boolean {
    if (this.#names.has(nameOf(place))) return true;
    if (bytes <= 1) return false;
    if (!this.#isSorted) for (const offsets of this.#offsets.values()) offsets.sort((a, b) => a - b);
    this.#isSorted = true;
    const offsets = this.#offsets.get(nameOf({ ...place, offset: -1, output: 0 })) ?? [];
    let [from, end] = [0, offsets.length];
    while (from < end) {
      const middle = (from + end) >>> 1;
      if (offsets[middle]! <= place.offset) from = middle + 1;
      else end = middle;
    }
    return from < offsets.length && offsets[from]! < place.offset + bytes;
  }
}

/** 96 bits in 16 characters: a file of dead letters may be long. */
function nameOf({ bucket, key, etag, offset, output = 0 }: LinePlace): string {
  return hash('sha256', JSON.stringify([bucket, key, etag, offset, output]), 'base64url').slice(0, 16);
}
