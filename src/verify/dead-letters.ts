/**
 * Verify dead letters: the dead letters of a run, where `verify` finds them.
 * Takes  --dead-letter, or what the journal says; traces of redrives beside the file and from --redriven.
 * Gives  an index of them (src/verify/dead-letter-index.ts), and what could not be found, in sentences.
 * Owns   the search: the path that the run has used; a file of that name beside the journal, because both may have been moved.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { reasonOf } from '../journal/files.ts';
import type { LinePlace } from '../journal/read-dead-letters.ts';
import { readDeadLetters } from '../journal/read-dead-letters.ts';
import { readTrace, tracePath } from '../journal/redrive-trace.ts';
import { deadLettersBeside } from '../run/prepare.ts';
import { DeadLetterIndex } from './dead-letter-index.ts';
import type { RunFacts } from './facts.ts';

export interface DeadLettersWanted {
  /** --dead-letter. */
  readonly deadLetter: string | null;
  /** --redriven: further traces. */
  readonly redriven: readonly string[];
  readonly facts: Pick<RunFacts, 'deadLetter' | 'path' | 'run'> | null;
  /** Name of the stream. */
  readonly stream: string;
  readonly memoryBytesMax: number;
}

export interface RunDeadLetters {
  /** Null: it is not known where dead letters are, so no line can be matched with one. */
  readonly file: string | null;
  readonly book: DeadLetterIndex;
  /** Why lines cannot be matched with dead letters: a sentence for the case that some were rejected. */
  readonly ifRejected: string | null;
  readonly warnings: readonly string[];
}

/** @throws {MillraceError} When a file that was named cannot be read, or there are more dead letters than memory for them. */
export async function readRunDeadLetters(wanted: DeadLettersWanted): Promise<RunDeadLetters> {
  const { file, ifRejected, isThere } = await findFile(wanted);
  const warnings: string[] = [];
  const traces = [...wanted.redriven, ...(file === null ? [] : await tracesOf(file))];
  let redriven = 0;
  for (const path of traces) {
    const others = await traceIn(path, wanted.stream, () => redriven++);
    if (others > 0) warnings.push(`${path} tells of redrives to other streams: they do not count here.`);
  }
  const counted = isThere ? await countDeadLetters(file!) : 0;
  assertRoom(counted + redriven, wanted.memoryBytesMax, file);
  const book = new DeadLetterIndex(counted, redriven);
  // A redrive or run may still be writing: no more is added than was counted.
  let left = redriven;
  for (const path of traces)
    await traceIn(path, wanted.stream, (place) => {
      if (left-- > 0) book.addRedriven(place);
    });
  const others = isThere ? await addDeadLetters(book, file!, counted) : 0;
  if (others > 0) warnings.push(`${others} lines of ${file} are no dead letters.`);
  return { file, book, ifRejected, warnings };
}

async function traceIn(path: string, stream: string, onPlace: (place: LinePlace) => void): Promise<number> {
  try {
    return await readTrace(path, stream, onPlace);
  } catch (error) {
    throw new OptionsError([`Cannot read ${path}: ${reasonOf(error)}.`]);
  }
}

type Found = Pick<RunDeadLetters, 'file' | 'ifRejected'> & { readonly isThere: boolean };

async function findFile({ deadLetter, facts }: DeadLettersWanted): Promise<Found> {
  const none = (ifRejected: string): Found => ({ file: null, ifRejected, isThere: false });
  if (deadLetter !== null) {
    if ((await kindOf(deadLetter)) === 'file') return { file: deadLetter, ifRejected: null, isThere: true };
    throw new OptionsError([
      `Expected --dead-letter to name a file of dead letters, but received ${deadLetter}.`,
    ]);
  }
  if (facts === null) return none('No dead-letter file is known: give --journal, or --dead-letter');
  const named = facts.deadLetter ?? deadLettersBeside(facts.path, facts.run);
  const beside = join(dirname(facts.path), basename(named));
  for (const path of [named, beside]) {
    const kind = await kindOf(path);
    if (kind === 'file') return { file: path, ifRejected: null, isThere: true };
    if (kind === 'other') return none(`The run's dead letters went to ${path}, which cannot be read again`);
  }
  // Where the run says it had dead letters there, they are gone. A journal of an older program says nothing.
  if (facts.deadLetter !== null) return { file: named, ifRejected: null, isThere: false };
  return none('The journal does not say where the dead letters are: give --dead-letter');
}

async function kindOf(path: string): Promise<'file' | 'other' | 'none'> {
  try {
    return (await stat(path)).isFile() ? 'file' : 'other';
  } catch {
    return 'none';
  }
}

/** Of the file, of the dead letters that failed again when it was redriven, and so on. */
async function tracesOf(file: string): Promise<string[]> {
  const traces: string[] = [];
  for (let deadLetters = file; ; deadLetters += '.again') {
    const path = tracePath(deadLetters);
    const isTraced = (await kindOf(path)) === 'file';
    if (isTraced) traces.push(path);
    if (!isTraced && deadLetters !== file && (await kindOf(deadLetters)) !== 'file') return traces;
  }
}

async function countDeadLetters(path: string): Promise<number> {
  let count = 0;
  for await (const _ of linesOf(path)) count++;
  return count;
}

/** @returns Lines that are not dead letters. */
async function addDeadLetters(book: DeadLetterIndex, path: string, countMax: number): Promise<number> {
  let others = 0;
  let left = countMax;
  for await (const { deadLetter, problem } of linesOf(path)) {
    if (left-- === 0) break;
    if (deadLetter !== null) book.addDeadLetter(deadLetter);
    else if (problem.kind === 'object') book.addObject(problem.object);
    else others++;
  }
  return others;
}

async function* linesOf(path: string): ReturnType<typeof readDeadLetters> {
  try {
    yield* readDeadLetters(createReadStream(path), true);
  } catch (error) {
    throw new OptionsError([`Cannot read the dead letters in ${path}: ${reasonOf(error)}.`]);
  }
}

function assertRoom(deadLetters: number, memoryBytesMax: number, file: string | null): void {
  const bytes = DeadLetterIndex.bytesOf(deadLetters);
  if (bytes <= memoryBytesMax) return;
  const what = `Cannot hold ${deadLetters} dead letters of ${file} in memory`;
  throw new MillraceError('MILLRACE_DEAD_LETTER', `${what}: they take ${bytes} bytes; give more --memory`);
}
