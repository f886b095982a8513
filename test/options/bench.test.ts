/** The flags of bench: what is embedded, what is passed on to the backfill, and every problem at once. */
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { BENCH_FLAGS, parseBenchOptions } from '../../src/options/bench.ts';
import { flagsByName, type RawFlags } from '../../src/options/flag.ts';

describe('what is embedded', () => {
  it.each<[string, RawFlags, { source: unknown; stream: unknown; sources: string[]; key: string | null }]>([
    [
      'both, by default',
      {},
      {
        source: { sizeBytes: 512e6, lineBytes: 684 },
        stream: { shards: 8, isProvisioned: false },
        sources: ['s3://bench/'],
        key: '/user',
      },
    ],
    [
      'both, as the flags say',
      { size: '1GiB', 'line-bytes': '77', shards: '2', provisioned: true, 'partition-key': '/id' },
      {
        source: { sizeBytes: 2 ** 30, lineBytes: 77 },
        stream: { shards: 2, isProvisioned: true },
        sources: ['s3://bench/'],
        key: '/id',
      },
    ],
    [
      'the stream only',
      { source: ['s3://a/', 's3://b/c'] },
      {
        source: null,
        stream: { shards: 8, isProvisioned: false },
        sources: ['s3://a/', 's3://b/c'],
        key: null,
      },
    ],
    [
      'the source only',
      { stream: 'events' },
      { source: { sizeBytes: 512e6, lineBytes: 684 }, stream: null, sources: ['s3://bench/'], key: '/user' },
    ],
  ])('%s', (_name, raw, { source, stream, sources, key }) => {
    const options = parseBenchOptions([], raw);
    expect([options.embeddedSource, options.embeddedStream]).toEqual([source, stream]);
    expect([options.backfill.sources, options.backfill.partitionKey]).toEqual([sources, key]);
  });
});

it('passes flags on to the backfill, and ends after a minute by default', () => {
  const { backfill } = parseBenchOptions([], { parsers: '3', aggregate: true, json: true, quiet: true });
  expect(backfill).toMatchObject({ parsers: 3, aggregate: true, timeoutMs: 60_000 });
  expect(parseBenchOptions([], { timeout: '5s' }).backfill.timeoutMs).toBe(5_000);
  for (const name of ['journal', 'restart', 'dead-letter', 'max-rejects'])
    expect(flagsByName(BENCH_FLAGS).has(name)).toBe(false);
});

it.each<[string[], RawFlags, string]>([
  [['s3://a/'], {}, 'Name sources with --source'],
  [[], { size: '1' }, '--size to be a size'],
  [[], { 'line-bytes': '63' }, '--line-bytes to be a whole number from 64'],
  [[], { shards: '0' }, '--shards to be a whole number from 1'],
  [[], { provisioned: 'yes' }, '--provisioned to be true or false'],
  [[], { source: ['s3://a/'], size: '2MB' }, '--size without --source'],
  [[], { source: ['s3://a/'], 'line-bytes': '77' }, '--line-bytes without --source'],
  [[], { stream: 's', shards: '2' }, '--shards without --stream'],
  [[], { stream: 's', provisioned: true }, '--provisioned without --stream'],
  [[], { source: ['file:///x'] }, 'file:///x'],
  [[], { stream: '' }, '--stream to be text'],
  [[], { wire: 'xml' }, '--wire to be cbor or json'],
  [[], { journal: 'x' }, '--journal'],
  [[], { frobnicate: 'x' }, '--frobnicate'],
])('%j %j is one problem', (words, raw, says) => {
  let error: unknown;
  try {
    parseBenchOptions(words, raw);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(OptionsError);
  const { problems } = error as OptionsError;
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(says);
});
