/**
 * Phases: how far a run has come, which the main thread tells all others through one shared cell.
 * Owns  the numbers. Never goes back.
 */

/** Phase of the run, one int32 cell written by the main thread. It only grows. */
export const PHASE = {
  RUN: 0,
  /** Nothing more will be written to any lane: send what is there, then end. */
  FLUSH: 1,
  /** Send nothing new, wait for the answers that are due. Parsers write nothing more. */
  STOP: 2,
  /** The parsers are at rest. After the last answer that is due, say what is left, then end. */
  LEAVE: 3,
  /** Wait for no more answers. */
  CUT: 4,
} as const;
