/**
 * Exit code: what the end of a run tells the shell. The one place that decides it; docs/CLI.md is the contract.
 * Pure.
 */
import type { MillraceError } from '../base/errors.ts';

/**
 * @param rejected Dead letters of the whole run. @param ending Why the run ended early, or null.
 * @returns 0 nothing left out; 1 done with exceptions; 2 must not be repeated unchanged; 3 stopped, can be resumed; 129, 130, 143 a signal.
 */
export function exitCodeOf(status: string, rejected: number, ending: MillraceError | null): number {
  if (ending !== null) return ending.exitCode;
  return rejected > 0 || status === 'delivered-with-rejects' ? 1 : 0;
}
