import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import type { ReaderClock } from '../../src/stream/read-stream.ts';
import type { ReadError } from '../../src/stream/shard-reader.ts';
import type { Undecodable } from '../../src/stream/stream-batch.ts';
import { aggregate, idsOf, numbered, range, useFixtures } from './fixture.ts';

const fixture = useFixtures();

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

  it('does not give a shard up for hours in which the process stood still, and nobody asked', async () => {
    const f = await fixture();
    await f.put(numbered(40));
    f.kinesis.setFaults([
      { kind: 'error', operation: 'GetRecords', code: 'InternalFailure', skip: 2, times: 3 },
    ]);
    const clock = virtual();
    const sleep: ReaderClock['sleep'] = (durationMs, signal) => clock.sleep(durationMs + 3_600_000, signal);
    const standing = { ...clock, sleep };
    expect(await f.readAll({ recordsPerCall: 5, clock: standing })).toHaveLength(40);
    expect(f.kinesis.stats().faultsFired.error).toBe(3);
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
