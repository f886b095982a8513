/**
 * Read: reads a journal file once and tells whether it is sound.
 * Takes  an opened file.
 * Gives  its entries in order, and what the file's end looks like: clean, torn, or damaged in its middle.
 * Owns   the rule that tells a torn tail from a damaged middle (entries.ts, `from`).
 * Never  changes the file, and never gives an entry that lies behind a damage.
 */
import { MillraceError } from '../base/errors.ts';
import { decodeLine, type JournalEntry } from './entries.ts';
import { type OpenedFile, type ReadRange, readLines } from './files.ts';

export interface JournalVerdict {
  /** Bytes of the sound lines at the file's beginning. */
  readonly soundBytes: number;
  /** Bytes behind them that belong to no finished write. 0 for a clean end. */
  readonly tornBytes: number;
  /** The first damaged line if something sound and later is behind it: then the file must not be used. */
  readonly damage: { readonly line: number; readonly reason: string } | null;
  readonly lines: number;
}

/**
 * @param onEntry Throwing makes its line a damaged one, with the error's message as the reason; a MillraceError ends the reading.
 * @param range Begins where a write began. Default: the whole file.
 */
export async function readJournal(
  file: Pick<OpenedFile, 'read'>,
  onEntry: (entry: JournalEntry, atMs: number, lineBytes: number) => void,
  range?: ReadRange,
): Promise<JournalVerdict> {
  let soundBytes = range?.startBytes ?? 0;
  let soundLines = 0;
  let writeFrom = soundBytes;
  let bad: { line: number; reason: string; offset: number } | null = null;
  let damage: JournalVerdict['damage'] = null;
  const judge = (line: Buffer, lineNumber: number, offset: number): boolean => {
    const decoded = decodeLine(line);
    if (bad !== null) {
      const isWitness = typeof decoded !== 'string' && decoded.from > bad.offset && decoded.from <= offset;
      if (isWitness) damage = { line: bad.line, reason: bad.reason };
      return !isWitness;
    }
    let reason = typeof decoded === 'string' ? decoded : null;
    if (typeof decoded !== 'string') {
      if (decoded.from !== writeFrom && decoded.from !== offset) {
        // Sound in itself, but not written at this place: lines were lost or put in before it.
        damage = { line: lineNumber, reason: 'it was written for another place in the file' };
        return false;
      }
      try {
        onEntry(decoded.entry, decoded.atMs, line.byteLength + 1);
        writeFrom = decoded.from;
      } catch (error) {
        if (error instanceof MillraceError) throw error;
        reason = error instanceof Error ? error.message : String(error);
        damage = { line: lineNumber, reason };
        return false;
      }
    }
    if (reason === null) {
      soundBytes = offset + line.byteLength + 1;
      soundLines = lineNumber;
    } else {
      bad = { line: lineNumber, reason, offset };
    }
    return true;
  };
  const read = await readLines(file, judge, range);
  return { soundBytes, tornBytes: read.wholeBytes + read.tailBytes - soundBytes, damage, lines: soundLines };
}
