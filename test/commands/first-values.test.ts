import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import type { PreviewLine } from '../../src/observe/preview.ts';
import { BUCKET, dataOf, runCommand, STREAM, World } from './fixture.ts';
import { expectKept, sorted, verify } from './kept-firsts.ts';

let world: World;
afterEach(() => world?.close());

const COUNT = 2000;
const valueAt = (object: string, i: number) =>
  i % 100 === 7
    ? JSON.stringify({ o: object, i, spread: [true] }, null, 2)
    : `{"o":"${object}","i":${i}, "text":"}{\\"${'x'.repeat(i % 300)}"}`;
const valuesOf = (object: string) => Array.from({ length: COUNT }, (_, i) => valueAt(object, i));
const sideBySide = (object: string) => Buffer.from(valuesOf(object).join(''));
const elements = (object: string) =>
  Buffer.from(`{"Version":1,"Records":[${valuesOf(object).join(',')}],"End":{"Records":[0]}}`);
const KINDS = [
  { framing: 'values', bodyOf: sideBySide },
  { framing: 'array:/Records', bodyOf: elements },
];
const objectsOf = (bodyOf: (object: string) => Buffer) => [
  { key: 'b/plain', body: bodyOf('plain') },
  { key: 'c/packed.gz', body: gzipSync(bodyOf('packed')) },
  { key: 'd/zstd.zst', body: zstdCompressSync(bodyOf('zstd')) },
];
const ALL = ['plain', 'packed', 'zstd'].flatMap(valuesOf);

it.each(
  KINDS.flatMap((kind) => [
    { ...kind, limit: 1500 },
    { ...kind, limit: 2000 },
    { ...kind, limit: 4700 },
    { ...kind, limit: 6000 },
  ]),
)(
  'delivers the first values and no others, verify proves them with a journal and without, and another number is another run: $framing, $limit',
  async ({ framing, bodyOf, limit }) => {
    world = await World.open({ objects: objectsOf(bodyOf), shards: 2 });
    const given = ['--framing', framing, '--limit', String(limit)];
    const { report, ended } = await world.report(given);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(ALL.slice(0, limit)));
    const objects = Math.ceil(limit / COUNT);
    expect(report).toMatchObject({
      ...{ status: 'delivered', lines: { read: limit, rejected: 0 } },
      ...{ limited: { lines: limit, taken: limit, more: limit < ALL.length } },
      objects: { listed: objects, done: objects, failed: 0 },
    });
    // Whatever comes in front of them.
    world.s3.put(BUCKET, { key: 'a/new', body: bodyOf('new') });
    const verified = await verify(world, ['--journal', world.journal, '--strict']);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      ...{ status: 'match', missing: 0, foreign: 0, duplicated: 0 },
      lines: { counted: limit, records: limit },
    });
    const again = await world.report(given);
    expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0, deliveredBefore: limit } });
    const other = await world.backfill([...given.slice(0, 2), '--limit', String(limit + 1)]);
    expect([other.exitCode, other.stderr]).toEqual([
      2,
      expect.stringMatching(/limitLines was \d+, is now \d+/),
    ]);
    const anew = [`s3://${BUCKET}/`, '--exclude', 'a/*', '--stream', STREAM, '--from', 'trim-horizon'];
    const alone = await verify(world, [...anew, '--strict', ...given]);
    expect(alone.report, alone.ended.stderr).toMatchObject({ status: 'match', lines: { counted: limit } });
  },
  60_000,
);

it.each(KINDS)(
  'through kills and a stop the run keeps to the values that were the first ones when it began: $framing',
  async ({ framing, bodyOf }) => {
    world = await World.open({ objects: objectsOf(bodyOf), shards: 1, isProvisioned: true });
    const limit = 3500;
    const flags = ['--framing', framing, '--limit', String(limit)];
    const faults = [
      'journal.before-write:2:kill',
      'journal.after-sync:2:kill',
      'publisher.after-put:1:kill',
      'journal.before-sync:3:kill',
    ];
    await expectKept(world, {
      ...{ flags, faults, newsMin: 2, firsts: ALL.slice(0, limit) },
      newObject: (name) => ({ key: `a/${name}`, body: bodyOf(name) }),
    });
  },
  120_000,
);

it('damage between values counts as one of them, whichever end of the limit it stands at, and nothing behind the limit is looked at', async () => {
  const body = Buffer.from('{"i":1}{"i":2,}{"i":3}\n{"i":4} 5 {"i":6,}');
  const letters = [null, ['{"i":2,}{"i":3}'], null, null, ['{"i":6,}']];
  const records = [['{"i":1}'], [], ['{"i":4}'], ['5'], []];
  for (let limit = 1; limit <= 5; limit++) {
    world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
    const { report } = await world.report(['--framing', 'values', '--limit', String(limit)]);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(records.slice(0, limit).flat()));
    expect(world.deadLetters().map(({ data }) => Buffer.from(data!, 'base64').toString())).toEqual(
      letters.slice(0, limit).flatMap((letter) => letter ?? []),
    );
    expect(report).toMatchObject({ lines: { read: limit }, limited: { taken: limit, more: limit < 5 } });
    const verified = await verify(world, ['--journal', world.journal]);
    expect(verified.report, verified.ended.stderr).toMatchObject({ missing: 0, lines: { counted: limit } });
    await world.close();
  }
}, 60_000);

it('a few values of a large object cost a few requests', async () => {
  const many = Array.from({ length: 40_000 }, (_, i) => `{"i":${i},"r":"${Math.random()} ${Math.random()}"}`);
  world = await World.open({ objects: [{ key: 'a', body: gzipSync(many.join('')) }], shards: 1 });
  const { report, ended } = await world.report(['--framing', 'values', '--limit', '100']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(report.records.delivered).toBe(100);
  expect(report.requests.get).toBeLessThanOrEqual(2);
  expect(report.bytes.downloaded).toBeLessThan(200 * 1024);
});

it.each(KINDS)(
  'preview shows the first values as they lie there, and what a run sends of them: $framing',
  async ({ framing, bodyOf }) => {
    const bad = framing === 'values' ? '{"o":"bad",}\r\n' : '{"Records":[{"o":"bad"]}';
    const objects = [
      { key: 'a', body: Buffer.from(bad) },
      { key: 'b.gz', body: gzipSync(bodyOf('packed')) },
    ];
    world = await World.open({ objects, shards: 1 });
    const given = ['--framing', framing, '--limit', '150', '--where', 'record.i != 3', '--drop', '/text'];
    const shown = await runCommand(
      ['preview', `s3://${BUCKET}/`, '--s3-endpoint-url', world.s3.endpoint, '--json', ...given],
      { cwd: world.folder },
    );
    expect([shown.exitCode, shown.stderr]).toEqual([1, '']);
    const lines = shown.stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as PreviewLine);
    const values = valuesOf('packed').slice(0, 149);
    const content = bodyOf('packed').toString();
    const badText = framing === 'values' ? '{"o":"bad",}' : '{"o":"bad"]}';
    expect(lines.map(({ before }) => before.text)).toEqual([badText, ...values]);
    expect(lines.slice(1).every(({ offset, before }) => content.startsWith(before.text!, offset))).toBe(true);
    expect(lines.every(({ length, before }) => before.text!.length === length)).toBe(true);
    expect(lines[0]).toMatchObject({ outcome: 'rejected', code: 'INVALID_JSON' });
    expect(lines[4]).toMatchObject({ outcome: 'filtered', stage: 'where' });
    const { report } = await world.report(given);
    expect(report.lines).toMatchObject({ read: 150, filtered: 1, rejected: 1 });
    const sent = lines.flatMap(({ records }) =>
      records.map(({ partitionKey, text }) => `${partitionKey} ${text}`),
    );
    expect(sorted(sent)).toEqual(
      sorted(world.records().map(({ partitionKey, data }) => `${partitionKey} ${data}`)),
    );
  },
);
