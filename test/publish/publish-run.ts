/** Publish run: records in one lane, through a publisher, into an embedded Kinesis with faults. Ten times as fast as the wall. */
import { expect } from 'vitest';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { KinesisControl } from '../../src/aws/kinesis-control.ts';
import { createKinesisCaller, wayOf } from '../../src/aws/kinesis-way.ts';
import { type KinesisFault, type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { KinesisSink } from '../../src/publish/kinesis/sink.ts';
import { listOpenShards } from '../../src/publish/kinesis/stream-probe.ts';
import type { PublishRules } from '../../src/publish/setup.ts';
import { consume, type HashRange } from '../chaos/consumer.ts';
import { framesOf, record, type TestRecord } from './frames.ts';
import { portablePut } from './kinesis/put-codecs.ts';
import { type PublisherOutcome, runPublisher } from './publisher-run.ts';
import { setupOf, TRAITS } from './publishing.ts';

const closers: (() => Promise<void> | void)[] = [];

/** After each test: closes what its trials opened. */
export async function release(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export interface Outcome extends PublisherOutcome {
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
  /** Runs before the publisher has the sink. */
  readonly onSink?: (sink: KinesisSink) => void;
}

/** Publishes records that stand in one lane, flushed, to an embedded Kinesis. */
export async function publish(trial: Trial): Promise<Outcome> {
  const kinesis = await startLocalKinesis({
    streams: { s: trial.shardCount ?? 2 },
    faults: trial.faults ?? [],
    verifyPayloadHash: true,
  });
  closers.push(() => kinesis.close());
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
  const arn = kinesis.streamArn('s');
  const target = { region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
  const client = createKinesisClient(target);
  closers.push(() => client.destroy());
  const frames = framesOf(trial.records);
  const shards = await listOpenShards(new KinesisControl(wayOf(client)), arn);
  const rules = { lingerMs: 1, ...trial.rules };
  const setup = setupOf(shards, rules, {
    lanes: [laneOf(frames)],
    traits: { ...TRAITS, isOnDemand: !trial.isProvisioned },
  });
  trial.meanwhile?.(kinesis);
  const caller = await createKinesisCaller({
    way: wayOf(client),
    wire: 'cbor',
    streamArn: arn,
    requestTimeoutMs: setup.rules.requestTimeoutMs,
  });
  closers.push(() => caller.close());
  const pool = new BufferPool(setup.bufferBytesMax);
  const sink = new KinesisSink({
    address: { target, streamName: 's', streamId: arn, wire: 'cbor' },
    caller,
    codec: portablePut,
    pool,
    options: {
      aggregateBytesMax: setup.rules.aggregateBytesMax,
      requestBytesMax: setup.rules.batchBytesMax,
      canPredictShard: true,
    },
  });
  trial.onSink?.(sink);
  const outcome = await runPublisher(setup, sink, pool, trial.random);
  const stored = new Map<string, string[]>();
  if ((kinesis.call('ListStreams', {}) as { StreamNames: string[] }).StreamNames.includes('s')) {
    // As a consumer is shown them: aggregates are taken apart.
    for (const r of consume(kinesis.records('s'), rangesOf(kinesis))) {
      const list = stored.get(r.partitionKey) ?? [];
      list.push(Buffer.from(r.data).toString());
      stored.set(r.partitionKey, list);
    }
  }
  if (!outcome.error) expect(pool.outBytes).toBe(0);
  return { ...outcome, kinesis, stored };
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
