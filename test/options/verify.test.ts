/** The flags of verify: checked, and completed from what a journal's header keeps. */
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { BACKFILL_FLAGS, parseBackfillOptions } from '../../src/options/backfill.ts';
import { flagsByName } from '../../src/options/flag.ts';
import { COMMON_FLAGS } from '../../src/options/output.ts';
import { RECORD_FLAGS } from '../../src/options/records.ts';
import { parseVerifyOptions, VERIFY_FLAGS } from '../../src/options/verify.ts';

const SOURCES = ['s3://bucket/a/'];
const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/orders';
/** As src/options/identity.ts writes it, with nothing left at its default. */
const IDENTITY = {
  sources: ['s3://bucket/history/', '-'],
  inventory: 's3://inventory/manifest.json',
  include: ['*.jsonl'],
  exclude: ['tmp/*', 'old/*'],
  startAfter: 'history/b',
  modifiedAfterMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  modifiedBeforeMs: Date.UTC(2026, 1, 2),
  compression: 'zstd',
  stream: ARN,
  partitionKey: '/user/id',
  explicitHashKey: '/hash',
  onMissingKey: 'coordinates',
  appendNewline: true,
  depthMax: 77,
  recordBytesMax: 1_048_577,
  schema: '{"type":"object"}',
  order: 'key',
};

function problemsOf(...args: Parameters<typeof parseVerifyOptions>): readonly string[] {
  try {
    parseVerifyOptions(...args);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('without a journal', () => {
  it('reads records as a backfill with the same flags does', () => {
    const flags = { stream: 'orders', 'partition-key': '/u', include: ['*.gz'], memory: '1GiB', parsers: 3 };
    const options = parseVerifyOptions(SOURCES, flags, null);
    const ofBackfill = parseBackfillOptions(SOURCES, flags);
    for (const [name, value] of Object.entries(options))
      if (name in ofBackfill) expect([name, value]).toEqual([name, ofBackfill[name as 'stream']]);
    expect(options).toMatchObject({ from: 'trim-horizon', untilMs: null, isStrict: false, examplesMax: 10 });
    expect(Object.isFrozen(options)).toBe(true);
  });

  it.each([
    { from: 'trim-horizon', read: 'trim-horizon' },
    { from: '2026-01-02T03:04:05Z', read: { timeMs: Date.UTC(2026, 0, 2, 3, 4, 5) } },
  ])('begins at $from', ({ from, read }) => {
    expect(parseVerifyOptions(SOURCES, { stream: 's', from }, null).from).toEqual(read);
  });

  it('takes its other flags', () => {
    const flags = { stream: 's', until: '2026-01-02', strict: true, examples: '0', region: 'eu-west-1' };
    expect(parseVerifyOptions(SOURCES, flags, null)).toMatchObject({
      ...{ untilMs: Date.UTC(2026, 0, 2), isStrict: true, examplesMax: 0 },
      aws: { region: 'eu-west-1' },
    });
  });

  it('takes - once among the sources: there is no second standard input', () => {
    expect(problemsOf(['-', 's3://b/', '-'], { stream: 's' }, null)).toEqual([
      'Expected - once among the SOURCEs: standard input can be read once.',
    ]);
  });

  it('names every problem at once', () => {
    const flags = { from: 'journal', until: 'tomorrow', examples: '10001', strict: 'yes', publishers: '2' };
    expect(problemsOf([], flags, null)).toEqual([
      'Expected flags of this command, but received --publishers. See --help.',
      'Expected at least one SOURCE like s3://bucket/prefix, but received none.',
      'Expected --stream to name the stream, but received nothing.',
      'Expected --until to be a time like 2026-01-31 or 2026-01-31T12:00:00Z, but received "tomorrow".',
      'Expected --strict to be true or false, but received "yes".',
      'Expected --examples to be a whole number from 0 to 10000, but received "10001".',
      'Expected --from journal to come with --journal FILE, but received none.',
    ]);
    expect(problemsOf(SOURCES, { stream: 's', from: 'yesterday' }, null)).toEqual([
      'Expected --from to be journal, trim-horizon or a time like 2026-01-31T12:00:00Z, but received "yesterday".',
    ]);
  });
});

describe('with a journal', () => {
  it('takes sources, stream and all that shapes records from it', () => {
    const { schema, order, ...known } = IDENTITY;
    expect(parseVerifyOptions([], { journal: 'a.journal' }, IDENTITY)).toMatchObject({
      ...known,
      from: 'journal',
      // Its text is in the journal; there is no file to read.
      schema: null,
    });
  });

  it('knows every field of an identity, so that none is lost between a run and its proof', () => {
    const flags = { stream: ARN };
    const plain = parseVerifyOptions(SOURCES, flags, null);
    for (const [name, value] of Object.entries(IDENTITY)) {
      if (name === 'schema' || name === 'order') continue; // Read from the journal; of no concern to a multiset.
      const options = parseVerifyOptions([], {}, { sources: SOURCES, stream: ARN, [name]: value });
      expect([name, options[name as 'stream']]).toEqual([name, value]);
      if (name !== 'stream')
        expect([name, options[name as 'stream']]).not.toEqual([name, plain[name as 'stream']]);
    }
  });

  it('leaves defaults where the run had them', () => {
    const nothing = Object.fromEntries(Object.keys(IDENTITY).map((name) => [name, null]));
    const identity = {
      ...nothing,
      sources: SOURCES,
      stream: ARN,
      include: [],
      exclude: [],
      appendNewline: false,
    };
    const { from, ...options } = parseVerifyOptions([], {}, identity);
    const { from: _, ...plain } = parseVerifyOptions(SOURCES, { stream: ARN }, null);
    expect([from, options]).toEqual(['journal', plain]);
  });

  it('lets flags and sources win over it', () => {
    const flags = { stream: 'other', from: 'trim-horizon', 'partition-key': '/else', compression: 'none' };
    expect(parseVerifyOptions(SOURCES, flags, IDENTITY)).toMatchObject({
      ...{
        sources: SOURCES,
        stream: 'other',
        from: 'trim-horizon',
        partitionKey: '/else',
        compression: 'none',
      },
      explicitHashKey: IDENTITY.explicitHashKey,
    });
  });
});

it('shares every flag about records with backfill, and has no name twice', () => {
  expect(VERIFY_FLAGS).toMatchObject(RECORD_FLAGS);
  expect(BACKFILL_FLAGS).toMatchObject(RECORD_FLAGS);
  const common = flagsByName(COMMON_FLAGS);
  expect([...flagsByName(VERIFY_FLAGS).keys()].filter((name) => common.has(name))).toEqual([]);
});
