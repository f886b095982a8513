import { afterEach, describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../../src/aws/kinesis-client.ts';
import { KinesisControl } from '../../../src/aws/kinesis-control.ts';
import { createKinesisCaller, wayOf } from '../../../src/aws/kinesis-way.ts';
import { KIB, MIB } from '../../../src/base/limits.ts';
import { type KinesisFault, startLocalKinesis } from '../../../src/embedded/kinesis.ts';
import type { Batch } from '../../../src/publish/batch.ts';
import { BufferPool } from '../../../src/publish/buffer-pool.ts';
import type { PutCodec } from '../../../src/publish/kinesis/put-codec.ts';
import { type PutOptions, RecordPutter } from '../../../src/publish/kinesis/put-records.ts';
import { listOpenShards } from '../../../src/publish/kinesis/stream-probe.ts';
import { VERDICT } from '../../../src/publish/sink.ts';
import { shardsWithin } from '../../../src/record/hash-range.ts';
import { framesOf, record, type TestRecord } from '../frames.ts';
import { HASH_KEYS } from '../publishing.ts';
import { putCodecs } from './put-codecs.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(
  codec: PutCodec,
  options: Partial<PutOptions> = {},
  faults: readonly KinesisFault[] = [],
) {
  const kinesis = await startLocalKinesis({ streams: { s: 1 }, faults });
  closers.push(() => kinesis.close());
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
  const streamArn = kinesis.streamArn('s');
  const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint: kinesis.endpoint });
  const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor', streamArn });
  closers.push(
    () => client.destroy(),
    () => caller.close(),
  );
  const pool = new BufferPool(64 * MIB);
  const putter = new RecordPutter(caller, codec, pool, {
    wire: 'cbor',
    stream: streamArn,
    aggregateBytesMax: null,
    requestBytesMax: 10 * MIB,
    canPredictShard: true,
    ...options,
  });
  const shards = await listOpenShards(new KinesisControl(wayOf(client)), streamArn);
  const [shard] = shardsWithin(shards, { start: 0n, end: HASH_KEYS - 1n });
  const stored = () => [...kinesis.records('s')].length;
  return { kinesis, pool, putter, shard: shard!, stored };
}

/** Records of these sizes, data plus a key of six bytes, in one batch. */
function batchOf(sizes: readonly number[]): Batch {
  const records: TestRecord[] = sizes.map((bytes, i) =>
    record({ key: String(i).padStart(6, '0'), data: Buffer.alloc(bytes - 6, i) }),
  );
  const buffer = framesOf(records);
  const payloadBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return { buffer, bytes: buffer.byteLength, count: sizes.length, payloadBytes, failures: 0, isRetry: false };
}

const of = (count: number, bytes: number) => new Array<number>(count).fill(bytes);

describe.each(putCodecs)('RecordPutter with the $kind put codec', (codec) => {
  it.each([
    { name: '500 records', sizes: of(500, 20), refused: null },
    { name: '501 records', sizes: of(501, 20), refused: 'ValidationException' },
    { name: '10 MiB to the byte', sizes: of(10, MIB), refused: null },
    { name: '10 MiB and a byte', sizes: [...of(9, MIB), MIB - 20, 21], refused: 'InvalidArgumentException' },
  ])(
    'counts as the service counts: $name in a request, refused with $refused',
    async ({ sizes, refused }) => {
      const { pool, putter, shard, stored } = await start(codec);
      const put = putter.put(batchOf(sizes), shard);
      if (refused === null) {
        const { verdict, frames } = await put;
        expect([frames, verdict.counts]).toEqual([sizes.length, [sizes.length, 0, 0, 0]]);
      } else await expect(put).rejects.toMatchObject({ awsCode: refused, isAmbiguous: false });
      expect([stored(), pool.outBytes]).toEqual([refused === null ? sizes.length : 0, 0]);
    },
  );

  // Records that leave no room for a second one in their aggregate travel raw, in entries of their own.
  it.each([
    { name: '500 entries', aggregateBytesMax: 20_000, sizes: of(600, 18_000), frames: 500 },
    { name: '10 MiB', aggregateBytesMax: 600 * KIB, sizes: of(24, 512 * KIB), frames: 20 },
  ])('sends $name at most where records are aggregated, and says how many records went', async (one) => {
    const { aggregateBytesMax, sizes, frames } = one;
    const { pool, putter, shard, stored } = await start(codec, { aggregateBytesMax });
    const answer = await putter.put(batchOf(sizes), shard);
    expect([answer.frames, answer.verdict.counts[VERDICT.STORED]]).toEqual([frames, frames]);
    expect([answer.misrouted, stored(), pool.outBytes]).toEqual([[], frames, 0]);
  });

  it('gives each record the verdict of its aggregate', async () => {
    const { putter, shard, stored } = await start(codec, { aggregateBytesMax: 1_000 }, [
      { kind: 'throttle', first: 1 },
    ]);
    const { frames, framesBytes, frameVerdicts, misrouted } = await putter.put(
      batchOf([300, 300, 900, 300]),
      shard,
    );
    expect(misrouted).toEqual([]);
    expect([...frameVerdicts]).toEqual([
      VERDICT.THROTTLED,
      VERDICT.THROTTLED,
      VERDICT.STORED,
      VERDICT.STORED,
    ]);
    expect([frames, framesBytes, stored()]).toEqual([4, batchOf([300, 300, 900, 300]).bytes, 2]);
  });

  it('names each aggregate that strayed, with the shard that has it, and no record that travelled alone', async () => {
    const { putter, shard } = await start(codec, { aggregateBytesMax: 1_000 });
    const { frameVerdicts, misrouted } = await putter.put(batchOf([300, 300, 900, 400, 300]), {
      ...shard,
      shardId: 'another',
    });
    expect([...frameVerdicts]).toEqual(new Array(5).fill(VERDICT.MISROUTED));
    expect(misrouted).toEqual([
      { firstFrame: 0, frames: 2, shardId: shard.shardId },
      { firstFrame: 3, frames: 2, shardId: shard.shardId },
    ]);
  });

  it.each([
    { canPredictShard: true, verdict: VERDICT.MISROUTED },
    { canPredictShard: false, verdict: VERDICT.STORED },
  ])(
    'calls a record stray where its shard can be predicted: $canPredictShard',
    async ({ canPredictShard, verdict }) => {
      const { putter, shard } = await start(codec, { canPredictShard });
      const { frameVerdicts } = await putter.put(batchOf([20]), { ...shard, shardId: 'another' });
      expect([...frameVerdicts]).toEqual([verdict]);
    },
  );

  it.each([
    { fault: { kind: 'garble' }, isAmbiguous: true, stored: 1 },
    { fault: { kind: 'reset', when: 'after' }, isAmbiguous: true, stored: 1 },
    { fault: { kind: 'error', code: 'AccessDeniedException' }, isAmbiguous: false, stored: 0 },
  ] as const)(
    'says whether records may have been stored after $fault, and gives the memory back',
    async (one) => {
      const { kinesis, pool, putter, shard, stored } = await start(codec, {}, [one.fault]);
      await expect(putter.put(batchOf([20]), shard)).rejects.toMatchObject({ isAmbiguous: one.isAmbiguous });
      expect([stored(), pool.outBytes]).toEqual([one.stored, 0]);
      expect(kinesis.stats().faultsFired[one.fault.kind]).toBe(1);
    },
  );
});
