/** Errors keep code and exit code on their way between threads. */
import { expect, it } from 'vitest';
import { ERROR_CODES, MillraceError, OptionsError, REJECT_CODES } from '../../src/base/errors.ts';

it.each(ERROR_CODES)('%s survives the way to another thread', (code) => {
  const error = new MillraceError(code, 'what, why', { exitCode: 3 });
  const back = MillraceError.fromWire(structuredClone(error.toWire()));
  expect([back.code, back.message, back.exitCode]).toEqual([code, 'what, why', 3]);
});

it('options that cannot work are named one a line, and must not be repeated unchanged', () => {
  const error = new OptionsError(['one', 'two']);
  expect([error.message, error.exitCode, error.code]).toEqual(['one\ntwo', 2, 'MILLRACE_OPTIONS']);
});

it('no code stands twice', () => {
  const codes = [...ERROR_CODES, ...REJECT_CODES];
  expect(new Set(codes).size).toBe(codes.length);
});
