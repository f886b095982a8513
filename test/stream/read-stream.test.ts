import { afterEach, describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { MillraceError } from '../../src/base/errors.ts';
import { Aggregate } from '../../src/record/aggregate.ts';
import type { StreamCheckpoint } from '../../src/stream/position.ts';
import {
  type ReaderClock,
  type ReadStreamOptions,
  readStream,
  wallClock,
} from '../../src/stream/read-stream.ts';
import type { ReadError } from '../../src/stream/shard-reader.ts';
import type { StreamRecord, Undecodable } from '../../src/stream/stream-batch.ts';
import { FAST, type Fixture, idsOf, numbered, startFixture } from './fixture.ts';
import { behindBy, type Meddling, startMeddler } from './meddler.ts';

const opened: { close(): Promise<void> }[] = [];
async function fixture(...args: Parameters<typeof startFixture>): Promise<Fixture> {
  const one = await startFixture(...args);
  opened.push(one);
  return one;
}
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const aggregate = (records: readonly { key: string; data: string }[]) => {
  const made = new Aggregate();
  for (const { key, data } of records) made.tryAdd(Buffer.from(key), null, Buffer.from(data), 1e9);
  return made.encode();
};

describe('reading everything', () => {
  it.each([1, 2, 7, 64])('gives every record of %i shards once', async (shards) => {
    const { put, readAll } = await fixture({ streams: { s: shards } });
    await put(numbered(2000));
    const records = await readAll();
    expect(idsOf(records)).toEqual(range(2000));
    expect(new Set(records.map(({ id }) => id)).size).toBe(2000);
    expect(new Set(records.map(({ shardId }) => shardId)).size).toBe(shards);
  });

  it('gives a record as it was put', async () => {
    const { kinesis, put, readAll } = await fixture();
    await put([{ key: 'ü', data: Uint8Array.of(0, 255, 10) }]);
    const [stored] = [...kinesis.records('s')];
    const [record] = await readAll();
    expect(record).toMatchObject({
      id: `s/shardId-000000000000/${stored!.sequenceNumber}`,
      sequenceNumber: stored!.sequenceNumber,
      subSequenceNumber: null,
      partitionKey: 'ü',
      data: Uint8Array.of(0, 255, 10),
    });
    expect(Math.abs(record!.arrivalMs - Date.now())).toBeLessThan(60_000);
  });

  it('keeps the order within a shard over many small calls', async () => {
    const { put, readAll } = await fixture();
    await put(numbered(100));
    const records = await readAll({ recordsPerCall: 3 });
    expect(records.map(({ data }) => JSON.parse(Buffer.from(data).toString()).id)).toEqual(range(100));
  });

  it('takes aggregates apart and numbers their parts', async () => {
    const { put, readAll } = await fixture();
    await put([{ key: 'a', data: aggregate(numbered(50)) }]);
    const records = await readAll();
    expect(idsOf(records)).toEqual(range(50));
    expect(records.map(({ subSequenceNumber }) => subSequenceNumber)).toEqual(range(50));
    expect(records[49]!.id).toBe(`s/shardId-000000000000/${records[0]!.sequenceNumber}/49`);
  });

  it('accepts the ARN in place of the name', async () => {
    const { kinesis, put, readAll } = await fixture();
    await put(numbered(3));
    expect((await readAll({ stream: kinesis.streamArn('s') }))[0]!.id).toMatch(/^s\/shardId/);
  });

  it('reads an endpoint that knows no CBOR', async () => {
    const { put, readAll } = await fixture({ streams: { s: 3 }, cbor: false });
    await put(numbered(200));
    expect(idsOf(await readAll())).toEqual(range(200));
  });

  it('reads portably', async () => {
    const { put, readAll } = await fixture({ streams: { s: 2 } });
    await put(numbered(200));
    expect(idsOf(await readAll({ decoder: 'portable' }))).toEqual(range(200));
  });

  it('follows the pages of ListShards', async () => {
    const { put, readAll } = await fixture({ streams: { s: 1100 } });
    await put(numbered(3000));
    expect(idsOf(await readAll())).toEqual(range(3000));
  });
});

describe('the end of reading', () => {
  /** Reads through a proxy, in JSON. */
  async function readBehind(meddling: Meddling, options: Partial<ReadStreamOptions> = {}) {
    process.env.AWS_ACCESS_KEY_ID = 'a';
    process.env.AWS_SECRET_ACCESS_KEY = 'b';
    const { kinesis, put } = await fixture();
    await put(numbered(10));
    const service = await startMeddler(kinesis.endpoint, meddling);
    const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint: service.endpoint });
    opened.push({ close: async () => client.destroy() }, service);
    const records: StreamRecord[] = [];
    const reader = readStream({
      client,
      stream: 's',
      wire: 'json',
      untilMs: Date.now(),
      ...FAST,
      ...options,
    });
    for await (const batch of reader) records.push(...batch.records());
    return records;
  }

  it.each([1, 1500])('comes for a shard that always stays %i ms behind', async (behindMs) => {
    expect(idsOf(await readBehind(behindBy(() => behindMs)))).toEqual(range(10));
  });

  it('fails, resumable, for a shard that brings nothing and falls ever further behind', async () => {
    const startedAtMs = Date.now();
    const stuck = behindBy(() => Date.now() - startedAtMs + 60_000);
    await expect(readBehind(stuck, { unavailableMs: 300 })).rejects.toMatchObject({
      code: 'MILLRACE_SERVICE_AWAY',
      exitCode: 3,
      message: expect.stringMatching(/shard shardId-0+ has brought nothing in \d+ s.* ms behind/),
    });
  });
});

describe('start positions', () => {
  it('begins with what arrived at a time', async () => {
    let nowMs = 1_000_000;
    const { put, readAll } = await fixture({ streams: { s: 2 }, nowMs: () => nowMs });
    await put(numbered(10));
    nowMs = 2_000_000;
    await put(numbered(10, 10));
    nowMs = 3_000_000;
    const records = await readAll({ start: { type: 'AT_TIMESTAMP', timestampMs: 2_000_000 } });
    expect(idsOf(records)).toEqual(range(10).map((i) => i + 10));
  });

  it.each([
    { type: 'AT_SEQUENCE_NUMBER', first: 4 },
    { type: 'AFTER_SEQUENCE_NUMBER', first: 5 },
  ] as const)('begins $type', async ({ type, first }) => {
    const { kinesis, put, readAll } = await fixture();
    await put(numbered(10));
    const { sequenceNumber } = [...kinesis.records('s')][4]!;
    const shards = { 'shardId-000000000000': { type, sequenceNumber } };
    const records = await readAll({ checkpoint: { version: 1, stream: 's', shards } });
    expect(idsOf(records)).toEqual(range(10).slice(first));
  });

  it('begins with what comes next, and goes on in the children of a shard that splits', async () => {
    const { client, kinesis, put } = await fixture();
    await put(numbered(5));
    const ids: number[] = [];
    const reader = readStream({ client, stream: 's', start: { type: 'LATEST' }, ...FAST });
    // The first answer is empty; from then on the reader is in place.
    const placed = setInterval(() => {
      if ((kinesis.stats().requestsByOperation.GetRecords ?? 0) === 0) return;
      clearInterval(placed);
      void put(numbered(5, 5))
        .then(() =>
          kinesis.call('SplitShard', {
            StreamName: 's',
            ShardToSplit: 'shardId-000000000000',
            NewStartingHashKey: `${2n ** 127n}`,
          }),
        )
        .then(() => put(numbered(5, 10)));
    }, 1);
    for await (const batch of reader) {
      ids.push(...idsOf([...batch.records()]));
      if (ids.length === 10) break;
    }
    expect(ids.sort((a, b) => a - b)).toEqual(range(15).slice(5));
  });
});

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
    opened.push({ close: async () => client.destroy() }, service);
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

describe('stopping and going on', () => {
  it('loses and repeats nothing, wherever it was stopped', async () => {
    const { client, kinesis, put } = await fixture({ streams: { s: 3 } });
    await put(numbered(60));
    kinesis.call('SplitShard', {
      StreamName: 's',
      ShardToSplit: 'shardId-000000000001',
      NewStartingHashKey: `${2n ** 127n}`,
    });
    await put(numbered(60, 60));
    const ids: number[] = [];
    let checkpoint: StreamCheckpoint | undefined;
    let stops = 0;
    for (let isDone = false; !isDone; stops++) {
      const reader = readStream({
        client,
        stream: 's',
        untilMs: Date.now(),
        recordsPerCall: 7,
        checkpoint,
        ...FAST,
      });
      let batches = 0;
      isDone = true;
      for await (const batch of reader) {
        // The third batch is asked for and not finished: it comes again.
        if (++batches === 3) {
          isDone = false;
          break;
        }
        ids.push(...idsOf([...batch.records()]));
      }
      checkpoint = JSON.parse(JSON.stringify(reader.checkpoint()));
      expect(stops).toBeLessThan(100);
    }
    expect(stops).toBeGreaterThan(5);
    expect(ids.sort((a, b) => a - b)).toEqual(range(120));
  });

  it.each([
    {
      name: 'another stream',
      checkpoint: { version: 1, stream: 'other', shards: {} },
      says: 'is of stream other',
    },
    {
      name: 'another version',
      checkpoint: { version: 2, stream: 's', shards: {} },
      says: 'not one that this version',
    },
    {
      name: 'something else',
      checkpoint: { version: 1, stream: 's', shards: { x: { type: 'NOW' } } },
      says: 'not one',
    },
  ])('refuses a checkpoint of $name', async ({ checkpoint, says }) => {
    const { client } = await fixture();
    expect(() => readStream({ client, stream: 's', checkpoint: checkpoint as StreamCheckpoint })).toThrow(
      says,
    );
  });

  it('leaves nothing running when it is closed, also with an answer in hand and shards at their tip', async () => {
    const { client, kinesis, put } = await fixture({ streams: { s: 8 } });
    await put(numbered(500));
    const reader = readStream({ client, stream: 's', pollIntervalMs: 1, callsInFlight: 2 });
    for await (const _ of reader) break;
    await reader.close();
    // What was sent before the end may still arrive.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = kinesis.stats().requests;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(kinesis.stats().requests).toBe(before);
    for await (const _ of reader) throw new Error('a closed reader gave a batch');
  });

  it('ends when it is closed while it waits at the tip', async () => {
    const { client } = await fixture();
    const reader = readStream({ client, stream: 's' });
    const ended = (async () => {
      for await (const _ of reader) throw new Error('the stream is empty');
    })();
    await new Promise((resolve) => setImmediate(resolve));
    await reader.close();
    await expect(ended).resolves.toBeUndefined();
  });

  it("throws its signal's reason", async () => {
    const { client } = await fixture();
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error('enough')));
    const read = async () => {
      for await (const _ of readStream({ client, stream: 's', signal: stop.signal }));
    };
    await expect(read()).rejects.toThrow('enough');
  });
});

describe('errors', () => {
  /** A clock of which no time passes but by sleeping. */
  const virtual = (): ReaderClock & { sleptMs: number[] } => {
    let now = Date.now() + 1;
    const sleptMs: number[] = [];
    return {
      sleptMs,
      nowMs: () => now,
      async sleep(durationMs) {
        sleptMs.push(durationMs);
        now += durationMs;
      },
    };
  };

  it.each([
    {
      name: 'throttling',
      fault: { kind: 'error', code: 'ProvisionedThroughputExceededException' },
      action: 'retry',
    },
    { name: 'internal failures', fault: { kind: 'error', code: 'InternalFailure' }, action: 'retry' },
    { name: 'cut connections', fault: { kind: 'reset' }, action: 'retry' },
    { name: 'garbled answers', fault: { kind: 'garble' }, action: 'retry' },
    {
      name: 'expired iterators',
      fault: { kind: 'error', code: 'ExpiredIteratorException' },
      action: 'renew-iterator',
    },
  ] as const)('survives $name, and tells of each', async ({ fault, action }) => {
    const f = await fixture({ streams: { s: 2 } });
    await f.put(numbered(100));
    f.kinesis.setFaults([{ ...fault, operation: 'GetRecords', probability: 0.5, times: 20, name: 'f' }]);
    const errors: ReadError[] = [];
    const records = await f.readAll({
      recordsPerCall: 4,
      clock: virtual(),
      onGetRecordsError: (error) => errors.push(error),
    });
    expect(idsOf(records)).toEqual(range(100));
    expect(errors.length).toBe(f.kinesis.stats().faultsFired.f);
    expect(errors.length).toBeGreaterThan(3);
    expect(new Set(errors.map((error) => error.action))).toEqual(new Set([action]));
  });

  it('waits longer after each failure, up to ten seconds, and gives up after the time that was set', async () => {
    const f = await fixture();
    f.kinesis.setFaults([{ kind: 'error', operation: 'GetRecords' }]);
    const clock = virtual();
    const failure = await f
      .readAll({ clock, unavailableMs: 60_000 })
      .catch((error: unknown) => error as MillraceError);
    expect(failure).toMatchObject({ code: 'MILLRACE_SERVICE_AWAY', exitCode: 3 });
    expect(clock.sleptMs.slice(0, 5).map((ms, i) => ms >= 125 * 2 ** i && ms <= 250 * 2 ** i)).toEqual(
      Array(5).fill(true),
    );
    expect(Math.max(...clock.sleptMs)).toBeLessThanOrEqual(10_000);
  });

  it.each([
    {
      name: 'no permission to read',
      fault: { operation: 'GetRecords', code: 'AccessDeniedException' },
      says: /allow .*kinesis:GetRecords/,
    },
    {
      name: 'no permission to list',
      fault: { operation: 'ListShards', code: 'AccessDeniedException' },
      says: /allow kinesis:ListShards/,
    },
    {
      name: 'no permission to decrypt',
      fault: { operation: 'GetRecords', code: 'KMSAccessDeniedException' },
      says: /kms:Decrypt/,
    },
    {
      name: 'no iterator',
      fault: { operation: 'GetShardIterator', code: 'InvalidArgumentException' },
      says: /start position/,
    },
  ])('ends with advice: $name', async ({ fault, says }) => {
    const f = await fixture();
    f.kinesis.setFaults([{ kind: 'error', ...fault }]);
    await expect(f.readAll()).rejects.toMatchObject({
      code: 'MILLRACE_STREAM',
      exitCode: 2,
      message: expect.stringMatching(says),
    });
  });

  it.each(['AccessDeniedException', 'KMSAccessDeniedException', 'ExpiredTokenException'])(
    'reads on where it was denied twice after it had read (%s)',
    async (code) => {
      const f = await fixture();
      await f.put(numbered(40));
      f.kinesis.setFaults([{ kind: 'error', operation: 'GetRecords', code, skip: 2, times: 2 }]);
      const records = await f.readAll({ recordsPerCall: 5, clock: virtual() });
      expect(records).toHaveLength(40);
      expect(f.kinesis.stats().faultsFired.error).toBe(2);
    },
  );

  it('ends with advice where it stays denied after it had read', async () => {
    const f = await fixture();
    await f.put(numbered(40));
    f.kinesis.setFaults([{ kind: 'error', operation: 'GetRecords', code: 'AccessDeniedException', skip: 2 }]);
    const reading = f.readAll({ recordsPerCall: 5, clock: virtual(), unavailableMs: 30_000 });
    await expect(reading).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/allow .*GetRecords/),
    });
    expect(f.kinesis.stats().faultsFired.error).toBeGreaterThan(2);
  });

  it('ends with advice: no such stream', async () => {
    const f = await fixture();
    const error = await f.readAll({ stream: 'absent' }).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(MillraceError);
    expect(String(error)).toMatch(
      /Cannot read stream absent: ResourceNotFoundException.*check the stream name/,
    );
  });

  it('tells of records that only look like aggregates, and delivers them', async () => {
    const f = await fixture();
    const broken = aggregate(numbered(2));
    broken[broken.length - 1]! ^= 1;
    await f.put([{ key: 'k', data: broken }]);
    const told: Undecodable[] = [];
    const records = await f.readAll({ onUndecodable: (one) => told.push(one) });
    expect(records.map(({ data }) => Buffer.from(data))).toEqual([broken]);
    expect(told).toEqual([
      { shardId: 'shardId-000000000000', sequenceNumber: records[0]!.sequenceNumber, reason: 'checksum' },
    ]);
  });

  it('tells of aggregates that reach beyond their shard, and delivers their parts', async () => {
    const f = await fixture({ streams: { s: 2 } });
    await f.put([{ key: 'a', data: aggregate(numbered(100)), explicitHashKey: '0' }]);
    const found: { shardId: string; count: number }[] = [];
    await f.put([{ key: 'b', data: aggregate(numbered(1)) }]);
    const records = await f.readAll({ onOutsideHashRange: (one) => found.push(one) });
    expect(found).toEqual([{ shardId: 'shardId-000000000000', count: 100 }]);
    expect(records.map(({ isDropped }) => isDropped).sort()).toEqual([false, ...new Array(100).fill(true)]);
  });
});

describe('pace', () => {
  const timed = async (
    options: Partial<ReadStreamOptions>,
    records: { key: string; data: Uint8Array | string }[],
  ) => {
    const f = await fixture();
    await f.put(records);
    const beginMs = Date.now();
    let nowMs = beginMs;
    const startMs: number[] = [];
    const clock: ReaderClock = {
      nowMs: () => nowMs,
      async sleep(durationMs) {
        nowMs += durationMs;
        startMs.push(nowMs - beginMs);
      },
    };
    await f.readAll({ limits: {}, clock, untilMs: beginMs, ...options });
    return startMs;
  };

  it('asks a shard five times a second at most', async () => {
    expect(await timed({ recordsPerCall: 10 }, numbered(50))).toEqual([200, 400, 600, 800, 1000]);
  });

  it('leaves two MiB a second between calls', async () => {
    const records = range(8).map((i) => ({ key: `${i}`, data: new Uint8Array(1_000_000) }));
    const times = await timed({ recordsPerCall: 4 }, records);
    // Two full answers and the empty one that ends it.
    expect(times).toHaveLength(2);
    expect(times[0]).toBeCloseTo((4e6 / 2 ** 21) * 1000, -2);
    expect(times[1]).toBeCloseTo((8e6 / 2 ** 21) * 1000, -2);
  });

  it('stays under the limits of a shard, so that it is never refused', async () => {
    const f = await fixture({ streams: { s: 2 }, limits: 'real' });
    f.kinesis.setLimits('off');
    await f.put(numbered(40));
    f.kinesis.setLimits('real');
    const errors: ReadError[] = [];
    const records = await f.readAll({
      limits: {},
      recordsPerCall: 5,
      clock: wallClock,
      onGetRecordsError: (e) => errors.push(e),
    });
    expect([idsOf(records).length, errors.length]).toEqual([40, 0]);
  });
});
