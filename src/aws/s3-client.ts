/**
 * S3 client: the SDK's, as this engine wants it.
 */
import { S3Client } from '@aws-sdk/client-s3';
import { type AwsTarget, clientOptions } from './target.ts';

/**
 * Path-style addressing when an endpoint is given.
 * @param socketsMax Connections at once; default 64. @param answerTimeoutMs Of each attempt; default 30,000.
 */
export function createS3Client(target: AwsTarget, socketsMax = 64, answerTimeoutMs?: number): S3Client {
  return new S3Client({
    ...clientOptions(target, socketsMax, answerTimeoutMs),
    forcePathStyle: target.endpoint !== null,
    followRegionRedirects: target.endpoint === null,
    // Checksums are verified where they are cheap: src/source/download.ts.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}
