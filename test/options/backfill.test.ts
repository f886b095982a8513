/** Options of a backfill as a program gives them, and as the command line does: one result, one set of rules, one wording. */
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { type BackfillSettings, backfillOptions } from '../../src/options/backfill.ts';

const MIB = 1024 * 1024;

/** What a program gives, and the same at a shell. */
const BOTH: readonly [Omit<BackfillSettings, 'sources' | 'stream'>, Readonly<Record<string, unknown>>][] = [
  [{}, {}],
  [
    { partitionKey: '/user/id', onMissingKey: 'coordinates' },
    { 'partition-key': '/user/id', 'on-missing-key': 'coordinates' },
  ],
  [
    { include: '**/*.gz', exclude: ['a/**', 'b/**'] },
    { include: ['**/*.gz'], exclude: ['a/**', 'b/**'] },
  ],
  [
    { modifiedAfterMs: Date.UTC(2026, 0, 2), startAfter: 'k' },
    { 'modified-after': '2026-01-02', 'start-after': 'k' },
  ],
  [
    { segmentBytes: MIB, memoryBytes: 64 * MIB, recordBytesMax: 1000 },
    { 'segment-size': '1MiB', memory: '64MiB', 'max-record': '1kB' },
  ],
  [
    { downloads: 1, parsers: 64, publishers: 2, inFlight: 256 },
    { downloads: '1', parsers: '64', publishers: '2', 'in-flight': '256' },
  ],
  [{ rate: { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: 20 * MIB } }, { rate: '20MiB/s' }],
  [
    { headroom: 0.5, maxRejects: { share: 0.25 } },
    { headroom: '50%', 'max-rejects': '25%' },
  ],
  [
    { maxRejects: { count: 0 }, timeoutMs: 90_000 },
    { 'max-rejects': '0', timeout: '90s' },
  ],
  [
    { aggregate: true, dryRun: true, restart: false, compression: 'zstd', order: 'key', wire: 'json' },
    { aggregate: true, 'dry-run': true, restart: false, compression: 'zstd', order: 'key', wire: 'json' },
  ],
  [
    { journal: 'j', deadLetter: 'd', schema: 's' },
    { journal: 'j', 'dead-letter': 'd', schema: 's' },
  ],
  [
    {
      aws: {
        region: 'eu-west-1',
        endpoint: 'http://localhost:1',
        s3Endpoint: 'http://localhost:2',
        isInsecureAllowed: true,
      },
    },
    {
      region: 'eu-west-1',
      'endpoint-url': 'http://localhost:1',
      's3-endpoint-url': 'http://localhost:2',
      'insecure-endpoint': true,
    },
  ],
];

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings of a program', () => {
  it.each(BOTH)('%j are the options of %j', (settings, flags) => {
    const options = backfillOptions({ sources: 's3://bucket/', stream: 'events', ...settings });
    expect(options).toEqual(backfillOptions(['s3://bucket/'], { stream: 'events', ...flags }));
    expect(Object.isFrozen(options)).toBe(true);
    // Checked options are settings as well, and stay what they are.
    expect(backfillOptions(options)).toEqual(options);
  });

  it('can have more than one source, and an inventory in place of any', () => {
    const sources = ['s3://a/', 's3://b/c'];
    expect(backfillOptions({ sources, stream: 's' }).sources).toEqual(sources);
    const inventory = { sources: [], stream: 's', inventory: 's3://a/manifest.json' };
    expect(backfillOptions(inventory).sources).toEqual([]);
  });

  it.each([0, -1, 1.5, '1e3'])('refuse a --limit of %s', (limit) => {
    const flags = { stream: 's', limit: String(limit) };
    expect(problemsOf(() => backfillOptions(['s3://b/'], flags))).toEqual([
      expect.stringMatching(/^Expected --limit to be a whole number from 1 to \d+, but received /),
    ]);
  });

  it('are refused for every problem at once, in the words of the command line', () => {
    const wrong = {
      ...{
        sources: ['file:///x'],
        stream: '',
        downloads: 0,
        segmentBytes: 1,
        rate: '5/s',
        maxRejects: { share: 2 },
      },
      ...{
        headroom: 1,
        timeoutMs: -1,
        wire: 'xml',
        include: [''],
        concurency: 8,
        publisher: 2,
        aws: { regoin: 'x' },
      },
    };
    const problems = problemsOf(() => backfillOptions(wrong as unknown as BackfillSettings));
    const flags = [
      'downloads',
      'segment-size',
      'rate',
      'max-rejects',
      'headroom',
      'timeout',
      'wire',
      'include',
      'stream',
    ];
    for (const flag of flags)
      expect(problems).toContainEqual(expect.stringMatching(`^Expected --${flag} to be .*, but received `));
    expect(problems).toContain('Expected SOURCE to be s3://bucket/prefix or -, but received "file:///x".');
    expect(problems).toContain('Expected options of this call, but received concurency.');
    expect(problems).toContain(
      'Expected options of this call, but received publisher. Did you mean publishers?',
    );
    expect(problems).toContain(
      'Expected options of this call, but received aws.regoin. Did you mean aws.region?',
    );
  });

  it('know options, not flags: a name of the command line is told with the option that is meant', () => {
    const settings = { sources: 's3://b/', stream: 's', 'segment-size': '1MiB', 'in-flight': 3 };
    expect(problemsOf(() => backfillOptions(settings as BackfillSettings))).toEqual([
      'Expected options of this call, but received segment-size.',
      'Expected options of this call, but received in-flight. Did you mean inFlight?',
    ]);
  });
});

it.each([undefined, null, 'events', 5n])(
  'refuses what is no object of options with an error of options: %s',
  (given) => {
    expect(() => backfillOptions(given as never)).toThrow(OptionsError);
  },
);

it('refuses values that JSON has no form for with an error of options', () => {
  const given = { sources: 's3://a/', stream: 's', limitLines: 5n, where: () => true, transform: () => 1 };
  expect(() => backfillOptions(given as never)).toThrow(
    /--limit to be .* received 5\.\n|--where .* a function/,
  );
});

it('does not take dead letters in place of sources from a program: that is what redrive is for', () => {
  const settings = { sources: 's3://b/', stream: 's', deadLetters: 'x.jsonl' };
  expect(problemsOf(() => backfillOptions(settings as BackfillSettings))).toEqual([
    'Expected options of this call, but received deadLetters. Did you mean deadLetter?',
  ]);
});
