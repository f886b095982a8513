/** The report of verify, as people read it. */
import { expect, it } from 'vitest';
import { formatVerifyReport, type VerifyView } from '../../src/verify/format.ts';

const MATCH: VerifyView = {
  ...{ status: 'match', error: null, missing: 0, duplicated: 0, foreign: 0, altered: 0 },
  source: { records: 12_345, bytes: 1.5e6 },
  lines: { counted: 12_350, records: 12_345, blank: 5, rejected: 0, filtered: 0, added: 0 },
  deadLetters: { file: null, held: 0, redriven: 0, absent: 0, unclaimed: 0 },
  objects: { archived: 0, unreadable: 0, changed: 0, excluded: 0 },
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
    '  lines        12,350: 12,345 records, 5 blank',
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
  expect(text.split('\n').slice(9)).toEqual([
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

it('says in its first words what a match leaves out', () => {
  const lines = { counted: 500, records: 199, blank: 1, rejected: 300, filtered: 0, added: 0 };
  const deadLetters = { file: 'run.dead-letters.jsonl', held: 300, redriven: 0, absent: 0, unclaimed: 0 };
  const view = { ...MATCH, status: 'match-with-rejects', lines, deadLetters } as const;
  const text = formatVerifyReport(view).split('\n');
  expect(text[0]).toBe('Match, except 300 of 500 lines that are dead letters');
  expect(text).toContain('  lines        500: 199 records, 1 blank, 300 rejected');
  expect(text).toContain('  dead letters 300 (run.dead-letters.jsonl)');
  const unknown = { ...deadLetters, file: null, held: 0, redriven: 100 };
  expect(formatVerifyReport({ ...view, deadLetters: unknown })).toMatch(
    /^Match, except 200 of 500 lines that were rejected\n/,
  );
  const objects = { archived: 0, unreadable: 2, changed: 0, excluded: 1 };
  const torn = formatVerifyReport({ ...view, objects }).split('\n');
  expect(torn[0]).toBe(
    'Match, except 300 of 500 lines that are dead letters and 2 objects that could not be read to the end',
  );
  expect(torn).toContain('  excluded     1 object');
});

it('names lines without a dead letter, and objects', () => {
  const withoutLetter = [LINE, { bucket: 'b', key: 'torn.gz', offset: null, length: null }];
  const examples = { withoutLetter, archived: [{ bucket: 'b', key: 'cold.jsonl' }] };
  const deadLetters = { file: 'f', held: 0, redriven: 0, absent: 2, unclaimed: 0 };
  const text = formatVerifyReport({ ...MATCH, status: 'differ', deadLetters, examples }).split('\n');
  expect(text).toContain('  dead letters 2 lines without one (f)');
  expect(text.slice(-3)).toEqual([
    '  no letter    s3://b/a.jsonl offset 17, 5 bytes',
    '  no letter    s3://b/torn.gz',
    '  archived     s3://b/cold.jsonl',
  ]);
});
