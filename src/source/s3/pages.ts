/**
 * Pages: how a listing is asked for, page by page.
 * Takes  queries of spread.ts.
 * Gives  pages that were looked at (list-page.ts), with objects that have been restored marked as such.
 * Owns   the requests and their repetition.
 */
import type { ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { isArchived } from '../object.ts';
import { Retry, type RetryPolicy, retrying } from '../retry.ts';
import type { FailureKind } from '../source-failure.ts';
import type { S3Calls } from './calls.ts';
import { failureOf } from './failure.ts';
import { asMalformed, pageOf } from './list-page.ts';
import { type Listing, readListing } from './listing.ts';
import type { Page, PageQuery } from './spread.ts';
import { formatS3Uri } from './uri.ts';

export interface PagesOptions {
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal | undefined;
}

export class Pages {
  readonly #calls: S3Calls;
  readonly #options: PagesOptions;
  /** Buckets that were listed. */
  readonly #answered = new Set<string>();

  constructor(calls: S3Calls, options: PagesOptions) {
    this.#calls = calls;
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
    more: Pick<ListObjectsV2CommandInput, 'MaxKeys' | 'OptionalObjectAttributes'> = {},
  ): Promise<{ readonly output: Listing; readonly page: Page }> {
    const { signal, retry } = this.#options;
    const input: ListObjectsV2CommandInput = {
      Bucket: bucket,
      Prefix: query.prefix,
      EncodingType: 'url', // XML cannot carry every character of a key
      ...(query.token !== undefined && { ContinuationToken: query.token }),
      ...(query.token === undefined && query.after && { StartAfter: query.after }),
      ...(query.isFolder && { Delimiter: '/' }),
      ...(this.#calls.requesterPays && { RequestPayer: 'requester' }),
      ...more,
    };
    const work = async () => {
      const output = await this.#listing(bucket, input).catch((error: unknown) => {
        throw asMalformed(error);
      });
      this.#answered.add(bucket);
      return { output, page: pageOf(bucket, query, output) };
    };
    // Listing was allowed before: what denies it now may be over soon.
    const mayPass = (kind: FailureKind) =>
      this.#answered.has(bucket) && (kind === 'identity' || kind === 'denied');
    const what = `list ${formatS3Uri({ bucket, key: query.prefix })}`;
    const policy = new Retry(retry, this.#calls.clock, what, mayPass);
    return retrying(policy, work, failureOf, signal, (failure) => this.#calls.renew(failure));
  }

  async #listing(bucket: string, input: ListObjectsV2CommandInput): Promise<Listing> {
    const { signal } = this.#options;
    const { MaxKeys, OptionalObjectAttributes: attributes } = input;
    const query = {
      'list-type': '2',
      prefix: input.Prefix,
      'encoding-type': input.EncodingType,
      'continuation-token': input.ContinuationToken,
      'start-after': input.StartAfter,
      delimiter: input.Delimiter,
      'max-keys': MaxKeys?.toString(),
    };
    const headers: Record<string, string> =
      attributes === undefined ? {} : { 'x-amz-optional-object-attributes': attributes.join(',') };
    const answer = await this.#calls.askWhole({ method: 'GET', bucket, query, headers }, signal);
    if (answer !== null) return readListing(answer.body.toString('utf8'));
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const client = await this.#calls.way.client();
    return client.send(new ListObjectsV2Command(input), signal === undefined ? {} : { abortSignal: signal });
  }
}
