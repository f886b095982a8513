/** The stream's limits, to the byte. The real command; the service refuses more. Requests: test/publish/kinesis/put-records.test.ts. */
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { MIB } from '../../src/base/limits.ts';
import { deaggregate } from '../../src/record/aggregate.ts';
import { STREAM, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const ONE_OF_EACH = ['--partition-key', '/k', '--parsers', '1', '--publishers', '1'];

/** Longer than the window of gzip, so that long lines do not compress like a bomb. */
const PAD = new Random(1).hex(65_536);

/** A line that with its partition key `key` makes a record of `recordBytes`. */
function lineOf(key: string, recordBytes: number): string {
  const empty = `{"k":"${key}","pad":""}`;
  const padBytes = recordBytes - Buffer.byteLength(key) - Buffer.byteLength(empty);
  return `{"k":"${key}","pad":"${PAD.repeat(Math.ceil(padBytes / PAD.length)).slice(0, padBytes)}"}`;
}

type KeyedLine = readonly [key: string, line: string];

/** Lines around a limit; the one that exceeds it is OVER. Some keys have two bytes a character: the service counts bytes. */
const OVER = 3;
function edgeLines(prefix: string, limit: number): KeyedLine[] {
  const sizes = { first: 60, under: limit - 1, ät: limit, över: limit + 1, last: 60 };
  return Object.entries(sizes).map(([name, bytes]) => [prefix + name, lineOf(prefix + name, bytes)]);
}

const bodyOf = (lines: readonly KeyedLine[]) => Buffer.from(lines.map(([, line]) => `${line}\n`).join(''));

/** Sizes from 60 bytes to 1 MiB, large and small ones alike, 25 MiB in all or a little more. */
function anySizes(seed: number): number[] {
  const random = new Random(seed);
  const sizes: number[] = [];
  for (let sum = 0; sum < 25 * MIB; sum += sizes.at(-1)!) {
    sizes.push(random.integer(60, random.chance(50) ? MIB : random.integer(61, MIB / 8)));
  }
  return sizes;
}

/** Lines of the stream by partition key, whether they travelled alone or aggregated. */
function storedByKey(): Map<string, string> {
  const stored = new Map<string, string>();
  for (const { partitionKey, data } of world.records()) {
    const parts = deaggregate(data) ?? [{ partitionKey: Buffer.from(partitionKey), data }];
    for (const part of parts) stored.set(part.partitionKey.toString(), Buffer.from(part.data).toString());
  }
  return stored;
}

it.each([
  { name: 'alone', recordKib: 1_024, flags: [] },
  { name: 'aggregated, as JSON', recordKib: 1_024, flags: ['--aggregate', '--wire', 'json'] },
  { name: 'aggregated and in order', recordKib: 10_240, flags: ['--aggregate', '--order', 'key'] },
])(
  'a stream that takes $recordKib KiB takes records of that size and one byte less, and one byte more is a dead letter ($name)',
  async ({ recordKib, flags }) => {
    const limit = recordKib * 1024;
    const plain = edgeLines('plain-', limit);
    const compressed = edgeLines('gzip-', limit);
    world = await World.open({
      objects: [
        { key: 'a.jsonl', body: bodyOf(plain) },
        { key: 'b.jsonl.gz', body: gzipSync(bodyOf(compressed), { level: 1 }) },
      ],
      shards: 1,
    });
    world.kinesis.call('UpdateMaxRecordSize', {
      StreamARN: world.kinesis.streamArn(STREAM),
      MaxRecordSizeInKiB: recordKib,
    });
    const { report, ended } = await world.report([...ONE_OF_EACH, ...flags]);
    expect([ended.exitCode, report.lines.rejectedByCode], ended.stderr).toEqual([1, { RECORD_TOO_LARGE: 2 }]);
    const fitting = [...plain, ...compressed].filter(([key]) => !key.includes('över'));
    expect(storedByKey()).toEqual(new Map(fitting));
    const letters = world.deadLetters().sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(letters.map(({ key, code, offset, length }) => ({ key, code, offset, length }))).toEqual(
      [plain, compressed].map((lines, i) => ({
        key: ['a.jsonl', 'b.jsonl.gz'][i],
        code: 'RECORD_TOO_LARGE',
        offset: bodyOf(lines.slice(0, OVER)).length,
        length: Buffer.byteLength(lines[OVER]![1]),
      })),
    );
  },
);

it.each([
  { name: 'alone', sizes: anySizes(51), flags: [] },
  { name: 'aggregated', sizes: anySizes(52), flags: ['--aggregate', '--aggregate-bytes', '1MiB'] },
])('records of any size are stored $name, in requests that the service never refuses', async (given) => {
  const lines = given.sizes.map((bytes, i) => [`key-${i}`, lineOf(`key-${i}`, bytes)] as const);
  world = await World.open({ objects: [{ key: 'a.jsonl', body: bodyOf(lines) }], shards: 1 });
  const { report, ended } = await world.report([...ONE_OF_EACH, '--batch-bytes', '10MiB', ...given.flags]);
  expect([ended.exitCode, ended.stderr, report.requests.putFailed]).toEqual([0, '', 0]);
  expect(storedByKey()).toEqual(new Map(lines));
});
