/** Failures: unexpected ends of threads and signals, as errors that say what to do. Owns their wording and exit codes. */
import { MillraceError } from './errors.ts';

const ADVICE = 'run the same command again to go on from the journal';

/** An error of the engine itself, unless it is one that we expect. */
export function asFailure(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : workerFailure('main', error);
}

/** The reason of an abort signal, when it is one of ours; else an interruption like SIGINT. */
export function asInterruption(reason: unknown): MillraceError {
  if (reason instanceof MillraceError) return reason;
  return new MillraceError('MILLRACE_INTERRUPTED', 'Stopped; the same command resumes it', { exitCode: 130 });
}

/** A thread that threw or ended. */
export function workerFailure(thread: 'main' | 'parser' | 'publisher', error: unknown): MillraceError {
  const why = error instanceof Error ? error.message : String(error);
  const message = `The ${thread} thread failed: ${why}; ${ADVICE}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: 3, cause: error });
}

/** A thread that has work and shows no sign of life. @param thread 0-based; the parsers come first. */
export function hangFailure(thread: number, parsers: number, hangMs: number): MillraceError {
  const name = thread < parsers ? `parser thread ${thread}` : `publisher thread ${thread - parsers}`;
  const message = `The ${name} shows no sign of life for ${hangMs / 1000} s; ${ADVICE}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: 3 });
}
