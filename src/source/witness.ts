/**
 * Witness: tells an object that is denied from a store that denies everything.
 * Takes  the objects that were read.
 * Gives  whether one of them can still be read: then a denial concerns the other object alone.
 * Owns   the last two objects that were read. Asking is a GET of the first byte.
 */
import { MillraceError } from '../base/errors.ts';
import { lateSignal } from '../base/patience.ts';
import type { SourceObject } from './object.ts';
import type { RangeReader } from './source.ts';
import { type FailureKind, SourceFailure } from './source-failure.ts';

export class Witness {
  readonly #reader: RangeReader;
  readonly #timeoutMs: number;
  /** The last one first, and the last one of another key. */
  #read: SourceObject[] = [];

  /** @param timeoutMs For the answer. */
  constructor(reader: RangeReader, timeoutMs: number) {
    this.#reader = reader;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether anything was ever read. */
  get hasRead(): boolean {
    return this.#read.length > 0;
  }

  /** This object can be read. */
  saw(object: SourceObject): void {
    const [last] = this.#read;
    if (last?.key === object.key) return;
    this.#read = last === undefined ? [object] : [object, last];
  }

  /** Whether the store still gives another object, as before. False also where no other was read, or it is not known. */
  async isGiven(denied: SourceObject): Promise<boolean> {
    const other = this.#read.find(({ key }) => key !== denied.key);
    if (other === undefined) return false;
    try {
      const { body } = await this.#reader.read(other, 0, 1, lateSignal(this.#timeoutMs));
      body.discard();
      return true;
    } catch (error) {
      // An object that has since changed or gone does not count as denied.
      return error instanceof SourceFailure && (error.kind === 'changed' || error.kind === 'gone');
    }
  }
}

/** This many denials of one object are its own, when others are given at the same time. One alone may be an accident. */
const DENIALS_MAX = 3;

/** Says of one download whether what is denied to it may be given later. */
export class Denials {
  readonly #witness: Witness;
  readonly #object: SourceObject;
  /** In a row, while another object was given. */
  #ownCount = 0;

  constructor(witness: Witness, object: SourceObject) {
    this.#witness = witness;
    this.#object = object;
  }

  async judge(): Promise<void> {
    this.#ownCount = (await this.#witness.isGiven(this.#object)) ? this.#ownCount + 1 : 0;
  }

  mayPass(kind: FailureKind): boolean {
    if (!this.#witness.hasRead) return false;
    return (kind === 'identity' || kind === 'denied') && this.#ownCount < DENIALS_MAX;
  }

  /**
   * A denial of everything, after things were given, does not concern one object: it ends the run. Keys that it takes for another object at the
   * same time are not what is wrong with this one: where a store signs a name in another way, that object alone is given up.
   */
  asEnding(error: unknown): unknown {
    if (!(error instanceof MillraceError && error.cause instanceof SourceFailure)) return error;
    if (error.cause.kind === 'identity' && this.#ownCount >= DENIALS_MAX)
      return new MillraceError('MILLRACE_OBJECT_UNREADABLE', `${error.message}; others are given`, {
        cause: error.cause,
      });
    if (error.cause.kind !== 'denied' || this.#ownCount > 0 || !this.#witness.hasRead) return error;
    return new MillraceError('MILLRACE_SOURCE', `${error.message}; so is what could be read before`, {
      cause: error,
    });
  }
}
