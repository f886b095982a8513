/**
 * Stage failure: why a stage has no outcome for a record, which then is a dead letter.
 * Owns  the class. Its message never holds anything of the record.
 */

export class StageFailure extends Error {
  override readonly name = 'StageFailure';
  readonly code: 'FILTER' | 'TRANSFORM';
  constructor(message: string, code: 'FILTER' | 'TRANSFORM' = 'TRANSFORM') {
    super(message);
    this.code = code;
  }

  /** Also of another copy of this code, which a module of the user's may bring. */
  static is(error: unknown): error is StageFailure {
    return error instanceof Error && error.name === 'StageFailure';
  }
}
