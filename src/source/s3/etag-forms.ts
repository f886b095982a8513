/**
 * ETag forms: whether a refused If-Match means that an object has changed.
 * Takes  a refusal (412). Gives a yes or no.
 * Owns   what is known of each bucket: a store whose own ETags are weak refuses every If-Match, for those never match (RFC 9110, 13.1.1).
 *        It is asked once, with a HEAD, when it refuses the first time.
 */
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SourceObject } from '../object.ts';
import { SourceFailure } from '../source-failure.ts';

export class EtagForms {
  readonly #client: S3Client;
  readonly #requesterPays: boolean;
  readonly #isWeak = new Map<string, Promise<boolean>>();

  constructor(client: S3Client, requesterPays: boolean) {
    this.#client = client;
    this.#requesterPays = requesterPays;
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

  async #ask({ bucket, key }: SourceObject, signal: AbortSignal): Promise<boolean> {
    const payer = this.#requesterPays ? { RequestPayer: 'requester' as const } : {};
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ...payer });
    try {
      const { ETag = '' } = await this.#client.send(command, { abortSignal: signal });
      return ETag.startsWith('W/');
    } catch {
      // Nothing was learned: the next refusal asks again.
      this.#isWeak.delete(bucket);
      return false;
    }
  }
}
