/**
 * Heads: what S3 says about single objects, for those that no listing names or says enough of.
 * Takes  locations.
 * Gives  SourceObject, or the reason why the object is not available.
 * Owns   the reading of a refusal. The answer to a HEAD has no body, so 403 and 404 do not say what was refused (the key or the
 *        bucket, the object or the credentials): a GET of one byte asks for the document that does.
 */
import type { SourceObject } from '../object.ts';
import { Retry, type RetryPolicy, retrying } from '../retry.ts';
import { type FailureKind, SourceFailure } from '../source-failure.ts';
import type { S3Calls } from './calls.ts';
import { failureOf } from './failure.ts';
import { headObject } from './head-object.ts';
import { formatS3Uri, type S3Location } from './uri.ts';

export interface HeadsOptions {
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal | undefined;
}

export class Heads {
  readonly #calls: S3Calls;
  readonly #options: HeadsOptions;
  #isAnswered = false;

  constructor(calls: S3Calls, options: HeadsOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  /** @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE: it does not exist or may not be read. Others end a run. */
  find(location: S3Location): Promise<SourceObject> {
    const { retry, signal } = this.#options;
    const mayPass = (kind: FailureKind) => this.#isAnswered && kind === 'identity';
    const policy = new Retry(retry, this.#calls.clock, `find ${formatS3Uri(location)}`, mayPass);
    const renew = (failure: SourceFailure) => this.#calls.renew(failure);
    return retrying(policy, () => this.#head(location), failureOf, signal, renew);
  }

  async #head(location: S3Location): Promise<SourceObject> {
    const { signal } = this.#options;
    const header = await headObject(this.#calls, location, false, signal).catch(async (error: unknown) => {
      const failure = failureOf(error);
      const isSilent = failure.status >= 400 && failure.status < 500 && failure.status !== 429;
      throw isSilent ? await this.#whyNot(location, failure) : failure;
    });
    this.#isAnswered = true;
    const size = header('content-length');
    if (size === undefined) throw new SourceFailure('transient', 'the answer does not say how large it is');
    const lastModifiedMs = Date.parse(header('last-modified') ?? '');
    const isRestored = /ongoing-request="false"/.test(header('x-amz-restore') ?? '');
    return {
      bucket: location.bucket,
      key: location.key,
      etag: header('etag') ?? '',
      size: Number(size),
      lastModifiedMs: Number.isNaN(lastModifiedMs) ? 0 : lastModifiedMs,
      storageClass: isRestored ? 'RESTORED' : (header('x-amz-storage-class') ?? 'STANDARD'),
    };
  }

  async #whyNot(location: S3Location, failure: SourceFailure): Promise<SourceFailure> {
    try {
      await this.#firstByte(location);
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

  async #firstByte({ bucket, key }: S3Location): Promise<void> {
    const { signal } = this.#options;
    const headers = { range: 'bytes=0-0' };
    const answer = await this.#calls.ask({ method: 'GET', bucket, key, headers }, signal);
    if (answer !== null) {
      answer.body.discard();
      return;
    }
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#calls.way.client();
    const payer = this.#calls.requesterPays ? { RequestPayer: 'requester' as const } : {};
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: headers.range, ...payer });
    const output = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
    (output.Body as { destroy?: () => void } | undefined)?.destroy?.();
  }
}
