/** Each service that test/services/install installs stands, answers, and is gone after its end. */
import {
  CreateStreamCommand,
  KinesisClient,
  ListShardsCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect, it, onTestFinished } from 'vitest';
import {
  ACCESS_KEY,
  SECRET_KEY,
  startKinesalite,
  startKinesisLocal,
  startMoto,
  startNginx,
  startVersitygw,
} from './installed.ts';
import type { Service } from './service.ts';
import { describeServices } from './suite.ts';

const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
const clientOf = ({ endpoint }: Service) => ({
  ...{ endpoint, region: 'us-east-1', credentials },
  requestHandler: new NodeHttpHandler(),
});

async function listed(service: Service): Promise<number | undefined> {
  const client = new KinesisClient(clientOf(service));
  onTestFinished(() => client.destroy());
  await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 3 }));
  await waitUntilStreamExists(
    { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { StreamName: 'orders' },
  );
  return (await client.send(new ListShardsCommand({ StreamName: 'orders' }))).Shards?.length;
}

describeServices('an installed service', () => {
  it.each([
    { name: 'moto', start: startMoto },
    { name: 'kinesis-local', start: startKinesisLocal },
    { name: 'kinesalite', start: startKinesalite },
  ])('$name makes a stream of three shards, and is gone after its end', async ({ start }) => {
    const service = await start();
    onTestFinished(() => service.close());
    expect(await listed(service)).toBe(3);
    await service.close();
    await expect(fetch(service.endpoint)).rejects.toThrow('fetch failed');
  });

  it('versitygw has the bucket, and is gone after its end', async () => {
    const service = await startVersitygw('history');
    onTestFinished(() => service.close());
    const client = new S3Client({ ...clientOf(service), forcePathStyle: true });
    onTestFinished(() => client.destroy());
    const { $metadata } = await client.send(new HeadBucketCommand({ Bucket: 'history' }));
    expect($metadata.httpStatusCode).toBe(200);
    await service.close();
    await expect(fetch(service.endpoint)).rejects.toThrow('fetch failed');
  });

  it('nginx refuses a body that is too large, and is gone after its end', async () => {
    const service = await startNginx('client_max_body_size 1k; location / { return 200; }');
    onTestFinished(() => service.close());
    const { status } = await fetch(service.endpoint, { method: 'POST', body: 'x'.repeat(2_000) });
    expect(status).toBe(413);
    await service.close();
    await expect(fetch(service.endpoint)).rejects.toThrow('fetch failed');
  });
});
