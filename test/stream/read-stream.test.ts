import { describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import type { StreamCheckpoint } from '../../src/stream/position.ts';
import {
  type ReaderClock,
  type ReadStreamOptions,
  readStream,
  wallClock,
} from '../../src/stream/read-stream.ts';
import type { ReadError } from '../../src/stream/shard-reader.ts';
import type { StreamRecord } from '../../src/stream/stream-batch.ts';
import { aggregate, FAST, idsOf, numbered, range, useFixtures } from './fixture.ts';
import { behindBy, type Meddling, startMeddler } from './meddler.ts';

const fixture = useFixtures();

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
    const { kinesis, put, alsoCloses } = await fixture();
    await put(numbered(10));
    const service = await startMeddler(kinesis.endpoint, meddling);
    const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint: service.endpoint });
    alsoCloses.push({ close: async () => client.destroy() }, service);
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
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
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
