/** The verdict of verify, when every line and object of the source has to be accounted for. */
import { describe, expect, it } from 'vitest';
import { accountFor, type SourceAccount } from '../../src/verify/account.ts';
import { LeftOut, type LeftOutKind } from '../../src/verify/left-out.ts';
import type { ComparedReport } from '../../src/verify/verify.ts';

const COMPARED: ComparedReport = {
  ...{ status: 'match', error: null, missing: 0, duplicated: 0, foreign: 0, altered: 0, excused: 0 },
  ...{ outsideHashRange: 0, undecodable: 0, warnings: [], durationMs: 1 },
  source: { records: 8, bytes: 80 },
  streamRecords: { records: 8, bytes: 80, shards: 1 },
  examples: { missing: [], duplicated: [], foreign: [], altered: [] },
};
const LINES = { counted: 10, records: 8, blank: 2, rejected: 0, filtered: 0, added: 0 };
const DEAD_LETTERS = { file: 'letters.jsonl', held: 0, redriven: 0, absent: 0, unclaimed: 0 };
const OBJECT = { bucket: 'b', key: 'k' };

function verdict(account: Partial<SourceAccount>, compared: Partial<ComparedReport> = {}) {
  const whole = {
    lines: LINES,
    uneven: [],
    deadLetters: DEAD_LETTERS,
    withoutLetter: [],
    leftOut: new LeftOut(2),
  };
  const report = accountFor(
    { ...COMPARED, ...compared },
    { ...whole, examplesMax: 2, warnings: [], ...account },
  );
  return { ...report, error: report.error?.message ?? null, exitCode: report.error?.exitCode };
}

function leftOut(kind: LeftOutKind, count = 1): LeftOut {
  const out = new LeftOut(2);
  for (let i = 0; i < count; i++) out.add(kind, { ...OBJECT, key: `k${i}` });
  return out;
}

it('is a match where nothing is left out', () => {
  expect(verdict({})).toMatchObject({ status: 'match', error: null, lines: LINES, warnings: [] });
});

describe('lines', () => {
  it.each([9, 11])('fail verify where %i are counted and ten found', (counted) => {
    expect(verdict({ lines: { ...LINES, counted } })).toMatchObject({
      ...{ status: 'failed', exitCode: 3 },
      error: expect.stringMatching(
        `the source has ${counted} by its line ends, and 8 records, 2 blank, 0 filtered and 0 rejected`,
      ),
    });
  });

  it('fail verify where bytes of an object were never counted', () => {
    expect(verdict({ uneven: [OBJECT] })).toMatchObject({
      ...{ status: 'failed', exitCode: 3 },
      error: expect.stringContaining('every byte of 1 object (s3://b/k)'),
    });
  });

  const lines = { ...LINES, counted: 13, rejected: 3 };
  it.each([
    { name: 'that are dead letters', deadLetters: { held: 3 }, status: 'match-with-rejects' },
    { name: 'that a redrive has delivered, all of them,', deadLetters: { redriven: 3 }, status: 'match' },
    {
      name: 'that a redrive has delivered, but for one,',
      deadLetters: { held: 1, redriven: 2 },
      status: 'match-with-rejects',
    },
    { name: 'without a letter', deadLetters: { held: 2, absent: 1 }, status: 'differ' },
    { name: 'whose letters nobody knows', deadLetters: { file: null }, status: 'match-with-rejects' },
    {
      name: 'whose letters nobody knows, all redriven,',
      deadLetters: { file: null, redriven: 3 },
      status: 'match',
    },
  ])('$name: $status', ({ deadLetters, status }) => {
    expect(verdict({ lines, deadLetters: { ...DEAD_LETTERS, ...deadLetters } })).toMatchObject({
      status,
      error: null,
    });
  });

  it('with dead letters excuse no record that is missing', () => {
    const deadLetters = { ...DEAD_LETTERS, held: 3 };
    expect(verdict({ lines, deadLetters }, { status: 'differ', missing: 1 })).toMatchObject({
      status: 'differ',
    });
  });
});

describe('objects', () => {
  it.each(['archived', 'unreadable', 'changed'] as const)('that are %s are no match', (kind) => {
    expect(verdict({ leftOut: leftOut(kind, 3) })).toMatchObject({
      ...{ status: 'failed', exitCode: 3, objects: { [kind]: 3 } },
      error: expect.stringContaining('3 objects (s3://b/k0, ...)'),
      examples: {
        [kind]: [
          { bucket: 'b', key: 'k0' },
          { bucket: 'b', key: 'k1' },
        ],
      },
      warnings: [expect.stringMatching(/what is in there was not compared\.$/)],
    });
  });

  it('that could not be compared leave a difference what it is', () => {
    const report = verdict({ leftOut: leftOut('archived') }, { status: 'differ', missing: 1 });
    expect(report).toMatchObject({ status: 'differ', error: null, objects: { archived: 1 } });
  });

  it('that the run could not read either are dead letters', () => {
    expect(verdict({ leftOut: leftOut('givenUp') })).toMatchObject({
      ...{ status: 'match-with-rejects', error: null, objects: { unreadable: 1 } },
      examples: { unreadable: [{ bucket: 'b', key: 'k0' }] },
    });
  });

  it.each([
    ['excluded', 'excluded'],
    ['newer', 'changed'],
  ] as const)('that are %s are named, and that is all', (kind, name) => {
    expect(verdict({ leftOut: leftOut(kind) })).toMatchObject({ status: 'match', objects: { [name]: 1 } });
  });
});
