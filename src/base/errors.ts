/**
 * Errors: every failure that we expect, with a code that scripts and tests can name.
 * Owns  the codes and the base class. A broken invariant is not one of these: it is a failed assert().
 */
import { EXIT, type FailureExitCode, type SignalExitCode } from './exit-code.ts';
import { printable } from './printable.ts';

export const ERROR_CODES = [
  'MILLRACE_OPTIONS',
  'MILLRACE_SOURCE',
  'MILLRACE_STREAM',
  'MILLRACE_PUT_REFUSED',
  'MILLRACE_JOURNAL',
  'MILLRACE_DEAD_LETTER',
  'MILLRACE_REJECTS_EXCEEDED',
  'MILLRACE_SERVICE_AWAY',
  'MILLRACE_TIMEOUT',
  'MILLRACE_INTERRUPTED',
  'MILLRACE_WORKER',
  'MILLRACE_OBJECT_UNREADABLE',
  'MILLRACE_OBJECT_CHANGED',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an error looks like on its way between threads, where an Error would lose its name, code and fields. */
export interface WireError {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly exitCode: number;
}

/**
 * Base of every failure that we expect. `message` is one line for people: what could not be done, why, the value seen, what to
 * do; never a payload, never a secret. `exitCode` is the process's: 2 must not be repeated unchanged, 3 can be resumed.
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: number;
  constructor(
    code: ErrorCode,
    message: string | readonly string[],
    options: ErrorOptions & { exitCode?: FailureExitCode | SignalExitCode } = {},
  ) {
    super([message].flat().map(printable).join('\n'), options);
    this.name = new.target.name;
    this.code = code;
    this.exitCode = options.exitCode ?? EXIT.refused;
  }
  toWire(): WireError {
    return { name: this.name, code: this.code, message: this.message, exitCode: this.exitCode };
  }
  /** The error that `toWire()` of another thread described. */
  static fromWire(wire: WireError): MillraceError {
    return new MillraceError(wire.code, wire.message.split('\n'), {
      exitCode: wire.exitCode as FailureExitCode,
    });
  }
}

/** Options that cannot work, all of them at once. */
export class OptionsError extends MillraceError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super('MILLRACE_OPTIONS', problems);
    this.problems = problems;
  }
}

/** Why a line was not delivered. The codes of the dead-letter file, see docs/CLI.md. */
export const REJECT_CODES = [
  'INVALID_JSON',
  'INVALID_UTF8',
  'TOO_DEEP',
  'FRAMING',
  'MISSING_KEY',
  'SCHEMA',
  'FILTER',
  'TRANSFORM',
  'POISON',
  'RECORD_TOO_LARGE',
  'PUT_REFUSED',
  'OBJECT_CHANGED',
  'OBJECT_UNREADABLE',
] as const;
export type RejectCode = (typeof REJECT_CODES)[number];
