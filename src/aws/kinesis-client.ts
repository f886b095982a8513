/**
 * Kinesis client: the SDK's, as this engine wants it. A file of its own, so that threads that never talk to S3 do not load its client.
 * Source: its default transport opens an HTTP/2 session per request (aws-sdk-js-v3#8279, docs/DESIGN decision 7).
 */
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { type AwsTarget, clientOptions } from './target.ts';

export type { AwsTarget } from './target.ts';

/** @param socketsMax Connections at once; default 64. */
export function createKinesisClient(target: AwsTarget, socketsMax = 64): KinesisClient {
  return new KinesisClient(clientOptions(target, socketsMax));
}
