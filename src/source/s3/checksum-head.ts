/**
 * Checksum head: asks S3 what checksum it holds of an object that is read in ranges.
 * Takes  an object. Gives its checksum, or null where S3 holds none of the whole object, or of another version.
 * Never  retries: without an answer the object is carried all the same, and counts as not proven.
 */
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { isSameEtag, isStandIn } from '../../aws/etag.ts';
import { type Checksum, checksumIn } from '../checksum.ts';
import type { SourceObject } from '../object.ts';

/** @throws What the client throws. */
export async function askChecksum(
  client: S3Client,
  { bucket, key, etag }: SourceObject,
  isRequesterPays: boolean,
  signal: AbortSignal,
): Promise<Checksum | null> {
  const command = new HeadObjectCommand({
    Bucket: bucket,
    Key: key,
    ChecksumMode: 'ENABLED',
    ...(isRequesterPays && { RequestPayer: 'requester' as const }),
  });
  const output = await client.send(command, { abortSignal: signal });
  const isNamed = etag !== '' && !isStandIn(etag);
  if (!isNamed || output.ETag === undefined || !isSameEtag(etag, output.ETag)) return null;
  const named: Record<string, string | undefined> = {
    'x-amz-checksum-type': output.ChecksumType,
    'x-amz-checksum-crc32': output.ChecksumCRC32,
    'x-amz-checksum-crc32c': output.ChecksumCRC32C,
    'x-amz-checksum-crc64nvme': output.ChecksumCRC64NVME,
  };
  return checksumIn((name) => named[name]);
}
