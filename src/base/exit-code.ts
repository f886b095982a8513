/**
 * Exit codes: what the end of the process tells the shell. The one place that knows the numbers; docs/CLI.md is the contract.
 * Owns   the numbers, and which of them a run or a comparison ends with. A failure carries its own (errors.ts).
 * Never  ends the process. src/bin.mjs ends it by itself, with `refused`, where nothing can be loaded, not even this file.
 */
export const EXIT = {
  /** Nothing was left out. */
  done: 0,
  /** Done, with exceptions: dead letters, differences. */
  exceptions: 1,
  /** Could not start, or must not be repeated unchanged. */
  refused: 2,
  /** Stopped before the end; the same command goes on, or begins again. */
  resumable: 3,
  /** Stopped by a signal, after an orderly drain where there was time for one. */
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
  /** A test let the process end at a fault point. */
  faultPoint: 70,
} as const;

export type SignalName = 'SIGHUP' | 'SIGINT' | 'SIGTERM';

/** How a failure other than a signal ends the process. */
export type FailureExitCode = typeof EXIT.refused | typeof EXIT.resumable;
export type SignalExitCode = (typeof EXIT)[SignalName];

interface Failed {
  readonly exitCode: number;
}

/** Of a run. @param rejected Its dead letters. @param ending Why it ended early, or null. */
export function exitCodeOf(status: string, rejected: number, ending: Failed | null): number {
  if (ending !== null) return ending.exitCode;
  return rejected > 0 || status === 'delivered-with-rejects' ? EXIT.exceptions : EXIT.done;
}

/** Of `verify`. @param failure Why nothing can be said, or null. */
export function exitCodeOfComparison(status: string, failure: Failed | null): number {
  if (failure !== null) return failure.exitCode;
  return status === 'match' ? EXIT.done : EXIT.exceptions;
}

/** Whether a signal ended it. */
export function isSignalExit(exitCode: number): boolean {
  return exitCode === EXIT.SIGHUP || exitCode === EXIT.SIGINT || exitCode === EXIT.SIGTERM;
}
