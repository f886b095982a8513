/**
 * Finding the first lines: where the first N lines of the sources end, in listing order and by line ends alone.
 * Takes  objects in listing order, and how they are read; what finds the lines of one, where they are values (first-values.ts).
 * Gives  the objects that hold the lines, and the place behind the last one.
 * Owns   what a line is here: what ends with a newline, and what stands behind the last newline of an object that can be read to its end.
 *        The scanner counts the same ones, blank and bad lines included.
 * Never  reads on when it has found them, except to know whether more lies behind.
 */
import { MillraceError } from '../base/errors.ts';
import { DamagedError } from '../inflate/damage.ts';
import type { ObjectCut } from '../journal/entries.ts';
import { FirstLines } from '../journal/first-lines.ts';
import type { ObjectContent } from '../source/content.ts';
import { ForeignError } from '../source/format.ts';
import type { SourceObject } from '../source/object.ts';

const NEWLINE = 10;

/** Finds the wanted lines of one object. */
export interface LineFinder {
  /** Takes the next bytes. */
  take(bytes: Uint8Array): void;
  /** Offset behind the last wanted line, or null: it has not come yet. */
  readonly end: number | null;
  /** Something lies behind it. */
  readonly hasMore: boolean;
  /** Lines so far. @param isWhole The object has been read to its end. */
  count(isWhole: boolean): number;
}

class FirstNewlines implements LineFinder {
  readonly #wanted: number;
  #lines = 0;
  #offset = 0;
  #isOpen = false;
  end: number | null = null;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  get hasMore(): boolean {
    return this.end !== null && this.end < this.#offset;
  }

  take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = bytes.indexOf(NEWLINE); at !== -1 && this.end === null; at = bytes.indexOf(NEWLINE, at + 1))
      if (++this.#lines === this.#wanted) this.end = this.#offset + at + 1;
    this.#offset += bytes.length;
    this.#isOpen = bytes.at(-1) !== NEWLINE;
  }

  count(isWhole: boolean): number {
    return this.#lines + (isWhole && this.#isOpen ? 1 : 0);
  }
}

export interface FirstLinesGiven {
  readonly objects: AsyncIterable<SourceObject>;
  readonly read: (object: SourceObject) => ObjectContent;
  /** Told of the lines, chunk by chunk; each is valid until it returns. */
  readonly onContent?: ((object: SourceObject, bytes: Uint8Array) => void) | undefined;
  /** Of each object; by default a line ends with a newline. */
  readonly openFinder?: ((wanted: number) => LineFinder) | undefined;
}

/** @throws {MillraceError} MILLRACE_SOURCE: an object in front of the last line cannot be read now, so that nobody knows which lines are the first ones. */
export async function findFirstLines(
  lines: number,
  { objects, read, onContent, openFinder = (wanted) => new FirstNewlines(wanted) }: FirstLinesGiven,
): Promise<FirstLines> {
  const found: SourceObject[] = [];
  let taken = 0;
  let more = false;
  let cut: ObjectCut | null = null;
  for await (const object of objects) {
    // All lines were found in the objects before it.
    more = taken === lines;
    if (more) break;
    const wanted = lines - taken;
    const given = { wanted, finder: openFinder(wanted) };
    const part = await countLines(read(object), given, (bytes) => onContent?.(object, bytes)).catch(
      (error: unknown) => {
        throw asUncounted(lines, error);
      },
    );
    found.push(object);
    taken += part.lines;
    if (part.cut !== null) {
      const { bucket, key, etag, size } = object;
      cut = { bucket, key, etag, size, ...part.cut };
      more = true;
      break;
    }
  }
  const firstLines = new FirstLines({ lines, taken, more, cut });
  for (const object of found) firstLines.add(object);
  return firstLines;
}

/** Of one object. @returns Where the wanted lines end, unless that is the object's end. */
async function countLines(
  content: ObjectContent,
  { wanted, finder }: { readonly wanted: number; readonly finder: LineFinder },
  onContent: (bytes: Uint8Array) => void,
): Promise<{ readonly lines: number; readonly cut: { offset: number; stored: number } | null }> {
  let offset = 0;
  let cut: { offset: number; stored: number } | null = null;
  try {
    for await (const chunk of content.chunks()) {
      if (chunk.length === 0) continue;
      finder.take(chunk);
      if (cut === null) {
        if (finder.end !== null) cut = { offset: finder.end, stored: content.storedBytes };
        onContent(cut === null ? chunk : chunk.subarray(0, Math.max(0, cut.offset - offset)));
      }
      offset += chunk.length;
      if (cut !== null && finder.hasMore) return { lines: wanted, cut };
    }
  } catch (error) {
    // No line of it is carried, or only those that end in front of the damage: today and whenever the run goes on.
    if (!(error instanceof ForeignError) && !(error instanceof DamagedError)) throw error;
    return cut === null ? { lines: finder.count(false), cut } : { lines: wanted, cut };
  }
  const lines = finder.count(true);
  return lines > wanted ? { lines: wanted, cut } : { lines, cut: null };
}

function asUncounted(lines: number, error: unknown): unknown {
  const isOfObject = error instanceof MillraceError && error.code.startsWith('MILLRACE_OBJECT_');
  if (!isOfObject) return error;
  const why = `Cannot find the first ${lines} lines: ${error.message}`;
  return new MillraceError('MILLRACE_SOURCE', `${why}; leave the object out with --exclude`, {
    cause: error,
  });
}
