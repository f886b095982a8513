/** What a run says when a thread of it fails, and whether what is on its way may still be delivered then. */
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, MillraceError } from '../../src/base/errors.ts';
import { asFailure, asInterruption, canDrain, hangFailure, workerFailure } from '../../src/run/failures.ts';

const ADVICE = 'run the same command again to go on from the journal';

describe('a failed thread', () => {
  const outOfMemory = Object.assign(new Error('Worker terminated due to reaching memory limit'), {
    code: 'ERR_WORKER_OUT_OF_MEMORY',
  });
  it.each([
    { error: new Error('bad'), where: undefined, message: `The parser thread failed: bad; ${ADVICE}` },
    {
      error: new Error('bad'),
      where: 's3://b/k',
      message: `The parser thread failed at s3://b/k: bad; ${ADVICE}`,
    },
    { error: 'text', where: undefined, message: `The parser thread failed: text; ${ADVICE}` },
    {
      error: outOfMemory,
      where: undefined,
      message: `The parser thread failed: it ran out of memory (512 MiB of JavaScript heap); ${ADVICE}`,
    },
  ])('$message', ({ error, where, message }) => {
    const failure = workerFailure('parser', error, where);
    expect(failure).toMatchObject({ code: 'MILLRACE_WORKER', exitCode: 3, message, cause: error });
  });

  it.each([
    { thread: 0, name: 'parser thread 0' },
    { thread: 1, name: 'parser thread 1' },
    { thread: 2, name: 'publisher thread 0' },
  ])('that hangs is named: $thread of 2 parsers and some publishers is the $name', ({ thread, name }) => {
    const { message, exitCode } = hangFailure(thread, 2, 30_000);
    expect([message, exitCode]).toEqual([`The ${name} shows no sign of life for 30 s; ${ADVICE}`, 3]);
  });
});

it('keeps errors that are expected, and makes any other one a failure of the main thread', () => {
  const expected = new MillraceError('MILLRACE_SOURCE', 'gone');
  expect([asFailure(expected), asInterruption(expected)]).toEqual([expected, expected]);
  expect(asFailure(new Error('bug'))).toMatchObject({ code: 'MILLRACE_WORKER', exitCode: 3 });
  expect(asInterruption('enough')).toMatchObject({ code: 'MILLRACE_INTERRUPTED', exitCode: 130 });
});

it('drains unless a thread or the disk is lost: what is sent then could not be journaled', () => {
  const lost = ERROR_CODES.filter((code) => !canDrain(new MillraceError(code, '')));
  expect(lost).toEqual(['MILLRACE_JOURNAL', 'MILLRACE_DEAD_LETTER', 'MILLRACE_WORKER']);
});
