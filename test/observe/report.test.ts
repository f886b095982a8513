/** The report as people read it. */
import { expect, it } from 'vitest';
import { type BackfillReport, formatReport } from '../../src/observe/report.ts';

const EMPTY: BackfillReport = {
  status: 'delivered',
  exitCode: 0,
  error: null,
  run: 'run-1',
  resumed: false,
  stream: 'orders',
  objects: { listed: 0, done: 0, skipped: 0, failed: 0, proven: 0, unproven: 0, archived: 0, changed: 0 },
  lines: { read: 0, blank: 0, filtered: 0, rejected: 0, rejectedByCode: {} },
  stages: [],
  limited: null,
  records: { delivered: 0, deliveredBefore: 0, ambiguous: 0, resent: 0, repeatable: 0 },
  bytes: { downloaded: 0, scanned: 0, published: 0 },
  requests: {
    ...{ get: 0, put: 0, putRetried: 0, putFailed: 0, throttledRecords: 0, failedRecords: 0 },
    ...{ strayRecords: 0, breakerOpened: 0, reshards: 0 },
  },
  limit: {
    stage: null,
    shares: { download: 0, scan: 0, publish: 0, stream: 0 },
    means: {
      ...{ parsersBusy: 0, parsersWaiting: 0, requestsOut: 0, publishersHeld: 0, shardsHeld: 0, rateHeld: 0 },
      ...{ publishersBusy: 0, mainBusy: 0 },
    },
    skew: null,
    helps: null,
  },
  durationMs: 0,
  cpuMs: 0,
  rssMaxBytes: 0,
  memory: { limitBytes: 500e6, buffersBytes: 200e6, expectedBytes: 400e6 },
  scanner: 'native',
  wire: 'cbor',
  journal: null,
  deadLetter: null,
};

/** The rows of a report that have this name. */
function rows(report: Partial<BackfillReport>, name: string): string[] {
  return formatReport({ ...EMPTY, ...report })
    .split('\n')
    .filter((line) => line.slice(0, 15).trim() === name)
    .map((line) => line.slice(15));
}

it.each([
  ['delivered', null, 'Delivered: every line of the source is on the stream'],
  ['delivered-with-rejects', null, 'Delivered, except for the dead letters'],
  ['failed', 'no such stream', 'Failed: no such stream'],
  ['interrupted', 'timeout', 'Interrupted; the same command resumes it: timeout'],
  ['dry-run', null, 'Dry run: nothing was sent'],
] as const)('a run that is %s with error %j starts with its headline', (status, error, headline) => {
  expect(formatReport({ ...EMPTY, status, error }).split('\n')[0]).toBe(headline);
});

it('has a row for each stage, with its time where it is known', () => {
  const where = { label: 'where', in: 5000, out: 10, dropped: 4980, failed: 10, timeMs: null };
  const use = { label: '3 use', in: 10, out: 30, dropped: 0, failed: 0, timeMs: 1234 };
  expect(rows({ stages: [where, use] }, 'stage')).toEqual([
    'where: 5,000 in, 10 out, 4,980 filtered, 10 failed',
    '3 use: 10 in, 30 out, 1.2 s',
  ]);
});

it.each([
  [{ lines: 1000, taken: 1000, more: true }, 'the first 1,000 lines, more lies behind them'],
  [{ lines: 1000, taken: 3, more: false }, 'the first 1,000 lines, the source has 3'],
  [{ lines: 1000, taken: null, more: null }, 'the first 1,000 lines, not found yet'],
])('a run with a limit says what it took: %j', (limited, row) => {
  expect(rows({ limited }, 'limit')).toEqual([row]);
  const all = limited.more === true ? 'the first 1,000 lines' : 'every line';
  expect(formatReport({ ...EMPTY, limited })).toMatch(new RegExp(`^Delivered: ${all} of the source`));
});

it('a run of nothing has a row of each kind, without counts of zero and without division by zero', () => {
  expect(formatReport(EMPTY).split('\n').slice(1)).toEqual([
    '  run          run-1 -> stream orders',
    '  objects      0 listed',
    '  lines        0 read',
    '  records      0 delivered',
    '  bytes        0 B downloaded, 0 B scanned, 0 B published',
    '  requests     0 get',
    '  time         0.0 s, CPU 0.0 s, 0 records/s, 0 B/s',
  ]);
});

it.each([
  ['run', { resumed: true }, 'run-1 (resumed) -> stream orders'],
  [
    'objects',
    {
      objects: {
        listed: 1234,
        done: 7,
        skipped: 2,
        failed: 3,
        proven: 1,
        unproven: 6,
        archived: 4,
        changed: 5,
      },
    },
    '1,234 listed, 7 done, 2 skipped, 3 failed, 6 unproven, 4 archived, 5 changed',
  ],
  [
    'lines',
    { lines: { read: 10, blank: 1, filtered: 3, rejected: 2, rejectedByCode: {} } },
    '10 read, 1 blank, 3 filtered, 2 rejected',
  ],
  [
    'records',
    { records: { delivered: 1_000_000, deliveredBefore: 7, ambiguous: 500, resent: 60, repeatable: 3 } },
    '1,000,000 delivered, 7 delivered before, 500 ambiguous, 60 resent',
  ],
  [
    'requests',
    { requests: { ...EMPTY.requests, get: 9, put: 8, putRetried: 1, putFailed: 2, throttledRecords: 3 } },
    '9 get, 8 put, 1 retried, 2 failed, 3 records throttled',
  ],
  [
    'time',
    {
      ...{ durationMs: 2000, cpuMs: 1500, rssMaxBytes: 250e6 },
      records: { ...EMPTY.records, delivered: 3000 },
      bytes: { downloaded: 0, scanned: 0, published: 4e6 },
    },
    '2.0 s, CPU 1.5 s, 1,500 records/s, 2.0 MB/s',
  ],
  ['dead letters', { deadLetter: 'bad.jsonl' }, 'bad.jsonl'],
  ['journal', { journal: 'a.journal' }, 'a.journal'],
] as const)('the row %s of %j reads %j', (name, part, text) => {
  expect(rows(part, name)).toEqual([text]);
});

it('every code of rejects has a row with its count', () => {
  const rejectedByCode = { INVALID_JSON: 1200, TOO_DEEP: 1 };
  const lines = { read: 1201, blank: 0, filtered: 0, rejected: 1201, rejectedByCode };
  expect(rows({ lines }, 'rejected')).toEqual(['1,200 INVALID_JSON', '1 TOO_DEEP']);
});

it('says nothing of a peak of memory that nobody has told', () => {
  expect(rows({ rssMaxBytes: 0 }, 'peak memory')).toEqual([]);
  expect(rows({ rssMaxBytes: 5e6, memory: null }, 'peak memory')).toEqual(['5.0 MB']);
});

it('ends with what held the run back and what helps, where it was long enough to tell', () => {
  const limit = {
    ...EMPTY.limit,
    stage: 'stream' as const,
    shares: { ...EMPTY.limit.shares, stream: 0.874 },
    helps: 'more shards.',
  };
  expect(
    formatReport({ ...EMPTY, limit })
      .split('\n')
      .at(-1),
  ).toBe('Held back by the stream (87 % of the time), what helps: more shards.');
  expect(formatReport(EMPTY)).not.toContain('Held back');
});

it.each(['interrupted', 'failed'] as const)(
  'a run that %s says how many records are sent again when it is resumed',
  (status) => {
    const records = (repeatable: number) => ({ ...EMPTY.records, delivered: 10, repeatable });
    const journal = 'a.journal';
    expect(rows({ status, journal, records: records(0) }, 'repeats')).toEqual([
      'nothing: the same command goes on where this one stopped',
    ]);
    expect(rows({ status, journal, records: records(1234) }, 'repeats')).toEqual([
      'at most 1,234 records, which the same command sends again',
    ]);
    // A redrive has no journal, and a run that is whole nothing to resume.
    expect(rows({ status, journal: null, records: records(5) }, 'repeats')).toEqual([]);
    expect(rows({ status: 'delivered', journal }, 'repeats')).toEqual([]);
  },
);

it('holds the peak of memory against what was said at the start, buffers and the rest apart', () => {
  expect(rows({ rssMaxBytes: 320e6 }, 'peak memory')).toEqual([
    '320 MB, of up to 400 MB (buffers 200 MB, Node and its threads 200 MB)',
  ]);
});
