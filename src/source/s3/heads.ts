/**
 * Heads: what S3 says about single objects, for those that no listing names or says enough of.
 * Takes  locations.
 * Gives  SourceObject, or the reason why the object is not available.
 * Owns   the reading of a refusal. The answer to a HEAD has no body, so 403 and 404 do not say what was refused (the key or the
 *        bucket, the object or the credentials): a GET of one byte asks for the document that does.
 */
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SourceObject } from '../object.ts';
import { type Clock, Retry, type RetryPolicy, retrying } from '../retry.ts';
import { type FailureKind, SourceFailure } from '../source-failure.ts';
import { failureOf } from './failure.ts';
import { renewCredentials } from './renewal.ts';
import { formatS3Uri, type S3Location } from './uri.ts';

export interface HeadsOptions {
  readonly requesterPays: boolean;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export class Heads {
  readonly #s3: S3Client;
  readonly #options: HeadsOptions;
  #isAnswered = false;

  constructor(s3: S3Client, options: HeadsOptions) {
    this.#s3 = s3;
    this.#options = options;
  }

  /** @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE: it does not exist or may not be read. Others end a run. */
  find(location: S3Location): Promise<SourceObject> {
    const { retry, clock, signal } = this.#options;
    const mayPass = (kind: FailureKind) => this.#isAnswered && kind === 'identity';
    const policy = new Retry(retry, clock, `find ${formatS3Uri(location)}`, mayPass);
    const renew = (failure: SourceFailure) => renewCredentials(this.#s3, failure);
    return retrying(policy, () => this.#head(location), failureOf, signal, renew);
  }

  async #head(location: S3Location): Promise<SourceObject> {
    const command = new HeadObjectCommand(this.#input(location));
    const output = await this.#s3.send(command, this.#sending()).catch(async (error: unknown) => {
      const failure = failureOf(error);
      const isSilent = failure.status >= 400 && failure.status < 500 && failure.status !== 429;
      throw isSilent ? await this.#whyNot(location, failure) : failure;
    });
    this.#isAnswered = true;
    const { ContentLength: size, ETag, LastModified, Restore, StorageClass } = output;
    if (size === undefined) throw new SourceFailure('transient', 'the answer does not say how large it is');
    const isRestored = /ongoing-request="false"/.test(Restore ?? '');
    return {
      bucket: location.bucket,
      key: location.key,
      etag: ETag ?? '',
      size,
      lastModifiedMs: LastModified?.getTime() ?? 0,
      storageClass: isRestored ? 'RESTORED' : (StorageClass ?? 'STANDARD'),
    };
  }

  async #whyNot(location: S3Location, failure: SourceFailure): Promise<SourceFailure> {
    try {
      const command = new GetObjectCommand({ ...this.#input(location), Range: 'bytes=0-0' });
      const output = await this.#s3.send(command, this.#sending());
      (output.Body as { destroy?: () => void } | undefined)?.destroy?.();
    } catch (error) {
      const why = failureOf(error);
      if (why.status >= 400 && why.kind !== 'changed') return why;
    }
    // It was refused but is there: whatever was wrong may be over.
    return new SourceFailure('transient', failure.message, {
      status: failure.status,
      serviceCode: failure.serviceCode,
    });
  }

  #input({ bucket, key }: S3Location) {
    const payer = this.#options.requesterPays ? { RequestPayer: 'requester' as const } : {};
    return { Bucket: bucket, Key: key, ...payer };
  }

  #sending() {
    const { signal } = this.#options;
    return signal === undefined ? {} : { abortSignal: signal };
  }
}
