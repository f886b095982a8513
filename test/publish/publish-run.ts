/** Publish run: records in one lane, through a publisher, into an embedded Kinesis with faults. Ten times as fast as the wall. */
import { expect } from 'vitest';
import { createKinesisCaller, createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { createRandom } from '../../src/base/random.ts';
import { createDigester } from '../../src/digest/digest.ts';
import { type KinesisFault, type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { RecordPutter } from '../../src/publish/kinesis/put-records.ts';
import { listOpenShards } from '../../src/publish/kinesis/stream-probe.ts';
import { Publisher } from '../../src/publish/publisher.ts';
import type { PublishNotice, PublishRules } from '../../src/publish/setup.ts';
import { statsRow } from '../../src/publish/stats.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { countersOf } from '../../src/ring/slices.ts';
import { Doorbell } from '../../src/ring/wait.ts';
import { consume, type HashRange } from '../chaos/consumer.ts';
import { portable } from './codecs.ts';
import { framesOf, record, type TestRecord } from './frames.ts';
import { setupOf } from './publishing.ts';

const closers: (() => Promise<void> | void)[] = [];

/** After each test: closes what its trials opened. */
export async function release(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export interface Outcome {
  readonly error: { code: string; exitCode: number; message: string } | null;
  readonly stats: Float64Array;
  readonly notices: PublishNotice[];
  readonly acknowledged: number;
  readonly kinesis: LocalKinesis;
  /** Sequences of data by partition key, as the stream holds them. */
  readonly stored: Map<string, string[]>;
}

export interface Trial {
  readonly records: readonly TestRecord[];
  readonly shardCount?: number;
  readonly faults?: readonly KinesisFault[];
  readonly rules?: Partial<PublishRules>;
  readonly isProvisioned?: boolean;
  /** Chance. Default: seeded. */
  readonly random?: () => number;
  /** Runs after the shards were listed, before the first record is sent: what the publisher cannot know yet. */
  readonly meanwhile?: (kinesis: LocalKinesis) => void;
}

/** Publishes records that stand in one lane, flushed, to an embedded Kinesis. */
export async function publish(trial: Trial): Promise<Outcome> {
  const kinesis = await startLocalKinesis({
    streams: { s: trial.shardCount ?? 2 },
    faults: trial.faults ?? [],
  });
  closers.push(() => kinesis.close());
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
  const arn = kinesis.streamArn('s');
  const target = { name: 's', id: arn, region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
  const client = createKinesisClient(target);
  closers.push(() => client.destroy());
  const frames = framesOf(trial.records);
  const shards = await listOpenShards(client, arn);
  const rules = { lingerMs: 1, ...trial.rules };
  const setup = setupOf(shards, rules, {
    target,
    lanes: [laneOf(frames)],
    traits: { isOnDemand: !trial.isProvisioned, isAutoDistributed: false, recordBytesMax: 1024 * 1024 },
  });
  trial.meanwhile?.(kinesis);
  const caller = await createKinesisCaller({
    client,
    wire: 'cbor',
    streamArn: arn,
    requestTimeoutMs: setup.rules.requestTimeoutMs,
  });
  closers.push(() => caller.close());
  const pool = new BufferPool(setup.bufferBytesMax);
  const notices: PublishNotice[] = [];
  const failed = Promise.withResolvers<void>();
  const publisher = new Publisher(setup, {
    codec: portable,
    pool,
    putter: new RecordPutter(caller, portable, pool, {
      wire: 'cbor',
      stream: arn,
      aggregateBytesMax: setup.rules.aggregateBytesMax,
      requestBytesMax: setup.rules.batchBytesMax,
      canPredictShard: true,
    }),
    listShards: () => listOpenShards(client, arn),
    post: (notice) => {
      notices.push(notice);
      if (notice.kind === 'failed') failed.resolve();
    },
    // Ten times as fast as the wall: the waits between tries are real, and short.
    nowMs: () => performance.now() * 10,
    random: trial.random ?? createRandom(7),
    digest: digestOf,
  });
  Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
  const run = publisher.run();
  // A publisher that has failed stays until it is asked what is left.
  await Promise.race([run, failed.promise]);
  Atomics.store(new Int32Array(setup.control), 0, PHASE.LEAVE);
  new Doorbell(setup.doorbells).ringAll();
  await run;
  const failure = notices.find((notice) => notice.kind === 'failed');
  const error = failure?.kind === 'failed' ? failure.error : null;
  const stored = new Map<string, string[]>();
  if ((kinesis.call('ListStreams', {}) as { StreamNames: string[] }).StreamNames.includes('s')) {
    // As a consumer is shown them: aggregates are taken apart.
    for (const r of consume(kinesis.records('s'), rangesOf(kinesis))) {
      const list = stored.get(r.partitionKey) ?? [];
      list.push(Buffer.from(r.data).toString());
      stored.set(r.partitionKey, list);
    }
  }
  if (!error) expect(pool.outBytes).toBe(0);
  const acknowledged = countersOf(setup.slices).acknowledged.reduce((sum, n) => sum + n, 0);
  return { error, stats: statsRow(setup.stats, 0), notices, acknowledged, kinesis, stored };
}

/** Sums of the digests of a run of frames. */
export function digestOf(frames: Uint8Array) {
  const digester = createDigester(new Uint8Array(16));
  digester.addFrames(frames);
  return digester.sums();
}

export function numbered(count: number, keyCount = count): TestRecord[] {
  return Array.from({ length: count }, (_, i) =>
    record({ key: `k${i % keyCount}`, data: Buffer.from(`{"id":${i}}`), lineOffset: i }),
  );
}

export const idsOf = ({ stored }: Outcome) =>
  [...stored.values()].flat().map((data) => JSON.parse(data).id as number);
export const distinct = (ids: readonly number[]) => new Set(ids).size;

interface Listed {
  readonly Shards: {
    readonly ShardId: string;
    readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  }[];
}

function rangesOf(kinesis: LocalKinesis): Map<string, HashRange> {
  const { Shards } = kinesis.call('ListShards', { StreamName: 's' }) as Listed;
  return new Map(
    Shards.map(({ ShardId, HashKeyRange: { StartingHashKey, EndingHashKey } }) => [
      ShardId,
      { start: BigInt(StartingHashKey), end: BigInt(EndingHashKey) },
    ]),
  );
}
