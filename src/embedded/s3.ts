/**
 * LocalS3: the embedded S3 for demo and tests: `fauxqs`, with all its answers, and uploads that fit its request limit.
 * Start: `const s3 = await startLocalS3(); await s3.upload('bucket', 'key', bytes)`. For benches take fast-s3.ts: this one serves 150 MB/s.
 * Owns   the server and one client for uploads. Loopback and memory only.
 */
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { MIB } from '../base/limits.ts';

/** fauxqs takes 11 MiB a request. */
const PART_BYTES = 8 * MIB;

export interface LocalS3 {
  /** E.g. `http://127.0.0.1:4567`; path-style addresses. */
  readonly endpoint: string;
  readonly port: number;
  createBucket(bucket: string): Promise<void>;
  /** Objects over 8 MiB go in parts. @returns the object's ETag. */
  upload(bucket: string, key: string, body: Uint8Array): Promise<string>;
  /** May be called again. */
  close(): Promise<void>;
}

/** @param options `port` 0 (default) takes any free one; `region` us-east-1. */
export async function startLocalS3(options: { port?: number; region?: string } = {}): Promise<LocalS3> {
  // Loaded here: every command's start would pay for it.
  const { startFauxqs } = await import('fauxqs');
  const server = await startFauxqs({
    port: options.port ?? 0,
    host: '127.0.0.1',
    logger: false,
    defaultRegion: options.region ?? 'us-east-1',
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const client = new S3Client({
    endpoint,
    region: options.region ?? 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  let closed: Promise<void> | undefined;
  return {
    endpoint,
    port: server.port,
    createBucket: async (bucket) => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
    },
    upload: (bucket, key, body) => upload(client, bucket, key, body),
    close: () => {
      client.destroy();
      closed ??= server.stop();
      return closed;
    },
  };
}

async function upload(client: S3Client, bucket: string, key: string, body: Uint8Array): Promise<string> {
  const target = { Bucket: bucket, Key: key };
  if (body.length <= PART_BYTES) {
    const { ETag } = await client.send(new PutObjectCommand({ ...target, Body: body }));
    return ETag!;
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
  const parts: { PartNumber: number; ETag: string }[] = [];
  for (let at = 0; at < body.length; at += PART_BYTES) {
    const PartNumber = parts.length + 1;
    const part = { ...target, UploadId, PartNumber, Body: body.subarray(at, at + PART_BYTES) };
    const { ETag } = await client.send(new UploadPartCommand(part));
    parts.push({ PartNumber, ETag: ETag! });
  }
  const complete = { ...target, UploadId, MultipartUpload: { Parts: parts } };
  const { ETag } = await client.send(new CompleteMultipartUploadCommand(complete));
  return ETag!;
}
