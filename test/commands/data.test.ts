/** What is on the stream is what was in the source: issue 2, the real command between the embedded services. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CLICKS_KEY, clicks } from '../../bench/workloads/clicks.ts';
import { github } from '../../bench/workloads/github.ts';
import { unicode } from '../../bench/workloads/shapes.ts';
import { deaggregate } from '../../src/record/aggregate.ts';
import { scannerReason } from '../../src/scan/open.ts';
import { dataOf, differences, linesOf, SAMPLES, World, type WorldOptions } from './fixture.ts';

const EVENTS = github({ seed: 11, lineCount: 3_000 });
const CLICKS = clicks({ seed: 12, lineCount: 10_000 });
const TEXTS = unicode({ seed: 13, lineCount: 1_000 });
const NOTHING = new Map();

let world: World;
afterEach(() => world?.close());

async function open(contents: Readonly<Record<string, Uint8Array>>, options: WorldOptions = {}) {
  const objects = Object.entries(contents).map(([key, body]) => ({ key, body }));
  world = await World.open({ objects, ...options });
}

/** Runs, and expects that exactly `lines` were delivered. */
async function expectDelivered(lines: readonly string[], flags: readonly string[] = []) {
  const { report, ended } = await world.report(flags);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const records = world.records();
  expect(differences(lines, dataOf(records))).toEqual(NOTHING);
  expect(report.records).toEqual({
    delivered: lines.length,
    deliveredBefore: 0,
    ambiguous: 0,
    resent: 0,
    repeatable: 0,
  });
  expect(report.status).toBe('delivered');
  return { records, report };
}

describe('backfill carries', () => {
  it('several objects, plain and compressed, to every shard, byte for byte', async () => {
    await open({
      'a/events.jsonl': EVENTS,
      'a/clicks.jsonl.gz': gzipSync(CLICKS),
      'b/texts.jsonl': TEXTS,
      'b/texts.zst': zstdCompressSync(TEXTS),
    });
    const { records, report } = await expectDelivered(linesOf(EVENTS, CLICKS, TEXTS, TEXTS), [
      ...['--segment-size', '256KiB'],
    ]);
    expect(new Set(records.map(({ shardId }) => shardId)).size).toBe(8);
    expect(report.objects).toMatchObject({ listed: 4, done: 4, skipped: 0, failed: 0 });
    const bytes = records.reduce((sum, { data, partitionKey }) => sum + data.length + partitionKey.length, 0);
    expect(report.bytes.published).toBe(bytes);
    expect(report.scanner).toBe(scannerReason() === null ? 'native' : 'portable');
  });

  it.each([
    { name: 'gsm8k-train-1000.jsonl', decode: (bytes: Buffer) => bytes },
    { name: 'HumanEval.jsonl.gz', decode: gunzipSync },
  ])('the published data set $name', async ({ name, decode }) => {
    const stored = readFileSync(join(SAMPLES, name));
    await open({ [name]: stored });
    await expectDelivered(linesOf(decode(stored)));
  });

  it('the same with the portable scanner, and says which one it was', async () => {
    await open({ 'a.jsonl': EVENTS, 'b.gz': gzipSync(TEXTS) });
    const env = { MILLRACE_SCANNER: 'portable' };
    const { report, ended } = await world.report([], { env });
    expect([ended.exitCode, report.scanner]).toEqual([0, 'portable']);
    expect(differences(linesOf(EVENTS, TEXTS), dataOf(world.records()))).toEqual(NOTHING);
  });

  it.each([
    { flags: ['--order', 'key', '--partition-key', CLICKS_KEY] },
    { flags: ['--wire', 'json'] },
    { flags: ['--parsers', '3', '--publishers', '3', '--in-flight', '2', '--batch-records', '7'] },
    { flags: ['--batch-bytes', '1KiB', '--segment-size', '64KiB', '--downloads', '2'] },
    { flags: ['--compression', 'none'] },
  ])('everything, whatever the flags: $flags', async ({ flags }) => {
    await open({ 'a.jsonl': CLICKS, 'b.jsonl': TEXTS.subarray(0, 0), 'c.jsonl': CLICKS });
    await expectDelivered(linesOf(CLICKS, CLICKS), flags);
  });

  it('aggregated records, whose sub-records are the lines of the source', async () => {
    await open({ 'a.jsonl': CLICKS, 'b.jsonl': EVENTS });
    const { report, ended } = await world.report(['--aggregate']);
    expect(ended.exitCode).toBe(0);
    const stored = world.records();
    const lines = stored.flatMap(
      ({ data }) => deaggregate(data)?.map((sub) => Buffer.from(sub.data)) ?? [data],
    );
    expect(stored.length).toBeLessThan(lines.length / 10);
    expect(differences(linesOf(CLICKS, EVENTS), dataOf(lines.map((data) => ({ data }))))).toEqual(NOTHING);
    expect(report.records.delivered).toBe(13_000);
  });

  it('the lines of each partition key in their order with --order key', async () => {
    const lines = Array.from({ length: 6_000 }, (_, i) => `{"k":"k${i % 17}","n":${i}}`);
    const half = (from: number) => Buffer.from(lines.slice(from, from + 3_000).join('\n'));
    await open({ 'a.jsonl': half(0), 'b.jsonl': half(3_000) });
    const flags = ['--order', 'key', '--partition-key', '/k', '--segment-size', '64KiB'];
    const { records } = await expectDelivered(lines, [...flags, '--parsers', '2', '--publishers', '2']);
    const last = new Map<string, number>();
    for (const { data } of records) {
      const { k, n } = JSON.parse(data.toString());
      expect(n).toBeGreaterThan(last.get(k) ?? -1);
      last.set(k, n);
    }
    expect(last.size).toBe(17);
  });

  it('records as JSON to an endpoint that refuses CBOR, and says so once', async () => {
    await open({ 'a.jsonl': EVENTS }, { kinesis: { cbor: false } });
    const ended = await world.backfill();
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr.match(/does not understand CBOR/g)).toHaveLength(1);
    expect(differences(linesOf(EVENTS), dataOf(world.records()))).toEqual(NOTHING);
  });
});

/** Partition key by line. */
function keysByLine(): Map<string, string> {
  return new Map(world.records().map(({ data, partitionKey }) => [data.toString(), partitionKey]));
}

describe('a record’s key', () => {
  const LINES = {
    '{"k":"plain"}': 'plain',
    '{"k":"\\u00e4\\n"}': 'ä\n',
    '{"k":12.50}': '12.50',
    '{"k":true}': 'true',
    '{"k":{"x":1}}': null,
    '{"k":null}': null,
    '{"k":""}': null,
    '{"other":1}': null,
  };
  const BODY = Buffer.from(Object.keys(LINES).join('\n'));
  const USABLE = Object.entries(LINES).filter(([, key]) => key !== null);

  it('is what the pointer finds: strings decoded, numbers and booleans as written; a line without is a dead letter', async () => {
    await open({ 'a.jsonl': BODY });
    const { report, ended } = await world.report(['--partition-key', '/k']);
    expect([ended.exitCode, report.status]).toEqual([1, 'delivered-with-rejects']);
    expect(keysByLine()).toEqual(new Map(USABLE));
    expect(report.lines.rejectedByCode).toEqual({ MISSING_KEY: 4 });
    const letters = world
      .deadLetters()
      .map(({ code, data }) => [code, Buffer.from(data!, 'base64').toString()]);
    const without = Object.entries(LINES).filter(([, key]) => key === null);
    expect(letters.sort()).toEqual(without.map(([line]) => ['MISSING_KEY', line]).sort());
  });

  it('is the line’s place where the pointer finds nothing and --on-missing-key says coordinates', async () => {
    await open({ 'a.jsonl': BODY });
    const { ended } = await world.report(['--partition-key', '/k', '--on-missing-key', 'coordinates']);
    expect(ended.exitCode).toBe(0);
    const keys = keysByLine();
    expect(keys.size).toBe(8);
    let offset = 0;
    for (const [line, wanted] of Object.entries(LINES)) {
      if (wanted !== null) expect(keys.get(line)).toBe(wanted);
      else expect(keys.get(line)).toMatch(new RegExp(`^[\\w-]{11}:${offset}$`));
      offset += Buffer.byteLength(line) + 1;
    }
  });

  it('without a pointer is the line’s place, so that each is unique, and the shard is the one of its hash', async () => {
    await open({ 'a.jsonl': EVENTS, 'b.jsonl': EVENTS });
    const { ended } = await world.report();
    expect(ended.exitCode).toBe(0);
    const records = world.records();
    expect(new Set(records.map(({ partitionKey }) => partitionKey)).size).toBe(6_000);
    for (const { partitionKey, shardId } of records) expect(shardId).toBe(shardOf(hashOf(partitionKey)));
  });

  it('--explicit-hash-key chooses the shard, and a line without a usable one is a dead letter', async () => {
    const top = (1n << 128n) - 1n;
    const hashes = Array.from({ length: 100 }, (_, i) => (top / 99n) * BigInt(i));
    const lines = hashes.map((hash, i) => `{"k":"same","h":"${hash}","i":${i}}`);
    await open({ 'a.jsonl': Buffer.from([...lines, '{"k":"x","h":"-1"}', '{"k":"x"}'].join('\n')) });
    const { report, ended } = await world.report(['--partition-key', '/k', '--explicit-hash-key', '/h']);
    expect([ended.exitCode, report.lines.rejectedByCode]).toEqual([1, { MISSING_KEY: 2 }]);
    const records = world.records();
    expect(differences(lines, dataOf(records))).toEqual(NOTHING);
    for (const { data, shardId, explicitHashKey } of records) {
      const { h } = JSON.parse(data.toString());
      expect([shardId, BigInt(explicitHashKey!)]).toEqual([shardOf(BigInt(h)), BigInt(h)]);
    }
  });
});

function hashOf(key: string): bigint {
  return BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
}

/** Shard of a hash key among eight equal ones. */
function shardOf(hash: bigint): string {
  return `shardId-${String(hash >> 125n).padStart(12, '0')}`;
}

describe('a record’s key of characters outside the Basic Multilingual Plane', () => {
  it.each(['none', 'aggregate'])('goes to the service with up to 256 of them: %s', async (how) => {
    const keys = [128, 129, 256, 257].map((count) => '😀'.repeat(count));
    const lines = keys.map((k) => JSON.stringify({ k }));
    await open({ 'a.jsonl': Buffer.from(`${lines.join('\n')}\n`) });
    const flags = ['--partition-key', '/k', ...(how === 'none' ? [] : ['--aggregate'])];
    const { report, ended } = await world.report(flags);
    expect([ended.exitCode, report.records.delivered]).toEqual([1, 3]);
    expect(world.deadLetters().map(({ code }) => code)).toEqual(['MISSING_KEY']);
    const records = world.records();
    const found = records.flatMap(
      ({ data, partitionKey }) => deaggregate(data)?.map((sub) => sub.partitionKey) ?? [partitionKey],
    );
    expect(new Set(found)).toEqual(new Set(keys.slice(0, 3)));
    const plain = records.filter(({ data }) => deaggregate(data) === null);
    for (const { partitionKey, shardId } of plain) expect(shardId).toBe(shardOf(hashOf(partitionKey)));
  });
});

describe('a record’s data', () => {
  it('ends with a newline with --append-newline, and is the line without its surrounding blanks', async () => {
    await open({ 'a.jsonl': Buffer.from('\ufeff {"a":1}\t\r\n\n  \n[2]\n3') });
    const { report, ended } = await world.report(['--append-newline']);
    expect(ended.exitCode).toBe(0);
    expect(dataOf(world.records()).sort()).toEqual(['3\n', '[2]\n', '{"a":1}\n']);
    expect(report.lines).toMatchObject({ read: 5, blank: 2, rejected: 0 });
  });

  it.each([
    { maxRecord: 40, delivered: 1, codes: {} },
    { maxRecord: 39, delivered: 0, codes: { RECORD_TOO_LARGE: 1 } },
  ])(
    'with its key may have --max-record $maxRecord bytes: 38 and 2 of them',
    async ({ maxRecord, delivered, codes }) => {
      const line = `{"k":"kk","x":"${'x'.repeat(21)}"}`;
      expect(line).toHaveLength(38);
      await open({ 'a.jsonl': Buffer.from(line) });
      const { report } = await world.report(['--partition-key', '/k', '--max-record', `${maxRecord}`]);
      expect([report.records.delivered, report.lines.rejectedByCode]).toEqual([delivered, codes]);
    },
  );

  it.each([
    { depth: 5, codes: {} },
    { depth: 4, codes: { TOO_DEEP: 1 } },
  ])('may nest --max-depth $depth deep: it is 5', async ({ depth, codes }) => {
    await open({ 'a.jsonl': Buffer.from('[[[[[1]]]]]\n{}') });
    const { report } = await world.report(['--max-depth', `${depth}`]);
    expect(report.lines.rejectedByCode).toEqual(codes);
  });
});
