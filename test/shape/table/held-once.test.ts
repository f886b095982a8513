/** A table is held once, not once a thread: a process grows by it once, however many threads read all of it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROWS = 400_000;
const THREADS = 4;

interface Held {
  readonly tableBytes: number;
  readonly found: readonly number[];
  readonly rssBytes: number;
}

async function held(rows: number, threads: number): Promise<Held> {
  const program = join(import.meta.dirname, 'held-once.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ...[rows, ROWS, threads].map(String),
  ]);
  return JSON.parse(stdout) as Held;
}

it('four threads that read all of a table hold less than half of one copy more than the thread that made it', {
  timeout: 120_000,
}, async () => {
  const alone = await held(ROWS, 0);
  const shared = await held(ROWS, THREADS);
  const aloneWithout = await held(1, 0);
  const sharedWithout = await held(1, THREADS);
  expect(shared.found).toEqual(Array.from({ length: THREADS }, () => ROWS));
  expect(alone.tableBytes).toBeGreaterThan(80e6);
  // What threads take by themselves is the same with a table of one row.
  const grownBytes = shared.rssBytes - alone.rssBytes - (sharedWithout.rssBytes - aloneWithout.rssBytes);
  expect(grownBytes).toBeLessThan(alone.tableBytes / 2);
});
