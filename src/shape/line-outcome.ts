/**
 * Line outcome: what stages have made of one line, or why they failed.
 * Takes  what a stage has thrown, which may be anything.
 * Gives  types of outcomes; the failure, with a reason that can be said in a line.
 */
import type { RejectCode } from '../base/errors.ts';
import { StageFailure } from './stage-failure.ts';

const REASON_CHARS_MAX = 200;

/** Why a line has no outputs. */
export interface LineFailure {
  readonly code: RejectCode;
  readonly message: string;
}

/** JSON text, or bytes that go out as they are. */
export type Output = string | Uint8Array;
/** A line of one output has just that. Null: the stages have dropped it. */
export type LineOutcome = Output | readonly Output[] | LineFailure | null;

export function isFailure(outcome: LineOutcome): outcome is LineFailure {
  return outcome !== null && typeof outcome === 'object' && 'code' in outcome;
}

/** A failure on its way through promises, with the stage that it happened in. */
export class Failed extends Error {
  readonly failure: LineFailure;
  constructor(failure: LineFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** @throws What is no failure of a stage. */
export function failureOf(error: unknown): LineFailure {
  if (error instanceof Failed) return error.failure;
  throw error;
}

/** What was thrown may be anything. */
export function reasonOf(error: unknown): string {
  if (typeof error === 'string') return error.slice(0, REASON_CHARS_MAX);
  try {
    if (StageFailure.is(error)) return error.message;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return text.split('\n', 1)[0]!.slice(0, REASON_CHARS_MAX);
  } catch {
    return 'it threw what has no text';
  }
}
