/**
 * ETag forms: whether a refused If-Match means that an object has changed.
 * Takes  a refusal (412). Gives a yes or no.
 * Owns   what is known of each bucket: a store whose own ETags are weak refuses every If-Match, for those never match (RFC 9110, 13.1.1).
 *        It is asked once, with a HEAD, when it refuses the first time.
 */
import type { SourceObject } from '../object.ts';
import { SourceFailure } from '../source-failure.ts';
import type { S3Calls } from './calls.ts';
import { headObject } from './head-object.ts';

export class EtagForms {
  readonly #calls: S3Calls;
  readonly #isWeak = new Map<string, Promise<boolean>>();

  constructor(calls: S3Calls) {
    this.#calls = calls;
  }

  /** Whether asking without If-Match tells more than this refusal. */
  async isMisread(refusal: unknown, object: SourceObject, signal: AbortSignal): Promise<boolean> {
    if (!(refusal instanceof SourceFailure) || refusal.status !== 412) return false;
    let isWeak = this.#isWeak.get(object.bucket);
    if (isWeak === undefined) {
      isWeak = this.#ask(object, signal);
      this.#isWeak.set(object.bucket, isWeak);
    }
    return await isWeak;
  }

  async #ask(object: SourceObject, signal: AbortSignal): Promise<boolean> {
    try {
      const header = await headObject(this.#calls, object, false, signal);
      return (header('etag') ?? '').startsWith('W/');
    } catch {
      // Nothing was learned: the next refusal asks again.
      this.#isWeak.delete(object.bucket);
      return false;
    }
  }
}
