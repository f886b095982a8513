/**
 * Idiomatic: S3 to Kinesis as a careful Node programmer writes it in an afternoon; the contender of end-to-end.ts.
 * Takes  BUCKET PREFIX STREAM POINTER [OBJECTS-AT-ONCE]; endpoints from the environment.
 * Gives  one JSON line: records sent.
 * Uses   the SDK's GetObject, readline over the body, JSON.parse for each line, p-limit for objects and requests, PutRecords of 500
 *        with the refused records sent again, and keep-alive HTTP/1.1 (the SDK's own choice for Kinesis is slower).
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { KinesisClient, PutRecordsCommand, type PutRecordsRequestEntry } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { loadContender } from './load.ts';

type Limit = <T>(work: () => Promise<T>) => Promise<T>;

const BATCH_RECORDS = 500;
const BATCH_BYTES = 5 << 20;
const PUTS_AT_ONCE = 8;

const [bucket, prefix, stream, pointer, objectsAtOnce = '8'] = process.argv.slice(2);
const path = pointer!.slice(1).split('/');
const pLimit = (await loadContender('p-limit')) as { default: (count: number) => Limit } | null;
if (pLimit === null) throw new Error('p-limit is not installed: npm ci --prefix bench');
const objectLimit = pLimit.default(Number(objectsAtOnce));
const putLimit = pLimit.default(PUTS_AT_ONCE);
const s3 = new S3Client({ forcePathStyle: true });
const kinesis = new KinesisClient({ requestHandler: new NodeHttpHandler() });
let sent = 0;

async function put(entries: PutRecordsRequestEntry[]): Promise<void> {
  let left = entries;
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 100 * 2 ** attempt));
    const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records: left }));
    left = answer.FailedRecordCount
      ? left.filter((_, i) => answer.Records?.[i]?.ErrorCode !== undefined)
      : [];
  }
  sent += entries.length;
}

async function carry(key: string): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const lines = createInterface({ input: Body as Readable, crlfDelay: Number.POSITIVE_INFINITY });
  let batch: PutRecordsRequestEntry[] = [];
  let batchBytes = 0;
  const puts = new Set<Promise<void>>();
  const flush = async () => {
    const full = batch;
    batch = [];
    batchBytes = 0;
    const done = putLimit(() => put(full)).finally(() => puts.delete(done));
    puts.add(done);
    // Bounded by hand, or a fast origin fills the heap.
    if (puts.size >= 2) await Promise.race(puts);
  };
  for await (const line of lines) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      console.error(`bad line in ${key}`);
      continue;
    }
    const partitionKey = path.reduce((at, name) => (at as Record<string, unknown>)?.[name], value);
    const data = Buffer.from(line);
    batch.push({ Data: data, PartitionKey: String(partitionKey) });
    batchBytes += data.length + 256;
    if (batch.length >= BATCH_RECORDS || batchBytes >= BATCH_BYTES) await flush();
  }
  if (batch.length > 0) await flush();
  await Promise.all(puts);
}

const work: Promise<void>[] = [];
for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
  for (const { Key } of page.Contents ?? []) work.push(objectLimit(() => carry(Key!)));
}
await Promise.all(work);
console.log(JSON.stringify({ records: sent }));
process.exit(0);
