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
  // What is not yet collected counts, too, and on a busy machine that differs from time to time: a copy in each thread would be there each time.
  let grown = await grownBy();
  for (let again = 0; again < 2 && grown.bytes >= grown.tableBytes / 2; again++) grown = await grownBy();
  expect(grown.bytes).toBeLessThan(grown.tableBytes / 2);
});

async function grownBy(): Promise<{ readonly bytes: number; readonly tableBytes: number }> {
  const alone = await held(ROWS, 0);
  const shared = await held(ROWS, THREADS);
  const aloneWithout = await held(1, 0);
  const sharedWithout = await held(1, THREADS);
  expect(shared.found).toEqual(Array.from({ length: THREADS }, () => ROWS));
  expect(alone.tableBytes).toBeGreaterThan(80e6);
  // What threads take by themselves is the same with a table of one row.
  const bytes = shared.rssBytes - alone.rssBytes - (sharedWithout.rssBytes - aloneWithout.rssBytes);
  return { bytes, tableBytes: alone.tableBytes };
}
