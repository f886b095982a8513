/**
 * Versions: whether an answer is of the version that is carried.
 * Takes  objects and the headers of GETs.
 * Gives  a failure for another version; the name of the version to an object whose listing gave none.
 * Owns   what answers without an ETag are compared by: their times, from the first of them on.
 */
import { bareEtag, isSameEtag, isStandIn, UNVERSIONED, versionName } from '../../aws/etag.ts';
import type { SourceObject } from '../object.ts';
import { SourceFailure } from '../source-failure.ts';

export class Versions {
  readonly #onUnversioned: () => void;
  readonly #times = new WeakMap<SourceObject, string>();
  #isTold = false;

  /** @param onUnversioned Called once, when an answer has no ETag. */
  constructor(onUnversioned: () => void) {
    this.#onUnversioned = onUnversioned;
  }

  /**
   * @returns Whether the answer says by itself that it is the right version.
   * @throws {SourceFailure} `changed`: it is another version.
   */
  check(object: SourceObject, status: number, header: (name: string) => string | undefined): boolean {
    const time = versionName(undefined, header('last-modified'));
    const found = versionName(header('etag'), header('last-modified'));
    if (isStandIn(found) && !this.#isTold) {
      this.#isTold = true;
      this.#onUnversioned();
    }
    if (bareEtag(object.etag) === '') object.etag = found;
    const isByTime = isStandIn(object.etag) || isStandIn(found);
    const expected = isByTime && !isStandIn(object.etag) ? this.#times.get(object) : object.etag;
    if (expected === undefined) {
      this.#times.set(object, time);
      return false;
    }
    const actual = isByTime ? time : found;
    if (isSameEtag(expected, actual)) return true;
    // A time that only one of the two gives cannot be compared.
    if (isByTime && (expected === UNVERSIONED || actual === UNVERSIONED)) return false;
    throw new SourceFailure('changed', `its ETag was ${expected} and is ${actual}`, { status });
  }
}
