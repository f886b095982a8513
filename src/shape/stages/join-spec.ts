/**
 * Join spec: where in a record a key stands and what was found goes, as data. What is done with it: join.ts.
 * Owns  the choices for records for which nothing was found, and which pointers can be meant.
 */

/** What becomes of a record for which nothing was found. */
export const ON_MISSING = ['null', 'drop', 'dead-letter'] as const;
export type OnMissing = (typeof ON_MISSING)[number];

export interface JoinSpec {
  /** JSON Pointer to the key. */
  readonly on: string;
  /** JSON Pointer to where what was found goes. */
  readonly into: string;
  readonly onMissing: OnMissing;
}

/** Whether it is a JSON Pointer to a place within a record. */
export function isMember(pointer: unknown): boolean {
  return typeof pointer === 'string' && /^(\/([^~/]|~[01])*)+$/s.test(pointer);
}
