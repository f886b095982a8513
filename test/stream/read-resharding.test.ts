import { describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { readStream } from '../../src/stream/read-stream.ts';
import type { StreamRecord } from '../../src/stream/stream-batch.ts';
import { FAST, type Fixture, idsOf, numbered, range, useFixtures } from './fixture.ts';
import { startMeddler } from './meddler.ts';

const fixture = useFixtures();

describe('resharding', () => {
  /** Records of one key, numbered, so that order can be seen across parents and children. */
  const sameKey = (from: number) => numbered(20, from).map(({ data }) => ({ key: 'same', data }));
  const split = (f: Fixture, ShardToSplit: string, NewStartingHashKey: bigint) =>
    f.kinesis.call('SplitShard', {
      StreamName: 's',
      ShardToSplit,
      NewStartingHashKey: `${NewStartingHashKey}`,
    });
  const merge = (f: Fixture, ShardToMerge: string, AdjacentShardToMerge: string) =>
    f.kinesis.call('MergeShards', { StreamName: 's', ShardToMerge, AdjacentShardToMerge });
  const inOrder = (records: readonly StreamRecord[]) =>
    records.map(({ data }) => JSON.parse(Buffer.from(data).toString()).id as number);

  it('before reading: parents come before children, through splits and merges', async () => {
    const f = await fixture();
    await f.put(sameKey(0));
    split(f, 'shardId-000000000000', 2n ** 127n);
    await f.put(sameKey(20));
    merge(f, 'shardId-000000000001', 'shardId-000000000002');
    await f.put(sameKey(40));
    split(f, 'shardId-000000000003', 2n ** 126n);
    await f.put(sameKey(60));
    expect(inOrder(await f.readAll({ recordsPerCall: 7 }))).toEqual(range(80));
  });

  it('while reading: every record comes once, and in order per key', async () => {
    const f = await fixture();
    await f.put(sameKey(0));
    const steps = [
      async () => {
        split(f, 'shardId-000000000000', 2n ** 127n);
        await f.put(sameKey(20));
      },
      async () => {
        merge(f, 'shardId-000000000001', 'shardId-000000000002');
        await f.put(sameKey(40));
      },
    ];
    const records: StreamRecord[] = [];
    for await (const batch of readStream({ client: f.client, stream: 's', recordsPerCall: 5, ...FAST })) {
      records.push(...batch.records());
      if (records.length % 20 === 0) await steps.shift()?.();
      if (records.length === 60) break;
    }
    expect(inOrder(records)).toEqual(range(60));
  });

  it('goes on in the children of a shard that never says that it is read to its end', async () => {
    process.env.AWS_ACCESS_KEY_ID = 'a';
    process.env.AWS_SECRET_ACCESS_KEY = 'b';
    const f = await fixture();
    await f.put(sameKey(0));
    split(f, 'shardId-000000000000', 2n ** 127n);
    await f.put(sameKey(20));
    let kept = 0;
    const service = await startMeddler(f.kinesis.endpoint, {
      after({ operation, body }, said) {
        if (operation !== 'GetRecords' || said.status !== 200) return said;
        const { ChildShards: _, ...answer } = JSON.parse(said.body.toString());
        if (answer.NextShardIterator) return said;
        kept++;
        const last = answer.Records.at(-1);
        const after = {
          ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
          StartingSequenceNumber: last?.SequenceNumber,
        };
        const place = { StreamName: 's', ShardId: 'shardId-000000000000' };
        const { ShardIterator } = last
          ? (f.kinesis.call('GetShardIterator', { ...place, ...after }) as { ShardIterator: string })
          : JSON.parse(body.toString());
        return {
          ...said,
          body: Buffer.from(JSON.stringify({ ...answer, NextShardIterator: ShardIterator })),
        };
      },
    });
    const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint: service.endpoint });
    f.alsoCloses.push({ close: async () => client.destroy() }, service);
    const records: StreamRecord[] = [];
    const options = {
      client,
      stream: 's',
      wire: 'json' as const,
      untilMs: Date.now(),
      recordsPerCall: 7,
      ...FAST,
    };
    for await (const batch of readStream(options)) records.push(...batch.records());
    expect(inOrder(records)).toEqual(range(40));
    expect(kept).toBeGreaterThan(0);
  });

  it('does not wait for parents that were never listed', async () => {
    const f = await fixture({ streams: { s: 2 } });
    await f.put(numbered(30));
    expect(idsOf(await f.readAll({ shardIds: ['shardId-000000000001'] }))).not.toHaveLength(30);
  });
});
