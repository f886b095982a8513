/** How far a run is, as people read it. */
import { expect, it } from 'vitest';
import { formatRuns, formatStatus } from '../../src/observe/format-status.ts';
import type { RunStatus } from '../../src/observe/status.ts';

const STATUS: RunStatus = {
  ...{ run: 'orders-1', journal: 'a.journal', state: 'running', status: null, pid: 42, processes: 1 },
  ...{ createdAt: '', startedAt: '', updatedAt: '' },
  objects: { listed: 1200, done: 1000, failed: 2, begun: 3 },
  lines: { read: 5000, blank: 4, filtered: 0, rejected: 6, rejectedByCode: { SCHEMA: 6 } },
  records: { delivered: 4990, ambiguous: 0, resent: 0 },
  acknowledged: { records: 5100, bytes: 1.7e6, at: '2026-01-02T03:04:05.678Z' },
  bytes: { listed: 2e6, done: 1.55e6, settled: 1.5e6, published: 1.6e6 },
  deadLetters: 6,
  rate: { records: 1000, bytes: 320_000 },
  left: { objects: 198, bytes: 500_000 },
  etaMs: 90_000,
  tornBytes: 0,
};

it('shows all that is known', () => {
  expect(formatStatus(STATUS).split('\n')).toEqual([
    'Run orders-1: running, process 42, 77 % done',
    '  journal      a.journal',
    '  objects      1,000 done, 3 begun, 2 failed, of 1,200',
    '  lines        5,000 read, 4 blank, 6 rejected',
    '  acknowledged 5,100 records, 1.7 MB, at 2026-01-02T03:04:05.678Z',
    '  records      4,990 delivered',
    '  bytes        1.6 MB done, 1.5 MB settled, 1.6 MB published',
    '  dead letters 6',
    '  left         198 objects, 500 kB',
    '  rate         1,000 records/s, 320 kB/s',
    '  time to go   1m 30s',
  ]);
});

it('shows what was sent again', () => {
  const text = formatStatus({ ...STATUS, records: { delivered: 4990, ambiguous: 1500, resent: 40 } });
  expect(text).toContain('  records      4,990 delivered, 1,500 ambiguous, 40 resent\n');
});

it('leaves out what cannot be known', () => {
  const unknown = { pid: null, rate: null, left: null, etaMs: null, state: 'killed' } as const;
  const objects = { ...STATUS.objects, listed: null };
  const text = formatStatus({ ...STATUS, ...unknown, objects });
  expect(text).toMatch(/^Run orders-1: killed\n/);
  expect(text).toContain('2 failed, of unknown\n');
  expect(text).not.toMatch(/left|rate|time to go/);
});

it('shows runs with a line each, and why one cannot be read', () => {
  const at = { updatedAt: '2026-01-02T03:04:05.678Z' };
  const running = { ...STATUS, ...at };
  const finished = { ...STATUS, ...at, run: 'orders-of-2025-2', state: 'finished', deadLetters: 0 } as const;
  const killed = { ...STATUS, ...at, state: 'killed', left: null, rate: null, etaMs: null } as const;
  const broken = { journal: 'x.journal', error: 'Cannot read the journal x.journal: it is not one' };
  expect(formatRuns([running, finished, killed, broken], '.millrace').split('\n')).toEqual([
    'orders-1          running    77 % | 5,100 acknowledged | ETA 1m 30s | 1,000/s | 6 dead letters | 2026-01-02T03:04:05.678Z',
    'orders-of-2025-2  finished   77 % | 5,100 acknowledged | 2026-01-02T03:04:05.678Z',
    'orders-1          killed      - % | 5,100 acknowledged | 6 dead letters | 2026-01-02T03:04:05.678Z',
    'Cannot read the journal x.journal: it is not one',
  ]);
});

it('says where there are no runs', () => {
  expect(formatRuns([], '.millrace')).toBe(
    'No runs in .millrace; --journal names the journal of one elsewhere',
  );
});
