/**
 * Kill loop: one run that is killed again and again, and goes on each time (docs/RELIABILITY.md, row 1).
 * Takes  a seed and how many kills to try.
 * Gives  the broken promises (none, we hope), and counts that prove that kills happened.
 * Owns   the story of one run: its options, the weather, the moments of the kills. All of it follows from the seed. A kill at a
 *        random moment is told by requests sent and milliseconds, so that it falls into a run's work on any machine.
 * Never  passes without a kill: a run in which none hit is reported as such.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULT_POINTS, type FaultPoint } from '../../src/base/fault-points.ts';
import { seeded } from '../journal/memory-disk.ts';
import { check, duplicatesIn, type FinalReport } from './checker.ts';
import {
  type Ended,
  type RunPlan,
  requestRecordsMax,
  runOnce,
  SECRETS,
  WEATHER_DELAY_MS_MAX,
  World,
} from './harness.ts';
import { type Expected, expectedOf, firstLinesOf, transformed } from './oracle.ts';

export interface KillRun {
  readonly seed: number;
  readonly problems: string[];
  readonly kills: number;
  /** Kills by fault point, and `random` for those at a random moment. */
  readonly killsBy: Record<string, number>;
  readonly processes: number;
  readonly records: number;
  readonly duplicates: number;
  /** Most records that one kill left in the stream but not in the journal. */
  readonly unjournaledMax: number;
  readonly flags: readonly string[];
  readonly folder: string | null;
}

const RSS_BYTES_MAX = 900 << 20;
/** A random kill comes after at most so many requests, of about 200 that the whole source takes. */
const KILL_PUTS_MAX = 40;
const KILL_DELAY_MS_MAX = 60;
/** One random kill in five is told by the clock alone: within this time a process loads, opens its journal and lists. */
const START_MS = 1000;

/** Every second kill is at a fault point. A journal is created once; it is compacted only when it is long: see compaction.test.ts. */
const POINTS_IN_TURN = FAULT_POINTS.filter(
  (point) =>
    point !== 'journal.before-rename' &&
    !point.includes('compact') &&
    !['parser.given', 'reader.task'].includes(point),
);
const POINTS_PER_RUN = 5;
/** One run in so many has a `--limit`, of this share of its lines. */
const LIMITED_EVERY = 3;
const LIMIT_SHARE = 0.85;

/** One run in so many has a transform, which makes one to three records of a line. */
const TRANSFORMED_EVERY = 5;
const TRANSFORMED_REST = 3;

/** Its text is the module. */
function split(value: unknown): readonly unknown[] {
  const { id, user, t = '' } = value as { id: string; user?: string; t?: string };
  return ['first', 'second', 'third'].slice(0, 1 + (t.length % 3)).map((name) => ({ id, user, name, t }));
}

/** What a run may draw. */
export interface KillMix {
  readonly orders: readonly ('none' | 'key')[];
  readonly aggregates: readonly boolean[];
}

const EVERYTHING: KillMix = { orders: ['none', 'key'], aggregates: [false, true] };

export async function killLoop(seed: number, killsMax: number, mix = EVERYTHING): Promise<KillRun> {
  const random = seeded(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const keyMember = random() < 0.5 ? 'user' : null;
  const order = keyMember === null ? 'none' : pick(mix.orders);
  const flags = [
    ...(pick(mix.aggregates) ? ['--aggregate', '--aggregate-bytes', order === 'key' ? '32KiB' : '8KiB'] : []),
    ...(keyMember === null ? [] : ['--partition-key', `/${keyMember}`]),
    ...(order === 'key' ? ['--order', 'key'] : []),
  ];
  const world = await World.open({
    random,
    shards: pick([1, 2, 4, 7]),
    faultSeed: seed,
    kinesisFaults: weather(random),
  });
  const lines = expectedOf(world.objects, {}).lines;
  // Within an object, as a rule; enough is left to be killed in.
  const limit = seed % LIMITED_EVERY === 0 ? Math.floor(lines * LIMIT_SHARE) - (seed % 11) : null;
  if (limit !== null) flags.push('--limit', String(limit));
  const isTransformed = seed % TRANSFORMED_EVERY === TRANSFORMED_REST;
  if (isTransformed) {
    const module = join(world.folder, 'split.mjs');
    writeFileSync(module, `export default ${split.toString()};\n`);
    flags.push('--transform', module);
  }
  const killsBy: Record<string, number> = {};
  const outputs: string[] = [];
  const problems: string[] = [];
  let kills = 0;
  let processes = 0;
  let duplicatesMax = 0;
  let unjournaledMax = 0;
  let last: Ended | null = null;
  try {
    for (let turn = 0; turn < killsMax + 20 && last === null; turn += 1) {
      const point = kills < killsMax ? pointAt(seed, turn) : null;
      const isAtOpening = point?.endsWith('rename') ?? false;
      const passage = isAtOpening ? 1 : 1 + Math.floor(random() * 4);
      const fault = point === null ? undefined : `${point}:${passage}:kill`;
      // A process with nothing to rename is killed all the same.
      const signals = kills < killsMax && (point === null || isAtOpening) ? [randomKill(random)] : [];
      const ended = await runOnce(world, flags, { signals, fault });
      processes += 1;
      outputs.push(ended.stdout, ended.stderr);
      if (ended.timedOut) {
        problems.push(
          `I7: process ${processes} hung (${JSON.stringify({ fault, signals })}): ${ended.stderr.slice(-500)}`,
        );
        break;
      }
      if (ended.signal !== 'SIGKILL') {
        if (fault !== undefined && ended.faultFired)
          problems.push(`Fault ${fault} fired and the process was not killed`);
        last = ended;
        continue;
      }
      kills += 1;
      const cause = point !== null && ended.faultFired ? point : 'random';
      killsBy[cause] = (killsBy[cause] ?? 0) + 1;
      const gap = await world.unjournaled();
      duplicatesMax += gap;
      unjournaledMax = Math.max(unjournaledMax, gap);
      if (gap < 0)
        problems.push(`I1: after kill ${kills} the journal knows ${-gap} records more than the stream holds`);
    }
    const stored = await world.stored();
    const final = last === null ? null : reportOf(last, problems);
    if (final !== null) {
      const objects = limit === null ? world.objects : firstLinesOf(world.objects, limit);
      const plain = expectedOf(objects, { partitionKeyMember: keyMember });
      const expected = isTransformed ? transformed(plain, split) : plain;
      const rerun = await runOnce(world, flags);
      const storedByRerun = (await world.stored()).length - stored.length;
      if (rerun.exitCode !== 0 && rerun.exitCode !== 1)
        problems.push(`I7: the finished run, run again, ended with ${rerun.exitCode}`);
      outputs.push(rerun.stdout, rerun.stderr, world.journalText());
      problems.push(
        ...check({
          expected,
          stored,
          letters: world.deadLettersText(),
          report: final,
          exitCode: last!.exitCode,
          duplicatesMax: Math.max(0, duplicatesMax) + withoutAnswer(world, flags, expected),
          order,
          storedByRerun,
          rssBytesMax: RSS_BYTES_MAX,
          outputs,
          secrets: SECRETS,
        }),
      );
    }
    const folder = problems.length > 0 ? world.folder : null;
    return {
      seed,
      problems,
      kills,
      killsBy,
      processes,
      records: stored.length,
      duplicates: duplicatesIn(stored),
      unjournaledMax,
      flags,
      folder,
    };
  } finally {
    await world.close({ keepFolder: problems.length > 0 });
  }
}

/** A moment within a process's life. */
function randomKill(random: () => number): NonNullable<RunPlan['signals']>[number] {
  const isAtStart = random() < 0.2;
  const afterPuts = isAtStart ? 0 : 1 + Math.floor(random() * KILL_PUTS_MAX);
  return { signal: 'SIGKILL', afterPuts, atMs: random() * (isAtStart ? START_MS : KILL_DELAY_MS_MAX) };
}

/** The points take turns, and the next seed goes on where this one ends, so that none is left to chance. */
function pointAt(seed: number, turn: number): FaultPoint | null {
  if (turn === 0) return seed % 2 === 0 ? 'journal.before-rename' : null;
  if (turn % 2 === 0) return null;
  return POINTS_IN_TURN[(seed * POINTS_PER_RUN + (turn >> 1)) % POINTS_IN_TURN.length]!;
}

/** Slow answers keep requests in flight; refused records and broken connections make the work of each process untidy. */
function weather(random: () => number): Parameters<typeof World.open>[0]['kinesisFaults'] {
  return [
    {
      kind: 'delay',
      name: 'slow',
      delayMs: 20 + Math.floor(random() * (WEATHER_DELAY_MS_MAX - 20)),
      probability: 0.7,
    },
    ...(random() < 0.5 ? [{ kind: 'throttle' as const, name: 'throttle', probability: 0.02 }] : []),
    ...(random() < 0.3
      ? [{ kind: 'reset' as const, name: 'reset', probability: 0.01, when: 'after' as const }]
      : []),
  ];
}

function reportOf(ended: Ended, problems: string[]): FinalReport | null {
  try {
    return JSON.parse(ended.stdout) as FinalReport;
  } catch {
    problems.push(
      `I6: the last process ended with ${ended.exitCode ?? ended.signal} and without a report: ${ended.stderr.slice(-500)}`,
    );
    return null;
  }
}

/**
 * Records of requests that were stored and whose answer never came: each was sent again. Counted at the server, since a process
 * that is killed takes its own count with it.
 */
function withoutAnswer(world: World, flags: readonly string[], { records }: Expected): number {
  const recordBytes = records.map(({ partitionKey, data }) => Buffer.byteLength(partitionKey) + data.length);
  const recordsMax = requestRecordsMax(flags, Math.min(...recordBytes));
  return (world.kinesis.stats().faultsFired.reset ?? 0) * recordsMax;
}
