/** What a run says it was held back by: on a full stream, at a slow source, with a slow parser, and with one hot key. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { undocumentedFields } from './documented.ts';
import { BUCKET, runCommand, STREAM, World, type WorldOptions } from './fixture.ts';

let world: World;
afterEach(() => world.close());

/** A world whose stream keeps the real limits of its shards. */
async function provisioned(options: WorldOptions): Promise<void> {
  world = await World.open({ ...options, kinesis: { limits: 'real' } });
  const StreamARN = world.kinesis.streamArn(STREAM);
  world.kinesis.call('UpdateStreamMode', { StreamARN, StreamModeDetails: { StreamMode: 'PROVISIONED' } });
}

function lines(count: number, keyOf: (i: number) => string): Buffer {
  return Buffer.from(
    Array.from({ length: count }, (_, i) => `{"k":"${keyOf(i)}","n":${i},"pad":"${'x'.repeat(160)}"}\n`).join(
      '',
    ),
  );
}

/** One record in ten has the same key four times: spread like chance, and the same in every run. */
const HOT = 'the-hot-key';
const hotKey = (i: number) => (i % 10 < 4 ? HOT : `cold-${(i * 7919) % 9_973}`);

describe('a stream that is full', () => {
  it('is what holds a run back, and more shards or --aggregate help', { timeout: 120_000 }, async () => {
    await provisioned({ objects: [{ key: 'a.jsonl', body: lines(18_000, (i) => `k${i}`) }], shards: 4 });
    const { report, ended } = await world.report(['--partition-key', '/k']);
    expect(ended.exitCode).toBe(0);
    expect(report.limit.stage).toBe('stream');
    expect(report.limit.means.publishersHeld).toBeGreaterThan(0.5);
    expect(report.limit.helps).toContain('more shards, or an on-demand stream. --aggregate: records/s');
    expect(report.limit.skew).toMatchObject({ unit: 'records', shards: 4, hotKeys: [] });
    expect(undocumentedFields(report.limit)).toEqual([]);
  });

  it('of one key is one shard: the key is named by its hash, and no more shards are advised', {
    timeout: 120_000,
  }, async () => {
    await provisioned({ objects: [{ key: 'a.jsonl', body: lines(12_000, hotKey) }], shards: 4 });
    const { report } = await world.report(['--partition-key', '/k', '--publishers', '4']);
    const { limit } = report;
    expect(limit.stage).toBe('stream');
    expect(limit.skew!.hottestShard.share).toBeGreaterThan(0.5);
    expect(limit.skew!.hotKeys[0]!.share).toBeGreaterThan(0.3);
    expect(limit.skew!.hotKeys[0]!.share).toBeLessThan(0.5);
    expect(limit.skew!.hotKeys[0]).toMatchObject({ key: null, shardId: limit.skew!.hottestShard.shardId });
    expect(limit.helps).toMatch(/^one key is one shard, and key [0-9a-f]{12} has \d+ % of the records/);
    expect(limit.helps).not.toContain('on-demand');
    expect(JSON.stringify(report)).not.toContain(HOT);
  });

  it('of one key is no matter of more shards to bench, either', { timeout: 120_000 }, async () => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: lines(12_000, hotKey) }] });
    const source = ['--source', `s3://${BUCKET}/`, '--s3-endpoint-url', world.s3.endpoint];
    const stream = ['--shards', '4', '--provisioned', '--partition-key', '/k', '--quiet'];
    const { stdout } = await runCommand(['bench', ...source, ...stream]);
    expect(stdout).toContain('Held back by: the stream');
    expect(stdout).toMatch(/what helps +one key is one shard, and key [0-9a-f]{12} has \d+ % of the records/);
    expect(stdout).not.toContain('on-demand stream');
  });

  it('ends the report for people; --show-keys names the key itself', { timeout: 120_000 }, async () => {
    await provisioned({ objects: [{ key: 'a.jsonl', body: lines(12_000, hotKey) }], shards: 4 });
    const { stdout } = await world.backfill(['--partition-key', '/k', '--show-keys', '--quiet']);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^Held back by the stream \(\d+ % of the time\), what helps: one key is one shard, and key "the-hot-key" has \d+ %/,
    );
  });
});

it('a bound by --rate is what holds a run back, and no shard', { timeout: 120_000 }, async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: lines(6_000, (i) => `k${i}`) }] });
  const { report } = await world.report(['--rate', '2000/s']);
  expect(report.limit.stage).toBe('stream');
  expect(report.limit.helps).toBe('a higher --rate, or none.');
});

it('a slow source is what holds a run back', { timeout: 120_000 }, async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: lines(2_000, (i) => `k${i}`) }] });
  world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 120_000 }]);
  const { report } = await world.report();
  expect(world.s3.stats().faultsFired.slow).toBeGreaterThan(0);
  expect(report.limit.stage).toBe('download');
  expect(report.limit.helps).toContain('--downloads');
});

it('a schema that takes the parsers’ time is what holds a run back', { timeout: 120_000 }, async () => {
  const body = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `{"n":${i}}\n`).join(''));
  world = await World.open({ objects: [{ key: 'a.jsonl', body, repeat: 150 }] });
  const schema = join(world.folder, 'schema.json');
  const rules = { properties: { n: { type: 'integer', multipleOf: 1, minimum: 0 } }, required: ['n'] };
  writeFileSync(schema, JSON.stringify(rules));
  // What is not sent cannot be waited for: the parsers are the last that could be slow.
  const { report } = await world.report(['--schema', schema, '--dry-run', '--parsers', '1']);
  expect(report.lines.read).toBe(3_000_000);
  expect(report.limit.stage).toBe('scan');
  expect(report.limit.helps).toBe('more --parsers.');
});

it('a run without one byte to read says nothing', async () => {
  world = await World.open({ objects: [{ key: 'empty.jsonl', body: Buffer.alloc(0) }] });
  const { report } = await world.report();
  expect(report.limit).toMatchObject({ stage: null, skew: null, helps: null });
  const { stdout } = await world.backfill(['--restart', '--quiet']);
  expect(stdout).toContain('Delivered');
  expect(stdout).not.toContain('Held back');
});
