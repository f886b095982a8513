/**
 * Finding the first lines: where the first N lines of the sources end, in listing order and by line ends alone.
 * Takes  objects in listing order, and how they are read.
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

/**
 * @param onContent Told of the lines, chunk by chunk; each is valid until it returns.
 * @throws {MillraceError} MILLRACE_SOURCE: an object in front of the last line cannot be read now, so that nobody knows which lines are the first ones.
 */
export async function findFirstLines(
  lines: number,
  objects: AsyncIterable<SourceObject>,
  read: (object: SourceObject) => ObjectContent,
  onContent: (object: SourceObject, bytes: Uint8Array) => void = () => {},
): Promise<FirstLines> {
  const found: SourceObject[] = [];
  let taken = 0;
  let more = false;
  let cut: ObjectCut | null = null;
  for await (const object of objects) {
    // All lines were found in the objects before it.
    more = taken === lines;
    if (more) break;
    const part = await countLines(read(object), lines - taken, (bytes) => onContent(object, bytes)).catch(
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
  wanted: number,
  onContent: (bytes: Uint8Array) => void,
): Promise<{ readonly lines: number; readonly cut: { offset: number; stored: number } | null }> {
  let lines = 0;
  let offset = 0;
  let isOpen = false;
  let cut: { offset: number; stored: number } | null = null;
  try {
    for await (const chunk of content.chunks()) {
      if (chunk.length === 0) continue;
      if (cut !== null) return { lines, cut };
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      for (let at = bytes.indexOf(NEWLINE); at !== -1 && cut === null; at = bytes.indexOf(NEWLINE, at + 1)) {
        if (++lines === wanted) cut = { offset: offset + at + 1, stored: content.storedBytes };
      }
      onContent(cut === null ? bytes : bytes.subarray(0, cut.offset - offset));
      offset += chunk.length;
      if (cut !== null && cut.offset < offset) return { lines, cut };
      isOpen = bytes.at(-1) !== NEWLINE;
    }
  } catch (error) {
    // No line of it is carried, or only those that end in front of the damage: today and whenever the run goes on.
    if (!(error instanceof ForeignError) && !(error instanceof DamagedError)) throw error;
    return { lines, cut };
  }
  return { lines: lines + (isOpen ? 1 : 0), cut: null };
}

function asUncounted(lines: number, error: unknown): unknown {
  const isOfObject = error instanceof MillraceError && error.code.startsWith('MILLRACE_OBJECT_');
  if (!isOfObject) return error;
  const why = `Cannot find the first ${lines} lines: ${error.message}`;
  return new MillraceError('MILLRACE_SOURCE', `${why}; leave the object out with --exclude`, {
    cause: error,
  });
}
