/** What the shell is told. */
import { expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { exitCodeOf } from '../../src/observe/exit-code.ts';

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
