/**
 * What verify says after a backfill: issue 5, the real command between the embedded services.
 * Every case has a stream of its own: a copy of what the backfill brought, with one thing wrong with it.
 */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLICKS_KEY, clicks } from '../../bench/workloads/clicks.ts';
import { ENGINE } from '../../src/base/limits.ts';
import { Aggregate, deaggregate } from '../../src/record/aggregate.ts';
import { coordinateOf } from '../../src/run/parse-pool.ts';
import { undocumentedFields } from './documented.ts';
import { linesOf, runCommand, STREAM, World } from './fixture.ts';

const CLICKS = clicks({ seed: 21, lineCount: 500 });
const LINES = linesOf(CLICKS);
/** Byte offsets of the lines. */
const OFFSETS = LINES.map((_, i) => LINES.slice(0, i).reduce((sum, line) => sum + line.length + 1, 0));
/** The line that something is wrong with, and another one. */
const [ONE, OTHER] = [123, 321] as const;
const ETAG = '"etag-of-the-clicks"';
const KEY_OF_ONE = `${coordinateOf({ bucket: 'bucket', key: 'a.jsonl', etag: ETAG })}:${OFFSETS[ONE]}`;

interface Row {
  readonly partitionKey: string;
  readonly data: string;
}

/** What the backfill brought, in the order of the source. */
let rows: Row[];
let world: World;
let copies = 0;

function endpoints(): string[] {
  return ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
}

/** Runs `verify --json` on a stream, with its source from the journal unless `args` name one. */
async function verify(args: readonly string[]) {
  const flags = ['--json', ...endpoints()];
  const ended = await runCommand(['verify', ...args, ...flags], { cwd: world.folder });
  const report = ended.stdout === '' ? {} : JSON.parse(ended.stdout);
  expect(undocumentedFields(report)).toEqual([]);
  return { exitCode: ended.exitCode, stderr: ended.stderr, ...report };
}

function put(StreamName: string, { partitionKey, data }: Row): string {
  const Data = Buffer.from(data, 'latin1');
  const answer = world.kinesis.call('PutRecord', { StreamName, PartitionKey: partitionKey, Data });
  return String((answer as { SequenceNumber: string }).SequenceNumber);
}

const RECORDS_AN_AGGREGATE = 40;

/** Makes a stream that holds `copied`. @returns Its name, and the sequence number that each row can be found by. */
function copyOf(copied: readonly Row[], isAggregated: boolean): { stream: string; numbers: string[] } {
  const stream = `copy-${copies++}`;
  world.kinesis.call('CreateStream', { StreamName: stream, ShardCount: 1 });
  if (!isAggregated) return { stream, numbers: copied.map((row) => put(stream, row)) };
  const numbers: string[] = [];
  for (let from = 0; from < copied.length; from += RECORDS_AN_AGGREGATE) {
    const packed = new Aggregate();
    const part = copied.slice(from, from + RECORDS_AN_AGGREGATE);
    for (const { partitionKey, data } of part)
      packed.tryAdd(Buffer.from(partitionKey), null, Buffer.from(data, 'latin1'), 1e6);
    const number = put(stream, { partitionKey: 'a', data: Buffer.from(packed.encode()).toString('latin1') });
    numbers.push(...part.map(() => number));
  }
  return { stream, numbers };
}

function rowsOf(): Row[] {
  const found = world.records().flatMap(({ partitionKey, data }) => {
    const parts = deaggregate(data) ?? [{ partitionKey, data }];
    return parts.map((part) => ({
      partitionKey: part.partitionKey,
      data: Buffer.from(part.data).toString('latin1'),
    }));
  });
  const byLine = new Map(found.map((row) => [row.data, row]));
  return LINES.map((line) => byLine.get(line)!);
}

const placeOf = (line: number) => ({
  bucket: 'bucket',
  key: 'a.jsonl',
  offset: OFFSETS[line],
  length: LINES[line]!.length,
});

describe.each([
  { name: 'plain records with coordinate keys', flags: [], isAggregated: false },
  {
    name: 'aggregated records with keys of their own',
    flags: ['--partition-key', CLICKS_KEY, '--aggregate'],
    isAggregated: true,
  },
])('verify, of $name,', ({ flags, isAggregated }) => {
  beforeAll(async () => {
    world = await World.open({ objects: [{ key: 'a.jsonl', etag: ETAG, body: CLICKS }], shards: 2 });
    const { ended } = await world.report(flags);
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    rows = rowsOf();
    expect(rows.map(({ data }) => data)).toEqual(LINES);
    expect(rows[ONE]!.partitionKey === KEY_OF_ONE).toBe(!isAggregated);
  });
  afterAll(() => world?.close());

  /** A copy with `change` done to it, as verify sees it. */
  async function verifyCopy(change: (copied: Row[]) => void, strict = false) {
    const copied = [...rows];
    change(copied);
    const { stream, numbers } = copyOf(copied, isAggregated);
    const report = await verify([
      ...['--journal', world.journal, '--stream', stream],
      ...(strict ? ['--strict'] : []),
    ]);
    const streamPlaceOf = (index: number) => ({
      shardId: 'shardId-000000000000',
      sequenceNumber: numbers[index],
    });
    return { report, streamPlaceOf };
  }

  it.concurrent('finds a whole stream to match, from a journal and from a named source', async () => {
    const args = ['s3://bucket/', '--stream', STREAM, '--from', 'trim-horizon', ...flags.slice(0, 2)];
    // Bytes as the service counts them: data and partition key.
    const bytes = rows.reduce((sum, { partitionKey, data }) => sum + partitionKey.length + data.length, 0);
    for (const report of await Promise.all([verify(['--journal', world.journal]), verify(args)])) {
      expect(report).toMatchObject({
        ...{ exitCode: 0, status: 'match', error: null, warnings: [] },
        ...{ missing: 0, duplicated: 0, foreign: 0, altered: 0, outsideHashRange: 0, undecodable: 0 },
        source: { records: LINES.length, bytes },
        streamRecords: { records: LINES.length, bytes, shards: 2 },
        examples: { missing: [], duplicated: [], foreign: [], altered: [] },
        durationMs: expect.any(Number),
      });
      expect(report.stderr).toMatch(/^millrace: reading source and stream\n/);
      expect(report.stderr).not.toContain('naming differences');
    }
  });

  it.concurrent('names the place of a line that is missing', async () => {
    const { report } = await verifyCopy((copied) => copied.splice(ONE, 1));
    expect(report).toMatchObject({
      ...{ exitCode: 1, status: 'differ', error: null },
      ...{ missing: 1, duplicated: 0, foreign: 0, altered: 0 },
      examples: { missing: [placeOf(ONE)], duplicated: [], foreign: [], altered: [] },
    });
    for (const step of ['reading the source', 'reading the stream', 'reading the source once more'])
      expect(report.stderr).toContain(`millrace: naming differences, round 1 of 1: ${step}\n`);
  });

  it.concurrent('names a record that is doubled, which is a difference only if that was asked', async () => {
    const { report, streamPlaceOf } = await verifyCopy((copied) => copied.push(copied[ONE]!));
    expect(report).toMatchObject({
      ...{ exitCode: 0, status: 'match' },
      ...{ missing: 0, duplicated: 1, foreign: 0, altered: 0 },
      examples: { missing: [], duplicated: [streamPlaceOf(LINES.length)], foreign: [], altered: [] },
    });
  });

  it.concurrent('names a record of somebody else, here a difference because that was asked', async () => {
    const foreign = { partitionKey: 'somebody', data: '{"of":"another producer"}' };
    const { report, streamPlaceOf } = await verifyCopy((copied) => copied.splice(ONE, 0, foreign), true);
    expect(report).toMatchObject({
      ...{ exitCode: 1, status: 'differ' },
      ...{ missing: 0, duplicated: 0, foreign: 1, altered: 0 },
      examples: { missing: [], duplicated: [], foreign: [streamPlaceOf(ONE)], altered: [] },
    });
  });

  it.concurrent('names a record that is altered by one byte, and the line that it was where its key tells', async () => {
    const { report, streamPlaceOf } = await verifyCopy((copied) => {
      const { partitionKey, data } = copied[ONE]!;
      copied[ONE] = { partitionKey, data: `${data.slice(0, -2)}${data.at(-2) === '1' ? 2 : 1}}` };
    });
    const [missing, foreign] = [placeOf(ONE), streamPlaceOf(ONE)];
    const altered = isAggregated ? [] : [{ ...missing, ...foreign }];
    expect(report).toMatchObject({
      ...{ exitCode: 1, status: 'differ' },
      ...{ missing: 1, duplicated: 0, foreign: 1, altered: altered.length },
      examples: { missing: [missing], duplicated: [], foreign: [foreign], altered },
    });
  });

  it.concurrent('names two records whose keys are swapped', async () => {
    const { report, streamPlaceOf } = await verifyCopy((copied) => {
      const [one, other] = [copied[ONE]!, copied[OTHER]!];
      copied[ONE] = { partitionKey: other.partitionKey, data: one.data };
      copied[OTHER] = { partitionKey: one.partitionKey, data: other.data };
    });
    expect(report).toMatchObject({
      ...{ exitCode: 1, status: 'differ' },
      ...{ missing: 2, duplicated: 0, foreign: 2, altered: isAggregated ? 0 : 2 },
      examples: {
        missing: [placeOf(ONE), placeOf(OTHER)],
        duplicated: [],
        foreign: expect.arrayContaining([streamPlaceOf(ONE), streamPlaceOf(OTHER)]),
      },
    });
  });
});

it('follows a stream that was resharded before, during and after the backfill', async () => {
  const body = clicks({ seed: 22, lineCount: 6_000 });
  world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 2 });
  try {
    const split = (shard: number, NewStartingHashKey: string) =>
      world.kinesis.call('SplitShard', {
        ...{ StreamName: STREAM, ShardToSplit: `shardId-00000000000${shard}`, NewStartingHashKey },
      });
    split(0, `${2n ** 126n}`);
    let storedAtSplit = 0;
    // The hook that otherwise sends signals: it is asked again and again while the run goes on.
    const when = () => {
      storedAtSplit = world.records().length;
      if (storedAtSplit === 0) return false;
      split(1, `${3n * 2n ** 126n}`);
      return true;
    };
    const { report, ended } = await world.report(['--rate', '3000/s'], { interrupt: { when, signals: [] } });
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    expect(report.requests.reshards).toBeGreaterThan(0);
    expect(storedAtSplit).toBeLessThan(6_000);
    const [ShardToMerge, AdjacentShardToMerge] = ['shardId-000000000002', 'shardId-000000000003'];
    world.kinesis.call('MergeShards', { StreamName: STREAM, ShardToMerge, AdjacentShardToMerge });
    // Records that were on their way at the split were put again; the others are there once.
    expect(await verify(['--journal', world.journal])).toMatchObject({
      ...{ exitCode: 0, status: 'match', missing: 0, foreign: 0 },
      duplicated: world.records().length - 6_000,
      streamRecords: { records: world.records().length, shards: 7 },
    });
  } finally {
    await world.close();
  }
});

it('reads a list of objects on stdin as often as it has to', async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: CLICKS }], shards: 1 });
  try {
    put(STREAM, { partitionKey: 'somebody', data: '{"of":"another producer"}' });
    const args = ['verify', '-', '--stream', STREAM, '--from', 'trim-horizon', '--json', '--quiet'];
    const ended = await runCommand([...args, ...endpoints()], { stdin: 's3://bucket/a.jsonl\n' });
    expect(JSON.parse(ended.stdout)).toMatchObject({
      ...{ status: 'differ', missing: LINES.length, foreign: 1, source: { records: LINES.length } },
      examples: { missing: Array.from({ length: 10 }, (_, i) => placeOf(i)) },
    });
  } finally {
    await world.close();
  }
});

it('proves nothing of an object that it cannot read, unless the run could not read it either', async () => {
  const torn = gzipSync(CLICKS).subarray(0, -100);
  const objects = [
    { key: 'a.jsonl', body: CLICKS },
    { key: 'torn.gz', body: torn },
  ];
  world = await World.open({ objects, shards: 1 });
  try {
    const { report: run } = await world.report([]);
    expect(run).toMatchObject({ exitCode: 1, objects: { done: 1, failed: 1 } });
    const [ofRun, ofSource] = await Promise.all([
      verify(['--journal', world.journal]),
      verify(['s3://bucket/', '--stream', STREAM]),
    ]);
    const warnings = [expect.stringMatching(/^Could not be read to the end.*torn\.gz/)];
    const accepted = { exitCode: 1, status: 'match-with-rejects', error: null };
    expect(ofRun).toMatchObject({ ...accepted, missing: 0, objects: { unreadable: 1 }, warnings });
    expect(ofSource).toMatchObject({ exitCode: 3, status: 'failed', missing: 0, warnings });
    expect(ofSource.error).toContain('could not be read');
  } finally {
    await world.close();
  }
});

it('ends with 130 when it is stopped, and says so in its report', async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: CLICKS }], shards: 2 });
  try {
    // It reads on until then.
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const args = ['verify', 's3://bucket/', '--stream', STREAM, '--until', until, '--json', ...endpoints()];
    const when = () => (world.kinesis.stats().requestsByOperation.GetRecords ?? 0) > 0;
    const ended = await runCommand(args, { interrupt: { when, signals: ['SIGINT'] } });
    expect([ended.exitCode, ended.isTimedOut]).toEqual([130, false]);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      ...{ status: 'failed', error: 'Stopped by SIGINT; the same command begins again' },
      ...{ missing: 0, source: { records: 0 } },
    });
    expect(ended.stderr).toContain('SIGINT');
  } finally {
    await world.close();
  }
});

it.each(['verify', 'backfill'])('%s is stopped also while it waits for a list on stdin', async (command) => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: CLICKS }], shards: 1 });
  try {
    const args = [command, '-', '--stream', STREAM, '--json', ...endpoints()];
    const when = () => (world.kinesis.stats().requestsByOperation.ListShards ?? 0) > 0;
    const stdin = { stdin: 's3://bucket/a.jsonl\n', isStdinOpen: true };
    const settings = { cwd: world.folder, ...stdin, interrupt: { when, signals: ['SIGINT'] as const } };
    const ended = await runCommand(args, settings);
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([130, false]);
    expect(ended.drainMs).toBeLessThan(ENGINE.stopMs);
  } finally {
    await world.close();
  }
});

describe('a parser thread of verify', () => {
  it.each(['throw', 'exit', 'hang'])('that fails (%s) ends it with 3 and a message', async (action) => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: CLICKS }], shards: 1 });
    try {
      const args = ['verify', 's3://bucket/', '--stream', STREAM, '--json', '--quiet', ...endpoints()];
      const env = { MILLRACE_FAULT: `parser.task:1:${action}`, MILLRACE_HANG_MS: '2500' };
      const ended = await runCommand(args, { env });
      expect([ended.exitCode, ended.stderr, ended.isTimedOut]).toEqual([3, '', false]);
      const report = JSON.parse(ended.stdout);
      expect(report).toMatchObject({ status: 'failed', error: expect.stringMatching(/parser thread/i) });
    } finally {
      await world.close();
    }
  });
});

it('ends with 3 and says so when a thread that reads the stream has no more memory', async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: CLICKS }], shards: 1 });
  try {
    const args = ['verify', 's3://bucket/', '--stream', STREAM, '--json', '--quiet', ...endpoints()];
    const ended = await runCommand(args, { env: { MILLRACE_FAULT: 'reader.task:1:oom' } });
    expect([ended.exitCode, ended.stderr, ended.isTimedOut]).toEqual([3, '', false]);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'failed',
      error: 'Cannot verify: it ran out of memory (512 MiB of JavaScript heap)',
    });
  } finally {
    await world.close();
  }
});

it('does not start without the journal that it was told to read', async () => {
  const ended = await runCommand(['verify', '--journal', '/nowhere/no.journal', '--json']);
  expect([ended.exitCode, JSON.parse(ended.stdout)]).toEqual([
    2,
    { status: 'failed', exitCode: 2, error: expect.any(String) },
  ]);
  expect(ended.stderr).toContain('Cannot read the journal /nowhere/no.journal');
});
