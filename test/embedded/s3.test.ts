import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { generateLines } from '../../src/embedded/s3/lines.ts';
import { startLocalS3 } from '../../src/embedded/s3.ts';

it('takes uploads on both sides of the part size, and serves them unaltered', async () => {
  const s3 = await startLocalS3();
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  });
  const part = 8 * 1024 * 1024;
  const lines = generateLines({ sizeBytes: 2 * part + 2000, lineBytes: 1000 });
  await s3.createBucket('bucket');
  for (const bytes of [0, 1, part, part + 1, 2 * part + 1]) {
    const ETag = await s3.upload('bucket', `k${bytes}`, lines.subarray(0, bytes));
    const got = await client.send(
      new GetObjectCommand({ Bucket: 'bucket', Key: `k${bytes}`, IfMatch: ETag }),
    );
    const body = Buffer.from(await got.Body!.transformToByteArray());
    expect(body.equals(lines.subarray(0, bytes)), `${bytes} bytes`).toBe(true);
  }
  const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
  expect(KeyCount).toBe(5);
  client.destroy();
  await s3.close();
  await s3.close();
});
