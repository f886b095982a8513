/** What the shell is told. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { EXIT, exitCodeOf, exitCodeOfComparison, isSignalExit } from '../../src/base/exit-code.ts';
import { ENGINE } from '../../src/base/limits.ts';

const ending = (exitCode: 2 | 3 | 130 | 143) => new MillraceError('MILLRACE_WORKER', 'why', { exitCode });

it.each([
  { status: 'delivered', rejected: 0, end: null, code: 0 },
  { status: 'dry-run', rejected: 0, end: null, code: 0 },
  { status: 'dry-run', rejected: 1, end: null, code: 1 },
  { status: 'delivered-with-rejects', rejected: 1, end: null, code: 1 },
  { status: 'failed', rejected: 1, end: ending(2), code: 2 },
  { status: 'failed', rejected: 0, end: ending(3), code: 3 },
  { status: 'interrupted', rejected: 5, end: ending(130), code: 130 },
  { status: 'interrupted', rejected: 0, end: ending(143), code: 143 },
])('$status with $rejected dead letters: $code', ({ status, rejected, end, code }) => {
  expect(exitCodeOf(status, rejected, end)).toBe(code);
});

it.each([
  { status: 'match', failure: null, code: 0 },
  { status: 'match-with-rejects', failure: null, code: 1 },
  { status: 'differ', failure: null, code: 1 },
  { status: 'failed', failure: ending(2), code: 2 },
  { status: 'failed', failure: ending(130), code: 130 },
])('a comparison that says $status: $code', ({ status, failure, code }) => {
  expect(exitCodeOfComparison(status, failure)).toBe(code);
});

it('tells signals from other ends', () => {
  expect(Object.values(EXIT).filter(isSignalExit)).toEqual([129, 130, 143]);
});

it("has the numbers of docs/CLI.md's table, whose drain takes as long as the engine's", () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'CLI.md'), 'utf8');
  const [, table = ''] = page.split('| exit | meaning |\n');
  const rows = table.split('\n\n')[0]!.match(/^\| \d[\d, ]*/gm) ?? [];
  const { faultPoint: _, ...said } = EXIT;
  expect(rows.flatMap((row) => row.match(/\d+/g)!.map(Number))).toEqual(Object.values(said));
  expect(table).toContain(`an orderly drain of at most ${ENGINE.stopMs / 1000} s`);
});
