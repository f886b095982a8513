/** The report of verify, as people read it. */
import { expect, it } from 'vitest';
import { formatVerifyReport, type VerifyView } from '../../src/report/format-verify.ts';

const MATCH: VerifyView = {
  ...{ status: 'match', error: null, missing: 0, duplicated: 0, foreign: 0, altered: 0 },
  source: { records: 12_345, bytes: 1.5e6 },
  streamRecords: { records: 12_346, bytes: 1.6e6, shards: 8 },
  examples: { missing: [], duplicated: [], foreign: [], altered: [] },
  warnings: [],
  durationMs: 61_000,
};
const LINE = { bucket: 'b', key: 'a.jsonl', offset: 17, length: 5 };
const RECORD = { shardId: 'shardId-000000000000', sequenceNumber: '49' };

it('is short where all is well', () => {
  expect(formatVerifyReport(MATCH).split('\n')).toEqual([
    'Match: every record of the source is on the stream, unaltered',
    '  source       12,345 records, 1.5 MB',
    '  stream       12,346 records, 1.6 MB, 8 shards',
    '  missing      0',
    '  duplicated   0',
    '  foreign      0',
    '  altered      0',
    '  time         1m 01s',
  ]);
});

it('names every example and every warning', () => {
  const examples = {
    missing: [LINE],
    duplicated: [RECORD],
    foreign: [],
    altered: [{ ...LINE, ...RECORD }],
  };
  const text = formatVerifyReport({ ...MATCH, status: 'differ', examples, warnings: ['Beware.'] });
  expect(text.split('\n')[0]).toBe('Differ: the stream does not hold what the source holds');
  expect(text.split('\n').slice(8)).toEqual([
    '  missing      s3://b/a.jsonl offset 17, 5 bytes',
    '  duplicated   shardId-000000000000 49',
    '  altered      s3://b/a.jsonl offset 17, 5 bytes / shardId-000000000000 49',
    '  warning      Beware.',
  ]);
});

it('says why it failed, and lets no name steer the terminal', () => {
  const examples = { missing: [{ ...LINE, key: '\u001b[2J' }] };
  const text = formatVerifyReport({ ...MATCH, status: 'failed', error: { message: 'no stream' }, examples });
  expect(text).toMatch(/^Failed: no stream\n/);
  expect(text).not.toContain('\u001b');
  expect(text).toContain('s3://b/\\u001b[2J offset 17');
});
