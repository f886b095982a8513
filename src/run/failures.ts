/** Failures: unexpected ends of threads and signals, as errors that say what to do. Owns their wording and exit codes. */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { INSTALL_ADVICE, isInstallationBroken } from '../base/installation.ts';
import { heapReason } from '../base/thread-heap.ts';

const ADVICE = 'run the same command again to go on from the journal';

/** An error of the engine itself, unless it is one that we expect. */
export function asFailure(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : workerFailure('main', error);
}

/**
 * Whether what is on its way may still be delivered after this failure. Not after the loss of a thread or of the disk:
 * every record sent then could only be sent again by the next process.
 */
export function canDrain({ code }: MillraceError): boolean {
  return code !== 'MILLRACE_WORKER' && code !== 'MILLRACE_JOURNAL' && code !== 'MILLRACE_DEAD_LETTER';
}

/** The reason of an abort signal, when it is one of ours; else an interruption like SIGINT. */
export function asInterruption(reason: unknown): MillraceError {
  if (reason instanceof MillraceError) return reason;
  return new MillraceError('MILLRACE_INTERRUPTED', 'Stopped; the same command resumes it', {
    exitCode: EXIT.SIGINT,
  });
}

/** A thread that threw or ended. @param where What it was working at, for people. */
export function workerFailure(
  thread: 'main' | 'parser' | 'publisher',
  error: unknown,
  where?: string,
): MillraceError {
  const place = where === undefined ? '' : ` at ${where}`;
  if (isInstallationBroken(error)) {
    const message = `The ${thread} thread cannot begin: ${reasonOf(error).split('\n')[0]}; ${INSTALL_ADVICE}`;
    return new MillraceError('MILLRACE_WORKER', message, { cause: error });
  }
  const message = `The ${thread} thread failed${place}: ${reasonOf(error)}; ${ADVICE}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: EXIT.resumable, cause: error });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return heapReason(error) ?? error.message;
}

/** A thread that has work and shows no sign of life. @param thread 0-based; the parsers come first. */
export function hangFailure(thread: number, parsers: number, hangMs: number): MillraceError {
  const name = thread < parsers ? `parser thread ${thread}` : `publisher thread ${thread - parsers}`;
  const message = `The ${name} shows no sign of life for ${hangMs / 1000} s; ${ADVICE}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: EXIT.resumable });
}
