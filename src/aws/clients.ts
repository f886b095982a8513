/**
 * Clients: the SDK's S3 and Kinesis clients, as this engine wants them.
 * Takes  how to reach AWS. Gives clients whose credentials come from the SDK's default chain.
 * Owns   the choice of transport: HTTP/1.1 with keep-alive. The SDK's own retries are off: retry has one owner in each stage.
 * Source: the Kinesis client's default transport opens an HTTP/2 session per request (aws-sdk-js-v3#8279, docs/DESIGN decision 7).
 */
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface AwsTarget {
  /** Null: what the SDK's chain finds. */
  readonly region: string | null;
  readonly profile: string | null;
  readonly endpoint: string | null;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** A Kinesis client. @param socketsMax Connections at once; default 64. */
export function createKinesisClient(target: AwsTarget, socketsMax = 64): KinesisClient {
  return new KinesisClient({ ...common(target, socketsMax), maxAttempts: 1 });
}

/** An S3 client. Path-style addressing when an endpoint is given. @param socketsMax Connections at once; default 64. */
export function createS3Client(target: AwsTarget, socketsMax = 64): S3Client {
  return new S3Client({
    ...common(target, socketsMax),
    maxAttempts: 1,
    forcePathStyle: target.endpoint !== null,
    followRegionRedirects: target.endpoint === null,
    // Checksums are verified where they are cheap: src/source/download.ts.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

function common({ region, profile, endpoint }: AwsTarget, socketsMax: number) {
  const agent = { keepAlive: true, maxSockets: socketsMax };
  return {
    ...(region !== null && { region }),
    ...(profile !== null && { profile }),
    ...(endpoint !== null && { endpoint }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    }),
  };
}
