/**
 * Pages: how a listing is asked for, page by page.
 * Takes  queries of spread.ts.
 * Gives  pages that were looked at (list-page.ts), with objects that have been restored marked as such.
 * Owns   the requests and their repetition.
 */
import {
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isArchived } from '../object.ts';
import { type Clock, Retry, type RetryPolicy, retrying } from '../retry.ts';
import type { FailureKind } from '../source-failure.ts';
import { failureOf } from './failure.ts';
import { asMalformed, pageOf } from './list-page.ts';
import { renewCredentials } from './renewal.ts';
import type { Page, PageQuery } from './spread.ts';
import { formatS3Uri } from './uri.ts';

export interface PagesOptions {
  readonly requesterPays: boolean;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export class Pages {
  readonly #s3: S3Client;
  readonly #options: PagesOptions;
  /** Buckets that were listed. */
  readonly #answered = new Set<string>();

  constructor(s3: S3Client, options: PagesOptions) {
    this.#s3 = s3;
    this.#options = options;
  }

  /** @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE where listing is denied. */
  async page(bucket: string, query: PageQuery): Promise<Page> {
    const { page } = await this.ask(bucket, query);
    if (!page.objects.some(isArchived)) return page;
    const restored = await this.#restored(bucket, query);
    return {
      ...page,
      objects: page.objects.map((object) =>
        restored.has(object.key) ? { ...object, storageClass: 'RESTORED' } : object,
      ),
    };
  }

  /** An archived object that has been restored can be read. S3 says so on request only, so only pages with such objects are asked again. */
  async #restored(bucket: string, query: PageQuery): Promise<ReadonlySet<string>> {
    const more = { OptionalObjectAttributes: ['RestoreStatus' as const] };
    const { output, page } = await this.ask(bucket, query, more);
    const restored = new Set<string>();
    for (const [i, { RestoreStatus: status }] of (output.Contents ?? []).entries()) {
      if (status?.IsRestoreInProgress || status?.RestoreExpiryDate === undefined) continue;
      restored.add(page.objects[i]!.key);
    }
    return restored;
  }

  /** @param more What else this question needs. */
  ask(
    bucket: string,
    query: PageQuery,
    more: Partial<ListObjectsV2CommandInput> = {},
  ): Promise<{ readonly output: ListObjectsV2CommandOutput; readonly page: Page }> {
    const { signal, requesterPays, retry, clock } = this.#options;
    const input: ListObjectsV2CommandInput = {
      Bucket: bucket,
      Prefix: query.prefix,
      EncodingType: 'url', // XML cannot carry every character of a key
      ...(query.token !== undefined && { ContinuationToken: query.token }),
      ...(query.token === undefined && query.after && { StartAfter: query.after }),
      ...(query.isFolder && { Delimiter: '/' }),
      ...(requesterPays && { RequestPayer: 'requester' }),
      ...more,
    };
    const work = async () => {
      const command = new ListObjectsV2Command(input);
      const answer = this.#s3.send(command, signal === undefined ? {} : { abortSignal: signal });
      const output = await answer.catch((error: unknown) => {
        throw asMalformed(error);
      });
      this.#answered.add(bucket);
      return { output, page: pageOf(bucket, query, output) };
    };
    // Listing was allowed before: what denies it now may be over soon.
    const mayPass = (kind: FailureKind) =>
      this.#answered.has(bucket) && (kind === 'identity' || kind === 'denied');
    const policy = new Retry(retry, clock, `list ${formatS3Uri({ bucket, key: query.prefix })}`, mayPass);
    return retrying(policy, work, failureOf, signal, (failure) => renewCredentials(this.#s3, failure));
  }
}
