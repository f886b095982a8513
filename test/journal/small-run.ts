/**
 * Small run: a stand-in for the engine, which uses journal and dead-letter file in the engine's order and delivers nothing.
 * Takes  a disk and the name of the run.
 * Gives  what it delivered, what the journal promised, and how it ended.
 * Owns   the work: four plain objects of three segments, one compressed object, two small ones; some lines are bad.
 * Never  sleeps.
 */

import type { DeadLetterOwner } from '../../src/journal/dead-letter-owner.ts';
import { DeadLetters } from '../../src/journal/dead-letters.ts';
import type { PinnedObject } from '../../src/journal/entries.ts';
import type { Files } from '../../src/journal/files.ts';
import { Journal } from '../../src/journal/journal.ts';
import type { Lock } from '../../src/journal/lock.ts';
import { workOf } from '../../src/journal/state.ts';
import { addTally, type Tally, tally } from '../../src/journal/tally.ts';

export const JOURNAL = '/run/a.journal';
export const DEAD_LETTERS = '/run/a.dead.jsonl';
const SEGMENT_BYTES = 100;
const LINE_BYTES = 10;

export interface WorkObject extends PinnedObject {
  readonly shape: 'plain' | 'compressed' | 'small';
}
export const WORK: readonly WorkObject[] = [
  ...[0, 1, 2, 3].map((n) => object(`plain-${n}`, 300, 'plain')),
  object('packed.gz', 300, 'compressed'),
  object('small-0', 40, 'small'),
  object('small-1', 70, 'small'),
];
function object(key: string, size: number, shape: WorkObject['shape']): WorkObject {
  return { bucket: 'b', key, etag: `"${key}"`, size, shape };
}

/** Every seventh line of an object is bad, from its second on. */
export function isBad(offset: number): boolean {
  return (offset / LINE_BYTES) % 7 === 1;
}

/** The tally of lines with first byte in [start, end). The digest sums stand for the records: each line has its own. */
export function tallyOf(work: PinnedObject, start: number, end: number): Tally {
  const sum = tally();
  for (let offset = Math.ceil(start / LINE_BYTES) * LINE_BYTES; offset < end; offset += LINE_BYTES) {
    const print =
      BigInt(WORK.findIndex(({ key }) => key === work.key) + 1) * 0x9e3779b97f4a7c15n * BigInt(offset + 1);
    const part = isBad(offset)
      ? { lines: 1, rejected: 1, codes: { INVALID_JSON: 1 } }
      : { lines: 1, records: 1, bytes: LINE_BYTES, sumA: print, sumB: print >> 7n };
    addTally(sum, tally({ ...part }));
  }
  return sum;
}

export const TRUTH: Tally = WORK.reduce((sum, work) => {
  addTally(sum, tallyOf(work, 0, work.size));
  return sum;
}, tally());

export const DEAD_LETTER_NAMES: string[] = WORK.flatMap((work) =>
  Array.from({ length: work.size / LINE_BYTES }, (_, n) => n * LINE_BYTES)
    .filter(isBad)
    .map((offset) => `${work.key}:${offset}`),
).sort();

export interface Outcome {
  /** `key:start-end` of all ranges given to `append`. */
  readonly delivered: Set<string>;
  /** Those for which a commit had ended well. */
  readonly promised: Set<string>;
  readonly error: unknown;
  readonly closed: boolean;
  readonly resumed: boolean;
}

/** Whose dead letters they are. */
export const OWNER: DeadLetterOwner = { id: '0011223344556677', run: 'a-12345678', journal: JOURNAL };

export const noLock = async (): Promise<Lock> => ({ isHeld: async () => true, release: async () => {} });

/** Works until all is done or the disk fails. @param stopAfter Units after which the process vanishes without a word. */
export async function smallRun(
  files: Files,
  options: { stopAfter?: number; seed?: number; compactBytesMin?: number } = {},
): Promise<Outcome> {
  const delivered = new Set<string>();
  const promised = new Set<string>();
  let resumed = false;
  let closed = false;
  try {
    const journal = await Journal.open({
      path: JOURNAL,
      run: 'a-12345678',
      identity: { stream: 'a', sources: ['s3://b/'] },
      digestKey: '00'.repeat(16),
      files,
      lock: noLock,
      nowMs: () => 1_790_000_000_000,
      compactBytesMin: options.compactBytesMin,
    });
    resumed = journal.resumed;
    const covers = journal.state.covers.bind(journal.state);
    const deadLetters = await DeadLetters.open({
      path: DEAD_LETTERS,
      files,
      lock: noLock,
      owner: OWNER,
      bufferBytesMax: 200,
      resume: journal.resumed ? { covers, count: journal.before.tally.rejected } : null,
    });
    journal.beforeCommit = () => deadLetters.flush();
    const units = planUnits(journal);
    let count = 0;
    for (const unit of units) {
      if (options.stopAfter !== undefined && count >= options.stopAfter)
        return { delivered, promised, error: null, closed, resumed };
      count += 1;
      for (let offset = unit.start; offset < unit.end; offset += LINE_BYTES) {
        if (isBad(offset))
          await deadLetters.add({
            ...unit.work,
            offset,
            length: LINE_BYTES - 1,
            code: 'INVALID_JSON',
            message: 'no',
            data: Buffer.from('{"a":,}'),
          });
      }
      unit.journalIt();
      delivered.add(unit.name);
      if (count % 3 === 0) {
        await journal.commit();
        for (const name of delivered) promised.add(name);
      }
    }
    await journal.close({ status: 'delivered-with-rejects', complete: true });
    await deadLetters.close();
    for (const name of delivered) promised.add(name);
    closed = true;
    return { delivered, promised, error: null, closed, resumed };
  } catch (error) {
    return { delivered, promised, error, closed, resumed };
  }
}

interface Unit {
  readonly work: WorkObject;
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly journalIt: () => void;
}

/** The units that the journal says are left, segments of different objects taken in turn. */
function planUnits(journal: Journal): Unit[] {
  const perObject = WORK.map((work): Unit[] => {
    const found = journal.state.lookup(work);
    if (found.kind === 'settled') return [];
    if (work.shape === 'small') {
      const journalIt = () =>
        journal.append({ kind: 'object-done', object: work, tally: tallyOf(work, 0, work.size) });
      return [{ work, start: 0, end: work.size, name: `${work.key}:0-${work.size}`, journalIt }];
    }
    const begun = found.kind === 'partial' ? found.object : null;
    const id = begun?.id ?? journal.pin(work);
    const left = workOf(begun ?? { done: [], left: [] }, work.size);
    const cuts = left.flatMap(({ start, end }) => {
      const pieces: [number, number][] = [];
      for (let at = start; at < end; at += SEGMENT_BYTES)
        pieces.push([at, Math.min(end, at + SEGMENT_BYTES)]);
      return pieces;
    });
    let open = cuts.length;
    if (open === 0) journal.append({ kind: 'object-done', id });
    // The last range of a plain object is worked on first: the ranges that are done do not form a prefix.
    if (work.shape === 'plain') cuts.reverse();
    return cuts.map(([start, end]) => ({
      work,
      start,
      end,
      name: `${work.key}:${start}-${end}`,
      journalIt: () => {
        journal.append({ kind: 'segment', id, start, end, tally: tallyOf(work, start, end) });
        open -= 1;
        if (open === 0) journal.append({ kind: 'object-done', id });
      },
    }));
  });
  const longest = Math.max(...perObject.map((units) => units.length));
  return Array.from({ length: longest }, (_, turn) => perObject.flatMap((units) => units[turn] ?? [])).flat();
}

/** `key:offset` of each dead letter in a dead-letter file, sorted. */
export function deadLetterNames(content: Buffer | null): string[] {
  const lines = (content ?? Buffer.alloc(0)).toString().split('\n').slice(0, -1);
  return lines
    .map((line) => JSON.parse(line))
    .map(({ key, offset }) => `${key}:${offset}`)
    .sort();
}
