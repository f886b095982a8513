/**
 * Carrier: a contender that is right or wrong on demand, for peers.test.ts.
 * Takes  what it does to the lines: nothing, drop, twice or alter. Carries the first object of a bench's origin, one record a request.
 */
import { KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const CHANGES = {
  nothing: (lines) => lines,
  drop: (lines) => lines.slice(1),
  twice: (lines) => [...lines, lines[0]],
  alter: ([first, ...rest]) => [first.replace('"u"', '"v"'), ...rest],
};
const s3 = new S3Client({ forcePathStyle: true });
const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'bench', Key: 'events/000000.jsonl' }));
const lines = (await Body.transformToString()).split('\n').filter(Boolean);
const kinesis = new KinesisClient({ requestHandler: new NodeHttpHandler() });
for (const line of CHANGES[process.argv[2]](lines))
  await kinesis.send(
    new PutRecordCommand({ StreamName: 'bench', PartitionKey: 'k', Data: Buffer.from(line) }),
  );
process.exit(0);
