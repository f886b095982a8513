/**
 * Kinesis client: the SDK's, as this engine wants it. A file of its own, so that threads that never talk to S3 do not load its client.
 * Source: its default transport opens an HTTP/2 session per request (aws-sdk-js-v3#8279, docs/LIMITS.md).
 */
import { GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import type { HttpRequest } from '@smithy/protocol-http';
import { ControlRetries } from './control-retries.ts';
import type { CredentialProvider } from './credentials.ts';
import {
  type KinesisCaller,
  type KinesisCallerOptions,
  type KinesisService,
  openKinesisCaller,
} from './kinesis-call.ts';
import { authoritiesOf } from './request-handler.ts';
import { type AwsTarget, clientOptions } from './target.ts';

export type { AwsTarget } from './target.ts';

/** DescribeStreamSummary and ListShards are answered within a second, or not at all. */
const CONTROL_PLANE_TIMEOUT_MS = 10_000;

/** @param socketsMax Connections at once; default 64. @param answerTimeoutMs Of each attempt; default 10,000. */
export function createKinesisClient(
  target: AwsTarget,
  socketsMax = 64,
  answerTimeoutMs = CONTROL_PLANE_TIMEOUT_MS,
): KinesisClient {
  const options = clientOptions(target, socketsMax, answerTimeoutMs);
  const retryStrategy = new ControlRetries(); // nobody else repeats these calls
  return new KinesisClient({ ...options, retryStrategy });
}

/**
 * Lets the SDK build one request that is never sent: its endpoint and user agent are those of every command of this client.
 * @param streamArn It is part of the choice of the endpoint.
 * @throws The SDK's own error when region, endpoint or credentials cannot be resolved (e.g. CredentialsProviderError).
 */
export async function resolveService(
  client: KinesisClient,
  streamArn: string | undefined,
): Promise<KinesisService> {
  const command = new GetRecordsCommand({ ShardIterator: 'unsent', StreamARN: streamArn });
  let built: HttpRequest | undefined;
  command.middlewareStack.add(
    () => async (args) => {
      built = args.request as HttpRequest;
      return { response: undefined, output: { $metadata: {}, Records: [] } };
    },
    { step: 'finalizeRequest', priority: 'high', name: 'millraceCapture' },
  );
  await client.send(command);
  if (!built) throw new Error('Cannot resolve the endpoint: the SDK built no request');
  const { protocol, hostname, port, path, headers } = built;
  const isTls = protocol === 'https:';
  const host = port === undefined || port === (isTls ? 443 : 80) ? hostname : `${hostname}:${port}`;
  const userAgent = headers['user-agent'] ?? headers['User-Agent'];
  return {
    origin: { isTls, hostname, port: port ?? (isTls ? 443 : 80) },
    authorities: authoritiesOf(client),
    path: path || '/',
    headers: { host, ...(userAgent ? { 'user-agent': userAgent } : {}) },
    region: await client.config.region(),
    clockOffsetMs: client.config.systemClockOffset ?? 0,
  };
}

/** A caller with a client's configuration as it is now. @throws As `resolveService`. */
export async function createKinesisCaller({
  client,
  streamArn,
  ...rest
}: Omit<KinesisCallerOptions, 'service' | 'credentials'> & {
  readonly client: KinesisClient;
  readonly streamArn?: string;
}): Promise<KinesisCaller> {
  const service = await resolveService(client, streamArn);
  return openKinesisCaller({
    ...rest,
    service,
    credentials: client.config.credentials as CredentialProvider,
  });
}
