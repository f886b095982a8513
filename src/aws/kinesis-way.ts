/**
 * Kinesis way: where the calls of a stream go, and who signs them.
 * Takes  how AWS is reached, or a client of the SDK that somebody else has set up.
 * Gives  a KinesisService for each plane of the API, a caller for it, and the credentials.
 * Owns   the rules of endpoints that most runs need: one that was given, and AWS's own in its largest partition. For FIPS, dual stack, other
 *        partitions and what cannot be (a missing region) the SDK is loaded and asked: it is a tenth of a short run
 *        (docs/adr/0015-calls-of-our-own.md). Both say the same (test/aws/kinesis-way.test.ts).
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { type CredentialProvider, credentialChain } from './credentials.ts';
import { isRegionName, LARGEST_PARTITION, USER_AGENT } from './endpoint.ts';
import {
  type KinesisCaller,
  type KinesisCallerOptions,
  type KinesisService,
  openKinesisCaller,
} from './kinesis-call.ts';
import { originOf } from './proxy.ts';
import type { AwsTarget } from './target.ts';

/** Streams are described at one address, and written and read at another, where AWS knows whose they are. */
export type Plane = 'control' | 'data';

export interface KinesisWay {
  readonly credentials: CredentialProvider;
  /**
   * @param streamArn It is part of the choice of the endpoint.
   * @throws The SDK's own error when region, endpoint or credentials cannot be resolved (e.g. CredentialsProviderError).
   */
  service(plane: Plane, streamArn: string | undefined): Promise<KinesisService>;
}

export function openKinesisWay(target: AwsTarget): KinesisWay {
  const credentials = credentialChain(target);
  return {
    credentials,
    async service(plane, streamArn) {
      const { accountId = null } = target.endpoint === null ? await credentials() : {};
      const url = plainEndpoint(target, plane, streamArn ?? null, accountId);
      if (url !== null) return serviceAt(url, target);
      const { createKinesisClient, resolveService } = await import('./kinesis-client.ts');
      const client = createKinesisClient(target, credentials);
      try {
        return await resolveService(client, plane, streamArn);
      } finally {
        client.destroy();
      }
    },
  };
}

/** The way of a client that a user of the library has. */
export function wayOf(client: KinesisClient): KinesisWay {
  return {
    credentials: client.config.credentials as CredentialProvider,
    async service(plane, streamArn) {
      const { resolveService } = await import('./kinesis-client.ts');
      return resolveService(client, plane, streamArn);
    },
  };
}

/** A caller of the data plane. @throws As `KinesisWay.service`. */
export async function createKinesisCaller({
  way,
  streamArn,
  ...rest
}: Omit<KinesisCallerOptions, 'service' | 'credentials'> & {
  readonly way: KinesisWay;
  readonly streamArn?: string;
}): Promise<KinesisCaller> {
  const service = await way.service('data', streamArn);
  return openKinesisCaller({ ...rest, service, credentials: way.credentials });
}

/**
 * The endpoint, or null: the SDK's rules know.
 * @param accountId That credentials are of, where they say so.
 */
export function plainEndpoint(
  { region, endpoint, hasOwnRules = false }: AwsTarget,
  plane: Plane,
  streamArn: string | null,
  accountId: string | null,
): URL | null {
  if (hasOwnRules || region === null || !isRegionName(region)) return null;
  if (endpoint !== null) {
    const url = new URL(endpoint);
    return url.pathname === '/' && url.search === '' ? url : null;
  }
  if (!LARGEST_PARTITION.test(region)) return null;
  if (streamArn === null)
    return accountId === null
      ? new URL(`https://kinesis.${region}.amazonaws.com`)
      : accountEndpoint(accountId, plane, region);
  const owner = /^arn:aws:kinesis:[a-z0-9-]+:([^:]*):stream\/[^:]+$/.exec(streamArn)?.[1];
  return owner === undefined ? null : accountEndpoint(owner, plane, region);
}

function accountEndpoint(accountId: string, plane: Plane, region: string): URL | null {
  return /^\d{12}$/.test(accountId)
    ? new URL(`https://${accountId}.${plane}-kinesis.${region}.amazonaws.com`)
    : null;
}

function serviceAt(url: URL, { region, authorities = null }: AwsTarget): KinesisService {
  return {
    origin: originOf(url),
    authorities,
    path: '/',
    headers: { host: url.host, 'user-agent': USER_AGENT },
    region: region!,
    clockOffsetMs: 0,
  };
}
