/** Runs whose stream is the limit, ended by kills and in good order. `npm run chaos:slow` is the long form; CI runs 50 kills of it. */
import { expect, it } from 'vitest';
import { type SlowEnd, type SlowKind, slowRun } from './slow-stream.ts';

/** Seeds whose first life is over long before the source is, so that a signal which comes late on a slow machine still finds a process. */
it.each<{ kind: SlowKind; end: SlowEnd; seed: number }>([
  { kind: 'gzip', end: 'SIGKILL', seed: 11 },
  { kind: 'hot', end: 'SIGKILL', seed: 12 },
  { kind: 'order', end: 'SIGTERM', seed: 13 },
  { kind: 'aggregate', end: 'SIGTERM', seed: 24 },
  { kind: 'split', end: 'SIGTERM', seed: 30 },
])(
  'keeps its word where the stream is the limit: $kind, $end (seed $seed)',
  async ({ kind, end, seed }) => {
    const run = await slowRun(seed, kind, end, 2);
    expect(run.problems, `npm run chaos:slow -- --seed ${seed} --kind ${kind}; ${run.folder}`).toEqual([]);
    expect(run.ends).toBeGreaterThan(0);
    expect(run.throttled).toBeGreaterThan(0);
    if (end === 'SIGTERM') expect(run.duplicates).toBe(0);
  },
  240_000,
);
