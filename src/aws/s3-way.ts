/**
 * S3 way: where the requests of a bucket go, and who signs them.
 * Takes  how AWS is reached.
 * Gives  the place of each bucket, the credentials, and the SDK's client for what only that can do.
 * Owns   the rules of endpoints that most runs need: path style at an endpoint that was given, AWS's own addresses in its largest partition, the
 *        regions that buckets turned out to be in. For FIPS, dual stack, other partitions, access points and what cannot be (a missing region)
 *        the SDK is loaded and asked: it is a tenth of a short run (docs/adr/0015-calls-of-our-own.md). Both say the same
 *        (test/aws/s3-way.test.ts).
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { type CredentialProvider, credentialChain } from './credentials.ts';
import { isRegionName, LARGEST_PARTITION, USER_AGENT } from './endpoint.ts';
import { type Origin, originOf } from './proxy.ts';
import type { AwsTarget } from './target.ts';

/** Where the requests of one bucket go. */
export interface S3Place {
  readonly origin: Origin;
  /** In front of the key, ends with `/`. */
  readonly pathPrefix: string;
  readonly host: string;
  readonly userAgent: string;
  /** What signatures are for. */
  readonly region: string;
}

/** Where the SDK's client is opened, which is loaded for it. */
type OpenClient = (credentials: CredentialProvider) => Promise<S3Client>;

export class S3Way {
  readonly authorities: string | null;
  readonly credentials: CredentialProvider;
  /** Whether a bucket that is in another region is followed there. */
  readonly isFollowing: boolean;
  readonly #target: AwsTarget;
  readonly #openClient: OpenClient;
  #client: Promise<S3Client> | null = null;
  readonly #places = new Map<string, Promise<S3Place | null>>();
  /** Of buckets that turned out to be elsewhere. */
  readonly #regions = new Map<string, string>();

  constructor(target: AwsTarget, openClient: OpenClient, credentials = credentialChain(target)) {
    this.#target = target;
    this.#openClient = openClient;
    this.authorities = target.authorities ?? null;
    this.credentials = credentials;
    this.isFollowing = target.endpoint === null;
  }

  /** The SDK's client, loaded when it is asked for. */
  client(): Promise<S3Client> {
    this.#client ??= this.#openClient(this.credentials);
    return this.#client;
  }

  /** Null: the SDK signs requests to this bucket in a way of its own. @throws The SDK's error where there is no way. */
  place(bucket: string): Promise<S3Place | null> {
    let place = this.#places.get(bucket);
    if (place === undefined) {
      place = this.#find(bucket, this.#regions.get(bucket));
      place.catch(() => this.#places.delete(bucket));
      this.#places.set(bucket, place);
    }
    return place;
  }

  /** The bucket is in this region. */
  learn(bucket: string, region: string): void {
    if (this.#regions.get(bucket) !== region) this.#places.delete(bucket);
    this.#regions.set(bucket, region);
  }

  async #find(bucket: string, elsewhere: string | undefined): Promise<S3Place | null> {
    const region = elsewhere ?? this.#target.region;
    const url = plainBucketUrl({ ...this.#target, region }, bucket);
    if (url === null) {
      const { placeBySdk } = await import('./s3-client.ts');
      return placeBySdk(await this.client(), bucket, elsewhere);
    }
    const { host, pathname } = url;
    return { origin: originOf(url), pathPrefix: pathname, host, userAgent: USER_AGENT, region: region! };
  }

  close(): void {
    this.#client?.then(
      (client) => client.destroy(),
      () => {},
    );
  }
}

/** @param socketsMax Connections of the SDK's client, where it is opened; default 64. */
export function openS3Way(target: AwsTarget, socketsMax = 64): S3Way {
  return new S3Way(target, async (credentials) => {
    const { createS3Client } = await import('./s3-client.ts');
    return createS3Client(target, socketsMax, credentials);
  });
}

/** Every name that a bucket of today may have, and some of old ones. */
const BUCKET = /^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/;
/** Directory buckets, access points, outposts: `--x-s3` and its like. */
const SPECIAL = /--[a-z0-9]+-s3$|-s3alias$/;

/** The URL in front of the bucket's keys, or null: the SDK's rules know. */
export function plainBucketUrl(
  { region, endpoint, hasOwnRules = false }: AwsTarget,
  bucket: string,
): URL | null {
  if (hasOwnRules || region === null || !isRegionName(region)) return null;
  if (!BUCKET.test(bucket) || SPECIAL.test(bucket)) return null;
  if (endpoint !== null) {
    const url = new URL(endpoint);
    if (url.search !== '' || !/^\/(?:[\w.~-]+\/?)?$/.test(url.pathname)) return null;
    return new URL(`${url.pathname.replace(/\/?$/, '/')}${bucket}/`, url);
  }
  if (!LARGEST_PARTITION.test(region)) return null;
  const host = `s3.${region}.amazonaws.com`;
  // A wildcard in a certificate stands for one label.
  return new URL(bucket.includes('.') ? `https://${host}/${bucket}/` : `https://${bucket}.${host}/`);
}
