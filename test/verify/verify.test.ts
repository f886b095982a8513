import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { loadAddon } from '../../src/native/load.ts';
import { Aggregate } from '../../src/record/aggregate.ts';
import { retentionWarning, type VerifyOptions, verify } from '../../src/verify/verify.ts';
import { FAST, type Fixture, startFixture } from '../stream/fixture.ts';
import { recordsOf, sourceOf, type TestLine, type TestObject } from './sources.ts';

process.env.AWS_ACCESS_KEY_ID ??= 'a';
process.env.AWS_SECRET_ACCESS_KEY ??= 'b';

const opened: Fixture[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function fixture(shards = 4): Promise<Fixture> {
  const one = await startFixture({ streams: { s: shards } });
  opened.push(one);
  return one;
}

/** Three objects; the lines of the second have keys of their own. */
const OBJECTS: TestObject[] = ['a.jsonl', 'b.jsonl', 'c.jsonl'].map((key, o) => ({
  key,
  lines: Array.from({ length: 300 }, (_, i) => ({
    data: JSON.stringify({ object: key, line: i }),
    key: o === 1 ? `customer-${i % 50}` : null,
  })),
}));
const RECORDS = recordsOf(OBJECTS);

function check(f: Fixture, options: Partial<VerifyOptions> = {}) {
  return verify({
    source: sourceOf(OBJECTS),
    target: { region: f.kinesis.region, profile: null, endpoint: f.kinesis.endpoint },
    stream: 's',
    untilMs: Date.now(),
    threads: 2,
    ...FAST,
    ...options,
  });
}

/** Aggregates of 40 records. @param isPartHashKey Whether it is that of each record, too; else each has that of its partition key. */
function aggregatesOf(
  records: readonly TestLine[],
  hashKey: (index: number) => string,
  isPartHashKey: boolean,
) {
  const made: (TestLine & { explicitHashKey: string })[] = [];
  for (let from = 0; from < records.length; from += 40) {
    const one = new Aggregate();
    const explicitHashKey = hashKey(made.length);
    for (const { key, data } of records.slice(from, from + 40)) {
      one.tryAdd(Buffer.from(key), isPartHashKey ? explicitHashKey : null, Buffer.from(data), 1e9);
    }
    made.push({ key: 'a', data: one.encode() as unknown as string, explicitHashKey });
  }
  return made;
}

/** Each lies in one shard as a whole. */
const aggregated = (records: readonly TestLine[]): TestLine[] =>
  aggregatesOf(records, (index) => String(BigInt(index % 8) << 125n), true);

/** All in the first shard, with records whose hash keys are from all over. */
const misrouted = (records: readonly TestLine[]): TestLine[] => aggregatesOf(records, () => '0', false);

it.each([
  { name: 'plain records on 1 shard', shards: 1, pack: (records: TestLine[]) => records },
  { name: 'plain records on 64 shards', shards: 64, pack: (records: TestLine[]) => records },
  { name: 'aggregated records', shards: 3, pack: aggregated },
])('finds equal what is equal: $name', async ({ shards, pack }) => {
  const f = await fixture(shards);
  await f.put(pack(RECORDS.toReversed()));
  const source = sourceOf(OBJECTS);
  const report = await check(f, { source });
  const bytes = RECORDS.reduce((sum, { key, data }) => sum + key.length + data.length, 0);
  expect(report).toMatchObject({
    status: 'match',
    error: null,
    source: { records: 900, bytes },
    streamRecords: { records: 900, bytes, shards },
    ...{ missing: 0, duplicated: 0, foreign: 0, altered: 0 },
  });
  expect(source.scans).toBe(1);
});

describe.each([
  { how: 'plain', pack: (records: TestLine[]) => records },
  { how: 'aggregated', pack: aggregated },
])('of $how records', ({ pack }) => {
  it('names one that is missing', async () => {
    const f = await fixture();
    await f.put(pack(RECORDS.filter((_, i) => i !== 7)));
    const report = await check(f);
    expect(report).toMatchObject({ status: 'differ', missing: 1, duplicated: 0, foreign: 0, altered: 0 });
    const line = OBJECTS[0]!.lines.slice(0, 7).reduce((sum, { data }) => sum + data.length + 1, 0);
    expect(report.examples.missing).toEqual([
      { bucket: 'history', key: 'a.jsonl', offset: line, length: OBJECTS[0]!.lines[7]!.data.length },
    ]);
  });

  it('names one that is doubled, which is a difference only if that was asked', async () => {
    const f = await fixture();
    await f.put(pack([...RECORDS, RECORDS[7]!, RECORDS[7]!]));
    const lenient = await check(f);
    expect(lenient).toMatchObject({ status: 'match', missing: 0, duplicated: 2, foreign: 0 });
    expect(lenient.examples.duplicated).toHaveLength(2);
    expect(lenient.examples.duplicated[0]).toEqual({
      shardId: expect.stringMatching(/^shardId-/),
      sequenceNumber: expect.stringMatching(/^\d+$/),
    });
    expect((await check(f, { isStrict: true })).status).toBe('differ');
  });

  it('names one that is altered by one byte', async () => {
    const f = await fixture();
    const changed = RECORDS.map((record, i) =>
      i === 7 ? { ...record, data: record.data.replace('7', '8') } : record,
    );
    await f.put(pack(changed));
    const report = await check(f);
    expect(report).toMatchObject({ status: 'differ', missing: 1, foreign: 1, duplicated: 0, altered: 1 });
    expect(report.examples.altered).toEqual([
      { ...report.examples.missing[0], ...report.examples.foreign[0] },
    ]);
  });

  it('counts foreign ones without taking offence, unless that was asked', async () => {
    const f = await fixture();
    const foreign = Array.from({ length: 500 }, (_, i) => ({ key: `live-${i}`, data: `{"live":${i}}` }));
    await f.put(pack([...RECORDS.slice(0, 400), ...foreign, ...RECORDS.slice(400)]));
    expect(await check(f)).toMatchObject({ status: 'match', missing: 0, duplicated: 0, foreign: 500 });
    expect(await check(f, { isStrict: true, examplesMax: 3 })).toMatchObject({
      status: 'differ',
      foreign: 500,
    });
    expect((await check(f, { examplesMax: 3 })).examples.foreign).toHaveLength(3);
  });

  it('sees two that are swapped between keys', async () => {
    const f = await fixture();
    const [one, two] = [RECORDS[310]!, RECORDS[311]!];
    const swapped = RECORDS.map((record, i) => {
      if (i === 310) return { key: two.key, data: one.data };
      return i === 311 ? { key: one.key, data: two.data } : record;
    });
    await f.put(pack(swapped));
    expect(await check(f)).toMatchObject({ status: 'differ', missing: 2, foreign: 2, duplicated: 0 });
  });
});

it.each([
  { name: 'fewer', later: OBJECTS.slice(1) },
  { name: 'more', later: [...OBJECTS, OBJECTS[0]!] },
  { name: 'no', later: [] },
])(
  'fails where the source gives $name records the second time: such a comparison would be no proof',
  async ({ later }) => {
    const f = await fixture();
    await f.put(RECORDS.filter((_, i) => i !== 7));
    let scans = 0;
    const source: VerifyOptions['source'] = {
      scan: (...args) => sourceOf(scans++ === 0 ? OBJECTS : later).scan(...args),
    };
    const report = await check(f, { source });
    expect(report).toMatchObject({ status: 'failed', error: { code: 'MILLRACE_SOURCE', exitCode: 3 } });
    expect(report.error!.message).toContain('The source changed while it was read');
  },
);

it('warns that nothing is proved by a source without records', async () => {
  const f = await fixture(1);
  await f.put(RECORDS.slice(0, 10));
  const report = await check(f, { source: sourceOf([]) });
  expect(report).toMatchObject({ status: 'match', foreign: 10 });
  expect(report.warnings).toEqual([expect.stringContaining('no record in the source')]);
});

const { addon, reason } = loadAddon();
/** Without the addon the name says why the native half is not run. */
const DECODERS = addon === null ? (['portable'] as const) : (['native', 'portable'] as const);
const ways = addon === null ? `portably (natively not: ${reason})` : 'natively and portably';

it(`finds all of many differences, in as many rounds as memory asks for, ${ways}`, async () => {
  const f = await fixture();
  const kept = RECORDS.filter((_, i) => i % 9 !== 0);
  await f.put([...kept, ...kept.filter((_, i) => i % 7 === 0), { key: 'x', data: 'y' }]);
  const expected = { missing: 100, duplicated: Math.ceil(800 / 7), foreign: 1, status: 'differ' };
  for (const decoder of DECODERS) {
    const source = sourceOf(OBJECTS);
    const rounds = new Set<number>();
    const onPhase: VerifyOptions['onPhase'] = (phase) => phase.name === 'locate' && rounds.add(phase.round);
    const report = await check(f, { source, decoder, onPhase, memoryBytesMax: 60 * 16, examplesMax: 1000 });
    expect(report).toMatchObject(expected);
    expect(new Set(report.examples.missing.map(({ key, offset }) => `${key} ${offset}`)).size).toBe(100);
    expect(rounds.size).toBeGreaterThan(3);
  }
});

it('follows a stream that was resharded while records were put', async () => {
  const f = await fixture(2);
  await f.put(RECORDS.slice(0, 300));
  f.kinesis.call('SplitShard', {
    StreamName: 's',
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: `${2n ** 126n}`,
  });
  await f.put(RECORDS.slice(300, 600));
  f.kinesis.call('MergeShards', {
    StreamName: 's',
    ShardToMerge: 'shardId-000000000002',
    AdjacentShardToMerge: 'shardId-000000000003',
  });
  await f.put(RECORDS.slice(600));
  expect(await check(f)).toMatchObject({ status: 'match', streamRecords: { records: 900, shards: 5 } });
});

it('reads a shard that comes up while it reads', async () => {
  const f = await fixture(1);
  await f.put(RECORDS.slice(0, 600));
  const source = sourceOf(OBJECTS);
  const scan = source.scan.bind(source);
  let isSplit = false;
  source.scan = async (...args) => {
    // The first scan runs beside the reading of the stream, which waits for `untilMs`.
    if (!isSplit) {
      isSplit = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
      f.kinesis.call('SplitShard', {
        StreamName: 's',
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: `${2n ** 127n}`,
      });
      await f.put(RECORDS.slice(600));
    }
    await scan(...args);
  };
  expect(await check(f, { source, untilMs: Date.now() + 1500 })).toMatchObject({
    status: 'match',
    streamRecords: { records: 900, shards: 3 },
  });
});

describe.each(DECODERS)('where aggregates reach beyond their shard (%s)', (decoder) => {
  it('counts all of their records as missing, as consumers do not see them', async () => {
    const f = await fixture(2);
    await f.put(misrouted(RECORDS));
    const report = await check(f, { decoder });
    expect(report).toMatchObject({ status: 'differ', missing: 900, duplicated: 0, foreign: 0 });
    expect([report.streamRecords.records, report.outsideHashRange]).toEqual([0, 900]);
    expect(report.warnings).toEqual([expect.stringContaining('count as not seen')]);
  });

  it('matches where all of their records stand again, and differs where only those outside do', async () => {
    const f = await fixture(2);
    const first = RECORDS.slice(0, 40);
    await f.put([...RECORDS.slice(40), ...misrouted(first)]);
    const isOutside = ({ key }: TestLine) => createHash('md5').update(key).digest()[0]! >= 128;
    const outside = first.filter(isOutside);
    expect(outside.length).toBeGreaterThan(5);
    await f.put(outside);
    const missing = first.length - outside.length;
    expect(await check(f, { decoder })).toMatchObject({ status: 'differ', missing, outsideHashRange: 40 });
    await f.put(first.filter((record) => !isOutside(record)));
    const report = await check(f, { decoder, isStrict: true });
    expect(report).toMatchObject({ status: 'match', missing: 0, duplicated: 0, outsideHashRange: 40 });
  });
});

it('warns when retention has cut off the start', async () => {
  const f = await fixture(1);
  await f.put(RECORDS);
  const report = await check(f, { putFromMs: Date.now() - 25 * 3_600_000 });
  expect(report.warnings).toEqual([expect.stringMatching(/25\.0 hours ago and the stream keeps 24/)]);
});

it.each([
  { hours: 24, warns: false },
  { hours: 24.1, warns: true },
])('warns of retention after $hours of 24 hours: $warns', ({ hours, warns }) => {
  expect(retentionWarning(0, 24, hours * 3_600_000) !== null).toBe(warns);
});

it('reports a stream that is not there, with advice', async () => {
  const f = await fixture(1);
  const report = await check(f, { stream: 'absent' });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'MILLRACE_STREAM', exitCode: 2 } });
  expect(report.error!.message).toContain('check the stream name');
});

it('reports a missing permission, with advice', async () => {
  const f = await fixture(1);
  await f.put(RECORDS.slice(0, 10));
  f.kinesis.setFaults([{ kind: 'error', operation: 'GetRecords', code: 'AccessDeniedException' }]);
  const report = await check(f);
  expect(report).toMatchObject({ status: 'failed', error: { code: 'MILLRACE_STREAM', exitCode: 2 } });
  expect(report.error!.message).toContain('allow kinesis:ListShards');
});

it('stops the source when the stream fails', async () => {
  const f = await fixture(1);
  let reason: unknown = null;
  const source: VerifyOptions['source'] = {
    scan: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(reason);
        });
      }),
  };
  const report = await check(f, { source, stream: 'absent' });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'MILLRACE_STREAM' } });
  expect(reason).toMatchObject({ code: 'MILLRACE_STREAM' });
});

it('stops the stream when the source fails', async () => {
  const f = await fixture(1);
  const failure = new MillraceError('MILLRACE_SOURCE', 'no such bucket');
  const source: VerifyOptions['source'] = {
    async scan() {
      while (!f.kinesis.stats().requestsByOperation.GetRecords)
        await new Promise((resolve) => setTimeout(resolve, 10));
      throw failure;
    },
  };
  // Without the failure it would be read for an hour.
  const report = await check(f, { source, untilMs: Date.now() + 3_600_000 });
  expect(report).toMatchObject({ status: 'failed', error: failure.toWire() });
});

it('reports that it was stopped', async () => {
  const f = await fixture(1);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 300);
  const report = await check(f, { signal: stop.signal, untilMs: Date.now() + 60_000 });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'MILLRACE_INTERRUPTED', exitCode: 130 } });
});
