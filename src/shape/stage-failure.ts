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
}
