/**
 * Kinesis client: the SDK's, as this engine wants it: asked for the endpoints that kinesis-way.ts leaves to it.
 * Never  imported by what every run loads: it is loaded when it is needed.
 * Source: its default transport opens an HTTP/2 session per request (aws-sdk-js-v3#8279, docs/LIMITS.md).
 */
import { DescribeStreamSummaryCommand, GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import type { HttpRequest } from '@smithy/protocol-http';
import { type CredentialProvider, credentialChain } from './credentials.ts';
import type { KinesisService } from './kinesis-call.ts';
import type { Plane } from './kinesis-way.ts';
import { hostOf, originOf } from './proxy.ts';
import { authoritiesOf } from './request-handler.ts';
import { type AwsTarget, clientOptions } from './target.ts';

const SOCKETS_MAX = 64;

/** @param credentials Default: the chain of the target. */
export function createKinesisClient(
  target: AwsTarget,
  credentials: CredentialProvider = credentialChain(target),
): KinesisClient {
  return new KinesisClient({ ...clientOptions(target, SOCKETS_MAX), credentials });
}

/**
 * Lets the SDK build one request that is never sent: its endpoint and user agent are those of every command of this client and plane.
 * @param streamArn It is part of the choice of the endpoint.
 * @throws The SDK's own error when region, endpoint or credentials cannot be resolved (e.g. CredentialsProviderError).
 */
export async function resolveService(
  client: KinesisClient,
  plane: Plane,
  streamArn: string | undefined,
): Promise<KinesisService> {
  const name = streamArn === undefined ? { StreamName: 'unsent' } : { StreamARN: streamArn };
  const command =
    plane === 'control'
      ? new DescribeStreamSummaryCommand(name)
      : new GetRecordsCommand({ ShardIterator: 'unsent', StreamARN: streamArn });
  let built: HttpRequest | undefined;
  (command as GetRecordsCommand).middlewareStack.add(
    () => async (args) => {
      built = args.request as HttpRequest;
      return { response: undefined, output: { $metadata: {}, Records: [] } };
    },
    { step: 'finalizeRequest', priority: 'high', name: 'millraceCapture' },
  );
  await client.send(command as GetRecordsCommand);
  if (!built) throw new Error('Cannot resolve the endpoint: the SDK built no request');
  const { path, headers } = built;
  const origin = originOf(built);
  const userAgent = headers['user-agent'] ?? headers['User-Agent'];
  return {
    origin,
    authorities: authoritiesOf(client),
    path: path || '/',
    headers: { host: hostOf(origin), ...(userAgent ? { 'user-agent': userAgent } : {}) },
    region: await client.config.region(),
    clockOffsetMs: client.config.systemClockOffset ?? 0,
  };
}
