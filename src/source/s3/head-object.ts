/**
 * Head object: what S3 says of one object without giving it.
 * Takes  a location. Gives  the headers of the answer, by name.
 * Never  retries, or says why a HEAD was refused: its answer has no body (heads.ts).
 */
import type { S3Calls } from './calls.ts';
import type { S3Location } from './uri.ts';

export type HeaderOf = (name: string) => string | undefined;

/** @param isChecksumAsked Whether the checksum that S3 holds is to be named. @throws As the call, or as the SDK. */
export async function headObject(
  calls: S3Calls,
  { bucket, key }: S3Location,
  isChecksumAsked: boolean,
  signal: AbortSignal | undefined,
): Promise<HeaderOf> {
  const headers: Record<string, string> = isChecksumAsked ? { 'x-amz-checksum-mode': 'ENABLED' } : {};
  const answer = await calls.askWhole({ method: 'HEAD', bucket, key, headers }, signal);
  if (answer !== null) return (name) => answer.headers[name];
  const { HeadObjectCommand } = await import('@aws-sdk/client-s3');
  const client = await calls.way.client();
  const command = new HeadObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(isChecksumAsked && { ChecksumMode: 'ENABLED' as const }),
    ...(calls.requesterPays && { RequestPayer: 'requester' as const }),
  });
  const output = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
  const named: Record<string, string | undefined> = {
    etag: output.ETag,
    'content-length': output.ContentLength?.toString(),
    'last-modified': output.LastModified?.toUTCString(),
    'x-amz-restore': output.Restore,
    'x-amz-storage-class': output.StorageClass,
    'x-amz-checksum-type': output.ChecksumType,
    'x-amz-checksum-crc32': output.ChecksumCRC32,
    'x-amz-checksum-crc32c': output.ChecksumCRC32C,
    'x-amz-checksum-crc64nvme': output.ChecksumCRC64NVME,
  };
  return (name) => named[name];
}
