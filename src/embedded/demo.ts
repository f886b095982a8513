/**
 * Demo: the whole job on one machine, without AWS.
 * Takes  nothing but free ports on loopback.
 * Gives  the report of a real backfill from the embedded S3 to the embedded Kinesis, and the proof that the stream holds every
 *        valid line, byte for byte, and nothing else.
 * Owns   the two servers and the sample data. The backfill is the one that users run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { exempt } from '../aws/proxy.ts';
import { MIB } from '../base/limits.ts';
import type { BackfillReport } from '../observe/report.ts';
import { parseBackfillOptions } from '../options/backfill.ts';
import { backfill } from '../run/engine.ts';
import type { BackfillHooks } from '../run/hooks.ts';
import { readStreamAt } from '../stream/read-stream.ts';
import { type LocalKinesis, startLocalKinesis } from './kinesis.ts';
import { type LocalS3, startLocalS3 } from './s3.ts';
import { BAD_LINES, sampleOrders } from './sample-orders.ts';

export const DEMO_BUCKET = 'millrace-demo';
export const DEMO_STREAM = 'orders';
const SHARD_COUNT = 8;
const SMALL_OBJECT_COUNT = 6;
const SMALL_OBJECT_LINES = 4_000;
/** About 35 MiB: more than two segments, so that one object is read in parts. */
const LARGE_OBJECT_LINES = 150_000;

/** What the stream was found to hold. */
export interface DemoProof {
  readonly sourceRecords: number;
  readonly streamRecords: number;
  readonly missing: number;
  readonly foreign: number;
}

export interface DemoResult {
  readonly report: BackfillReport;
  readonly proof: DemoProof;
  readonly servers: { readonly s3: LocalS3; readonly kinesis: LocalKinesis };
  /** Where journal and dead letters are. */
  readonly folder: string;
  /** Stops the servers and removes the folder. */
  close(): Promise<void>;
}

/** Runs the demo. The caller closes the result. */
export async function runDemo(hooks: BackfillHooks = {}): Promise<DemoResult> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  const [s3, kinesis] = await Promise.all([
    startLocalS3(),
    startLocalKinesis({ streams: { [DEMO_STREAM]: SHARD_COUNT } }),
  ]);
  const close = async () => {
    await Promise.all([s3.close(), kinesis.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    kinesis.call('UpdateStreamMode', {
      StreamARN: kinesis.streamArn(DEMO_STREAM),
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
    });
    // The embedded servers accept any credentials; real ones are neither needed nor used.
    process.env.AWS_ACCESS_KEY_ID = 'demo';
    process.env.AWS_SECRET_ACCESS_KEY = 'demo';
    delete process.env.AWS_SESSION_TOKEN;
    delete process.env.AWS_PROFILE;
    for (const { endpoint } of [s3, kinesis]) exempt(endpoint);
    const source = await uploadSamples(s3);
    const options = parseBackfillOptions([`s3://${DEMO_BUCKET}/orders/`], {
      stream: DEMO_STREAM,
      'partition-key': '/customer/id',
      region: 'us-east-1',
      's3-endpoint-url': s3.endpoint,
      'kinesis-endpoint-url': kinesis.endpoint,
      journal: join(folder, 'demo.journal'),
    });
    const report = await backfill(options, hooks);
    hooks.signal?.throwIfAborted();
    const proof = await compare(source, kinesis, hooks.signal);
    return { report, proof, servers: { s3, kinesis }, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Uploads plain and compressed objects, one of them large, with a few bad lines. @returns Every valid line, with its count. */
async function uploadSamples(s3: LocalS3): Promise<Map<string, number>> {
  await s3.createBucket(DEMO_BUCKET);
  const valid = new Map<string, number>();
  const put = async (key: string, lines: Buffer, stored: Buffer) => {
    for (const line of lines.toString('latin1').split('\n')) {
      if (line !== '') valid.set(line, (valid.get(line) ?? 0) + 1);
    }
    await s3.upload(DEMO_BUCKET, key, stored);
  };
  for (let day = 1; day <= SMALL_OBJECT_COUNT; day++) {
    const lines = sampleOrders(day, SMALL_OBJECT_LINES);
    const isCompressed = day % 2 === 0;
    const key = `orders/2025-03-0${day}.jsonl${isCompressed ? '.gz' : ''}`;
    await put(key, lines, isCompressed ? gzipSync(lines) : lines);
  }
  const large = sampleOrders(7, LARGE_OBJECT_LINES);
  await put('orders/2025-03-07.jsonl', large, large);
  if (large.byteLength <= 32 * MIB) throw new Error(`The large object has only ${large.byteLength} bytes`);
  const last = sampleOrders(8, 10);
  const bad = BAD_LINES.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]);
  await put('orders/2025-03-08.jsonl', last, Buffer.concat([last, ...bad, Buffer.from('\n\r\n')]));
  return valid;
}

/** Reads the stream back over its API and compares it with the source as a multiset of byte strings. */
async function compare(
  source: ReadonlyMap<string, number>,
  kinesis: LocalKinesis,
  signal: AbortSignal | undefined,
): Promise<DemoProof> {
  const left = new Map(source);
  let streamRecords = 0;
  let foreign = 0;
  const target = { region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
  const reader = readStreamAt(target, {
    ...{ stream: DEMO_STREAM, untilMs: Date.now() + 1, pollIntervalMs: 50 },
    ...(signal && { signal }),
  });
  try {
    for await (const batch of reader) {
      for (const record of batch.records()) {
        streamRecords++;
        const line = Buffer.from(record.data).toString('latin1');
        const count = left.get(line) ?? 0;
        if (count === 0) foreign++;
        else left.set(line, count - 1);
      }
    }
  } finally {
    await reader.close();
  }
  const sum = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((total, count) => total + count, 0);
  return { sourceRecords: sum(source), streamRecords, missing: sum(left), foreign };
}
