/** `--limit`: the first lines of a source and no others, through kills, stops, resumes, verify and every way of naming objects. */
import { existsSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { BUCKET, dataOf, STREAM, World } from './fixture.ts';
import { expectKept, sorted, verify } from './kept-firsts.ts';

let world: World;
afterEach(() => world?.close());

const COUNT = 2000;
const linesOf = (object: string, count = COUNT) =>
  Array.from({ length: count }, (_, i) => `{"o":"${object}","i":${i},"pad":"${'x'.repeat(200)}"}`);
const bodyOf = (object: string, count = COUNT) => Buffer.from(`${linesOf(object, count).join('\n')}\n`);
const OBJECTS = [
  { key: 'b/plain.jsonl', body: bodyOf('plain') },
  { key: 'c/packed.jsonl.gz', body: gzipSync(bodyOf('packed')) },
  { key: 'd/zstd.jsonl.zst', body: zstdCompressSync(bodyOf('zstd')) },
  { key: 'e/last.jsonl', body: bodyOf('last') },
];
const ALL = ['plain', 'packed', 'zstd', 'last'].flatMap((object) => linesOf(object));

it.each([
  { name: 'within a plain object', limit: 1500 },
  { name: 'at the end of an object', limit: 2000 },
  { name: 'within a gzip object', limit: 2001 },
  { name: 'within a zstd object, in order', limit: 4700, flags: ['--order', 'key'] },
  { name: 'within the last object', limit: 7999 },
])(
  'delivers the first lines, verify proves them, and another number is another run: $name',
  async ({ limit, flags = [] }) => {
    world = await World.open({ objects: OBJECTS, shards: 2 });
    const given = ['--limit', String(limit), '--segment-size', '64KiB', ...flags];
    const { report, ended } = await world.report(given);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(ALL.slice(0, limit)));
    expect(report).toMatchObject({
      ...{ status: 'delivered', limited: { lines: limit, taken: limit, more: true }, lines: { read: limit } },
      objects: { listed: Math.ceil(limit / COUNT), done: Math.ceil(limit / COUNT), failed: 0 },
    });
    // The run's lines are the same where others have come in front of them.
    world.s3.put(BUCKET, { key: 'a/new.jsonl', body: bodyOf('new') });
    const verified = await verify(world, ['--journal', world.journal, '--strict']);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      ...{ status: 'match', missing: 0, foreign: 0, duplicated: 0 },
      lines: { counted: limit, records: limit },
      warnings: [
        expect.stringMatching(/^Only the first .* lines of the source were compared, as --limit says\.$/),
      ],
    });
    const again = await world.report(given);
    expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0, deliveredBefore: limit } });
    const other = await world.backfill(['--limit', String(limit + 1), ...flags]);
    expect([other.exitCode, other.stderr]).toEqual([
      2,
      expect.stringMatching(/limitLines was \d+, is now \d+/),
    ]);
    expect(world.records()).toHaveLength(limit);
  },
  120_000,
);

it('through kills and a stop the run keeps to the lines that were the first ones when it began', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1, isProvisioned: true });
  const limit = 3500;
  const flags = ['--limit', String(limit), '--segment-size', '64KiB'];
  const faults = [
    'journal.before-write:2:kill',
    'journal.before-sync:2:kill',
    'journal.after-sync:2:kill',
    'publisher.after-put:1:kill',
    'journal.before-write:4:kill',
    'journal.after-sync:4:kill',
  ];
  const report = await expectKept(world, {
    ...{ flags, faults, newsMin: 4, firsts: ALL.slice(0, limit) },
    newObject: (name) => ({ key: `a/${name}.jsonl`, body: bodyOf(name, 10) }),
  });
  expect(report.records.delivered + report.records.deliveredBefore).toBe(limit);
}, 120_000);

it('a source with fewer lines is delivered whole, and the report says so', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('1\n\n3') }], shards: 1 });
  const ended = await world.backfill(['--limit', '1000000', '--quiet']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stdout).toContain('Delivered: every line of the source is on the stream');
  expect(ended.stdout).toMatch(/limit +the first 1,000,000 lines, the source has 3\n/);
});

it('stages and the sample see the first lines alone, and a dry run counts them without a journal', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  const { report, ended } = await world.report(['--limit', '2500', '--where', 'record.i < 100', '--dry-run']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(report).toMatchObject({
    ...{ status: 'dry-run', lines: { read: 2500, filtered: 2300 }, limited: { lines: 2500, taken: 2500 } },
  });
  expect(existsSync(world.journal)).toBe(false);
  const sample = await world.report(['--limit', '2500', '--sample', '20%']);
  expect(sample.report.lines.read).toBe(2500);
  expect(sample.report.records.delivered).toBeGreaterThan(300);
  expect(sample.report.records.delivered).toBeLessThan(700);
});

it('lines of - give their objects in their own order, read once', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  const uris = ['e/last.jsonl', 'none', 'c/packed.jsonl.gz', 'b/plain.jsonl'].map(
    (key) => `s3://${BUCKET}/${key}`,
  );
  const stdin = `${uris.join('\n')}\n`;
  const { report, ended } = await world.report(['--limit', '2100'], { sources: ['-'], stdin });
  expect(ended.exitCode, ended.stderr).toBe(1);
  const expected = [...linesOf('last'), ...linesOf('packed').slice(0, 100)];
  expect(sorted(dataOf(world.records()))).toEqual(sorted(expected));
  expect(report.lines).toMatchObject({ read: 2100, rejectedByCode: { OBJECT_UNREADABLE: 1 } });
  // Whatever the order is in which they are named now.
  const again = await world.report(['--limit', '2100'], {
    sources: ['-'],
    stdin: `${uris.toReversed().join('\n')}\n`,
  });
  expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0, deliveredBefore: 2100 } });
});

it('a few lines of a large source cost a few requests', async () => {
  const body = bodyOf('large', 40_000);
  const many = Array.from({ length: 3000 }, (_, i) => ({ key: `z/${i}`, body: Buffer.from('1\n') }));
  world = await World.open({ objects: [{ key: 'a', body: gzipSync(body) }, ...many], shards: 1 });
  const { report, ended } = await world.report(['--limit', '100']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(report.records.delivered).toBe(100);
  expect(report.requests.get).toBeLessThanOrEqual(2);
  expect(report.bytes.downloaded).toBeLessThan(200 * 1024);
});

it('an object that cannot be read while the lines are sought ends the run before anything is sent', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  world.s3.setFaults([{ kind: 'access-denied' }]);
  const { report, ended } = await world.report(['--limit', '100']);
  expect([ended.exitCode, report.status]).toEqual([2, 'failed']);
  expect(report.error).toContain('Cannot find the first 100 lines');
  expect(world.s3.stats().faultsFired['access-denied']).toBeGreaterThan(0);
  expect(world.records()).toHaveLength(0);
});

it('stopped while the lines are sought it has sent nothing, and the same command seeks them again', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  world.s3.setFaults([{ kind: 'stall', afterBytes: 100 }]);
  const interrupt = { when: () => world.s3.stats().faultsFired.stall! > 0, signals: ['SIGTERM' as const] };
  const stopped = await world.report(['--limit', '2100'], { interrupt });
  expect([stopped.ended.exitCode, stopped.report.limited]).toEqual([
    143,
    { lines: 2100, taken: null, more: null },
  ]);
  expect(world.records()).toHaveLength(0);
  world.s3.setFaults([]);
  const { report, ended } = await world.report(['--limit', '2100']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(report).toMatchObject({ resumed: true, records: { delivered: 2100 }, limited: { taken: 2100 } });
});

it('verify finds the first lines by itself where there is no journal', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  await world.report(['--limit', '2100']);
  const flags = [`s3://${BUCKET}/`, '--stream', STREAM, '--from', 'trim-horizon', '--strict'];
  const same = await verify(world, [...flags, '--limit', '2100']);
  expect(same.report, same.ended.stderr).toMatchObject({ status: 'match', lines: { counted: 2100 } });
  const more = await verify(world, [...flags, '--limit', '2105']);
  expect(more.report, more.ended.stderr).toMatchObject({ status: 'differ', missing: 5, foreign: 0 });
});
