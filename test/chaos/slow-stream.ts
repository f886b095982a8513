/**
 * Slow stream: one run whose stream is the limit (four shards of 1,000 records or 1 MiB a second, real throttles), ended again and
 * again after a moment, by a kill or in good order.
 * Takes  a seed, the kind of the source, how it is ended and how often.
 * Gives  the broken promises, and what each end left on the stream that the journal does not know.
 * Owns   the promises of docs/JOURNAL.md for such streams: nothing lost, what a kill repeats is within its bound, every life of over two
 *        seconds moves the journal, an orderly stop repeats nothing.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readStatus } from '../../src/observe/status.ts';
import { seeded } from '../journal/memory-disk.ts';
import { check, duplicatesIn, type FinalReport } from './checker.ts';
import type { CorpusObject } from './corpus.ts';
import { type Ended, runOnce, SECRETS, World } from './harness.ts';
import { expectedOf, transformed } from './oracle.ts';

export const SLOW_KINDS = ['plain', 'gzip', 'order', 'aggregate', 'letters', 'hot', 'split'] as const;
export type SlowKind = (typeof SLOW_KINDS)[number];
export type SlowEnd = 'SIGKILL' | 'SIGTERM';

const SHARDS = 4;
/** The first request of a process only asks whether CBOR is understood; from the second on records are sent. */
const FIRST_PUTS = 2;
/** A process lives so long, counted from its first request with records. */
const LIFE_MS = { min: 500, max: 3_000 };
/** A life of more than this has moved the journal. */
const MOVING_MS = 2_000;
/** Ten seconds of what the stream takes: more is never repeated. */
const REPEATED_MAX = 10 * SHARDS * 1_000;
const SOURCE_BYTES_MAX = 64 * 1024 * 1024;
const LINE_BYTES = 400;
/** Refused on any machine. Whether the shards' own limits refuse something is left to chance, and to how soon one process follows another. */
const REFUSED = { kind: 'throttle', skip: 20, times: 20 } as const;
/** Records that the stream takes of a run without an end, in a life of mean length. */
const RECORDS_PER_LIFE = 9_000;

export interface SlowRun {
  readonly seed: number;
  readonly kind: SlowKind;
  readonly end: SlowEnd;
  readonly problems: string[];
  readonly ends: number;
  readonly records: number;
  readonly duplicates: number;
  /** After each end: records on the stream that the journal does not know. */
  readonly unjournaled: readonly number[];
  /** Lives of over two seconds. */
  readonly longLives: number;
  readonly throttled: number;
  /** Milliseconds from the signal to the end, the longest. */
  readonly stopMsMax: number;
  readonly folder: string | null;
}

export async function slowRun(seed: number, kind: SlowKind, end: SlowEnd, endsMax: number): Promise<SlowRun> {
  const random = seeded(seed);
  const objects = sourceOf(random, kind, endsMax * RECORDS_PER_LIFE);
  const kinesisFaults = [REFUSED];
  const world = await World.open({
    random,
    objects,
    tuning: [],
    limits: 'real',
    shards: SHARDS,
    kinesisFaults,
  });
  const flags = [...flagsOf(kind), ...(kind === 'split' ? transformIn(world.folder) : [])];
  const problems: string[] = [];
  const unjournaled: number[] = [];
  const outputs: string[] = [];
  let [ends, longLives, stopMsMax] = [0, 0, 0];
  let last: Ended | null = null;
  let journaled = 0;
  try {
    while (last === null) {
      const atMs = LIFE_MS.min + random() * (LIFE_MS.max - LIFE_MS.min);
      const signals = ends < endsMax ? [{ signal: end, atMs, afterPuts: FIRST_PUTS }] : [];
      const ended = await runOnce(world, flags, { signals, timeoutMs: 180_000 });
      outputs.push(ended.stdout, ended.stderr);
      if (ended.timedOut) {
        problems.push(`I7: the process hung after end ${ends}: ${ended.stderr.slice(-300)}`);
        break;
      }
      if (ended.signal !== 'SIGKILL' && ended.exitCode !== 143) {
        last = ended;
        continue;
      }
      ends++;
      const gap = await world.unjournaled();
      unjournaled.push(gap);
      const { records } = await readStatus(world.journal);
      const hasMoved = records.delivered > journaled;
      if (atMs > MOVING_MS) longLives++;
      if (atMs > MOVING_MS && !hasMoved)
        problems.push(`a life of ${Math.round(atMs)} ms has not moved the journal`);
      journaled = records.delivered;
      problems.push(...judgeEnd(end, gap, ended));
      stopMsMax = Math.max(stopMsMax, ended.afterSignalMs ?? 0);
    }
    const stored = await world.stored();
    const report = last === null ? null : reportOf(last, problems);
    if (last !== null && report !== null) {
      const sum = unjournaled.reduce((total, gap) => total + gap, 0);
      const plain = expectedOf(objects, {
        partitionKeyMember: flags.includes('--partition-key') ? 'user' : null,
      });
      problems.push(
        ...check({
          expected: kind === 'split' ? transformed(plain, split) : plain,
          stored,
          letters: world.deadLettersText(),
          report,
          exitCode: last.exitCode,
          duplicatesMax: sum,
          order: kind === 'order' ? 'key' : 'none',
          outputs: [...outputs, world.journalText()],
          secrets: SECRETS,
        }),
      );
    }
    return {
      ...{ seed, kind, end, problems, ends, unjournaled, longLives, stopMsMax: Math.round(stopMsMax) },
      records: stored.length,
      duplicates: duplicatesIn(stored),
      throttled: world.kinesis.stats().recordsRefusedByCode.ProvisionedThroughputExceededException ?? 0,
      folder: problems.length > 0 ? world.folder : null,
    };
  } finally {
    await world.close({ keepFolder: problems.length > 0 });
  }
}

/** The report of the process that came to its end; null, with a problem, where there is none. */
function reportOf(ended: Ended, problems: string[]): FinalReport | null {
  const report = JSON.parse(ended.stdout || '{}') as Partial<FinalReport>;
  if (report.records !== undefined) return report as FinalReport;
  problems.push(
    `I6: the last process ended with ${ended.exitCode} and no report: ${ended.stdout} ${ended.stderr.slice(-300)}`,
  );
  return null;
}

function judgeEnd(end: SlowEnd, gap: number, ended: Ended): string[] {
  const problems: string[] = [];
  if (gap < 0) problems.push(`I1: the journal knows ${-gap} records more than the stream holds`);
  const bound = Math.min(REPEATED_MAX, Math.ceil(SOURCE_BYTES_MAX / LINE_BYTES));
  if (end === 'SIGKILL' && gap > bound)
    problems.push(`a kill left ${gap} records to repeat, at most ${bound} are allowed`);
  if (end === 'SIGTERM') {
    if (gap !== 0) problems.push(`an orderly stop left ${gap} records to repeat`);
    const { status, records } = JSON.parse(ended.stdout);
    if (status !== 'interrupted' || records.repeatable !== 0)
      problems.push(`an orderly stop ended as ${status} with ${records.repeatable} repeatable records`);
  }
  return problems;
}

/** Four records of a line. Its text is the module. */
function split(value: unknown): readonly unknown[] {
  const { id, user } = value as { id: string; user: string };
  return [0, 1, 2, 3].map((n) => ({ id, user, n, pad: 'y'.repeat(350) }));
}

function transformIn(folder: string): string[] {
  const module = join(folder, 'split.mjs');
  writeFileSync(module, `export default ${split.toString()};\n`);
  return ['--transform', module];
}

function flagsOf(kind: SlowKind): string[] {
  if (kind === 'order') return ['--order', 'key', '--partition-key', '/user'];
  if (kind === 'aggregate') return ['--aggregate', '--partition-key', '/user'];
  return kind === 'hot' || kind === 'letters' ? ['--partition-key', '/user'] : [];
}

/** A few objects with so many lines together; `aggregate` gets more, for its shards take more. */
function sourceOf(random: () => number, kind: SlowKind, records: number): CorpusObject[] {
  const shares: Partial<Record<SlowKind, number>> = { aggregate: 2, hot: 1 / 2, split: 1 / 4 };
  const count = Math.ceil(records * (shares[kind] ?? 1));
  const objectCount = 5;
  return Array.from({ length: objectCount }, (_, n) => {
    const lines = Array.from({ length: Math.ceil(count / objectCount) }, (_, i) =>
      lineOf(random, kind, `${n}-${i}`),
    );
    const content = Buffer.from(lines.join(''));
    const stored = kind === 'gzip' ? gzipSync(content, { level: 1 }) : content;
    const etag = `"${createHash('md5').update(stored).digest('hex')}"`;
    return { bucket: 'source', key: `p/${n}.jsonl${kind === 'gzip' ? '.gz' : ''}`, etag, content, stored };
  });
}

function lineOf(random: () => number, kind: SlowKind, id: string): string {
  const chance = random();
  if (kind === 'letters' && chance < 0.1) return `{"id":"${id}","user":\n`;
  const isHot = kind === 'hot' && chance < 0.4;
  // Many keys in order mode: a request holds each once, and one is in flight a shard.
  const user = isHot ? 'hot' : `u${Math.floor(random() * 5_000)}`;
  const start = `{"id":"${id}","user":"${user}","pad":"`;
  return `${start}${'x'.repeat(Math.max(0, LINE_BYTES - 3 - start.length))}"}\n`;
}
