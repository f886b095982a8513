/** Requests that the service refuses as a whole, without a word about which of their records it is. */
import { afterEach, describe, expect, it } from 'vitest';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import type { RefusedRecord } from '../../src/publish/setup.ts';
import { STAT } from '../../src/publish/stats.ts';
import { record, type TestRecord } from './frames.ts';
import { idsOf, numbered, type Outcome, publish, release } from './publish-run.ts';

afterEach(release);

/** What a record holds that the service will not take. */
const POISON = 'poison';
const REFUSE: KinesisFault = {
  kind: 'error',
  name: 'refused',
  code: 'ValidationException',
  message: "1 validation error detected: Value 'k' at 'records.1.member.partitionKey' failed",
  containing: POISON,
  delayMs: 6,
};
/** Requests take a while, so that as many are in flight as may be. */
const SLOW: KinesisFault = { kind: 'delay', name: 'slow', delayMs: 6 };
const IN_FLIGHT = { inFlightMax: 8, recordFailuresMax: 30 };

/** Numbered records, with poison in these. */
function poisoned(count: number, bad: readonly number[], keyCount = count): TestRecord[] {
  return numbered(count, keyCount).map((one, i) =>
    bad.includes(i) ? record({ ...one, data: Buffer.from(`{"id":${i},"${POISON}":1}`) }) : one,
  );
}

/** Next to no backoff where one record is asked for sixteen times. */
const hasty = () => 0.01;

const refusedOf = ({ notices }: Outcome) =>
  notices.flatMap((notice) => (notice.kind === 'refused' ? notice.records : []));
const refusedIds = (outcome: Outcome) =>
  refusedOf(outcome)
    .map(({ data }) => JSON.parse(Buffer.from(data).toString()).id as number)
    .sort((a, b) => a - b);
const without = (count: number, bad: readonly number[]) =>
  Array.from({ length: count }, (_, i) => i).filter((i) => !bad.includes(i));

describe('a record for which the service refuses the whole request', () => {
  it.each([
    { name: 'the first one', bad: [0] },
    { name: 'the last one', bad: [3_999] },
    { name: 'one in the middle', bad: [1_234] },
    { name: 'two that stand side by side', bad: [700, 701] },
    { name: 'one in every request', bad: [3, 504, 1_007, 1_800, 2_100, 2_600, 3_300, 3_800] },
    { name: 'forty of a hundred', bad: Array.from({ length: 40 }, (_, i) => 2_000 + ((i * 5) >> 1)) },
  ])('is found by halving and dead-lettered, the others are stored once: $name', async ({ bad }) => {
    const outcome = await publish({
      records: poisoned(4_000, bad),
      faults: [REFUSE, SLOW],
      rules: IN_FLIGHT,
    });
    expect(outcome.error).toBeNull();
    expect(outcome.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
    expect(refusedIds(outcome)).toEqual(bad);
    expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(without(4_000, bad));
    expect(outcome.acknowledged).toBe(4_000 - bad.length);
    const [{ message, key, objectOffset }] = refusedOf(outcome) as [RefusedRecord];
    expect(message).toMatch(/^Refused \d+ times by itself, while others were taken: ValidationException: /);
    expect(message).not.toContain("'k'");
    expect([bad.includes(objectOffset), Buffer.from(key).toString()]).toEqual([true, `k${objectOffset}`]);
  });

  it.each([
    { name: 'alone', rules: { aggregateBytesMax: null } },
    { name: 'in aggregates', rules: { aggregateBytesMax: 2_000 } },
  ])('keeps the order of every key, with records that travel $name', async ({ rules }) => {
    const bad = [0, 100, 101, 555, 999];
    const outcome = await publish({
      records: poisoned(1_000, bad, 20),
      faults: [REFUSE, { kind: 'throttle', probability: 0.05 }, SLOW],
      rules: { ...IN_FLIGHT, order: 'key', ...rules },
    });
    expect(outcome.error).toBeNull();
    expect(outcome.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
    expect(refusedIds(outcome)).toEqual(bad);
    expect(outcome.acknowledged).toBe(995);
    for (const [key, list] of outcome.stored) {
      const ids = list.map((data) => JSON.parse(data).id as number);
      expect([key, ids]).toEqual([key, [...ids].sort((a, b) => a - b)]);
    }
  });

  it('is found in an aggregate by halving it down to its parts', async () => {
    const bad = [42, 1_500];
    const outcome = await publish({
      records: poisoned(2_000, bad),
      faults: [REFUSE, SLOW],
      rules: { ...IN_FLIGHT, aggregateBytesMax: 51_200 },
    });
    expect([outcome.error, outcome.acknowledged]).toEqual([null, 1_998]);
    expect(outcome.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
    expect(refusedIds(outcome)).toEqual(bad);
  });

  it('is found while the stream is split', async () => {
    const bad = [10, 700, 1_300];
    const outcome = await publish({
      records: poisoned(2_000, bad),
      shardCount: 1,
      faults: [REFUSE, SLOW],
      rules: { ...IN_FLIGHT, batchRecordsMax: 100 },
      meanwhile: (kinesis) =>
        void kinesis.call('SplitShard', {
          StreamName: 's',
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: (1n << 127n).toString(),
        }),
    });
    expect([outcome.error, outcome.stats[STAT.RESHARDS]]).toEqual([null, 1]);
    expect(refusedIds(outcome)).toEqual(bad);
    expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(without(2_000, bad));
  });

  it('is dead-lettered too where it is the last one and alone in its request', async () => {
    const outcome = await publish({
      records: poisoned(9, [8]),
      shardCount: 1,
      faults: [REFUSE],
      rules: { batchRecordsMax: 4 },
      random: hasty,
    });
    expect([outcome.error, outcome.acknowledged]).toEqual([null, 8]);
    expect(refusedIds(outcome)).toEqual([8]);
  });
});

describe('a service that refuses', () => {
  it('everything, from the first request on: the run ends with 2 after sixteen, and nothing is a dead letter', async () => {
    const outcome = await publish({
      records: numbered(4_000),
      faults: [{ ...REFUSE, containing: '{' }],
      rules: IN_FLIGHT,
    });
    expect(outcome.error).toMatchObject({ code: 'MILLRACE_PUT_REFUSED', exitCode: 2 });
    expect(outcome.error!.message).toContain('16 requests in a row were refused');
    expect([refusedIds(outcome), outcome.acknowledged]).toEqual([[], 0]);
    // Sixteen in a row, and those that were on their way with the first of them.
    expect(outcome.kinesis.stats().faultsFired.refused).toBeLessThanOrEqual(16 + IN_FLIGHT.inFlightMax);
  });

  it.each(['none', 'key'] as const)(
    'everything in mid-run ends it with 2, and nothing is a dead letter, order %s',
    async (order) => {
      const outcome = await publish({
        records: numbered(4_000, 1_000),
        faults: [{ ...REFUSE, containing: '{', skip: 10 }, SLOW],
        rules: { ...IN_FLIGHT, order, batchRecordsMax: 50 },
      });
      expect(outcome.error).toMatchObject({ exitCode: 2 });
      expect(refusedIds(outcome)).toEqual([]);
      expect(outcome.acknowledged).toBe(outcome.kinesis.stats().recordsStored);
      expect(outcome.acknowledged).toBeGreaterThan(0);
    },
  );

  it('everything when only records that travel alone are left ends it with 2', async () => {
    // One key in order: each request holds one record.
    const outcome = await publish({
      records: numbered(30, 1),
      faults: [{ ...REFUSE, containing: '{', skip: 26 }],
      rules: { ...IN_FLIGHT, order: 'key' },
      random: hasty,
    });
    expect(outcome.error).toMatchObject({ exitCode: 2 });
    expect([refusedIds(outcome), outcome.acknowledged]).toEqual([[], 26]);
  });

  it('the only record of a run ends it with 2: nothing shows that it is the record', async () => {
    const outcome = await publish({ records: poisoned(1, [0]), faults: [REFUSE], random: hasty });
    expect(outcome.error).toMatchObject({ exitCode: 2 });
    expect(refusedIds(outcome)).toEqual([]);
  });

  it('a few requests by accident, single records among them, gets all of them in the end', async () => {
    const outcome = await publish({
      records: poisoned(3_000, [5]),
      // Down to the single record and once more: 500, 125, 32, 8, 2, 1.
      faults: [{ ...REFUSE, times: 6 }, SLOW],
      shardCount: 1,
      rules: IN_FLIGHT,
    });
    expect(outcome.kinesis.stats().faultsFired.refused).toBe(6);
    expect([outcome.error, refusedIds(outcome), outcome.acknowledged]).toEqual([null, [], 3_000]);
  });
});

describe('a proxy', () => {
  it('that takes no large bodies gets them in parts: all is delivered', async () => {
    const outcome = await publish({
      records: numbered(4_000),
      faults: [{ kind: 'error', name: 'too large', code: '', status: 413, overBytes: 4_000 }, SLOW],
      rules: IN_FLIGHT,
    });
    expect(outcome.kinesis.stats().faultsFired['too large']).toBeGreaterThan(0);
    expect([outcome.error, refusedIds(outcome), outcome.acknowledged]).toEqual([null, [], 4_000]);
  });

  it('that takes no large bodies is sent smaller ones before long', async () => {
    const outcome = await publish({
      records: numbered(40_000),
      shardCount: 1,
      faults: [{ kind: 'error', name: 'too large', code: '', status: 413, overBytes: 4_000 }],
      rules: IN_FLIGHT,
    });
    expect([outcome.error, refusedIds(outcome), outcome.acknowledged]).toEqual([null, [], 40_000]);
    const { faultsFired, requestsByOperation } = outcome.kinesis.stats();
    expect(faultsFired['too large']).toBeGreaterThan(0);
    // One of five would be refused if every batch were as large as the first.
    expect(faultsFired['too large']! / requestsByOperation.PutRecords!).toBeLessThan(0.1);
  });

  it('that answers 403 to what it finds in one record does not stop the others', async () => {
    const bad = [2_222, 3_100];
    const outcome = await publish({
      records: poisoned(4_000, bad),
      faults: [
        { kind: 'error', name: 'filtered', code: '', status: 403, containing: POISON, delayMs: 6 },
        SLOW,
      ],
      rules: { ...IN_FLIGHT, batchRecordsMax: 100 },
    });
    expect(outcome.kinesis.stats().faultsFired.filtered).toBeGreaterThan(0);
    expect([outcome.error, refusedIds(outcome), outcome.acknowledged]).toEqual([null, bad, 3_998]);
    expect(refusedOf(outcome)[0]!.message).toMatch(/HTTP status 403$/);
  });

  it('that answers 429 throttles: nothing counts as an outage', async () => {
    const outcome = await publish({
      records: numbered(4_000),
      faults: [{ kind: 'error', name: 'busy', code: '', status: 429, times: 40 }, SLOW],
      rules: { ...IN_FLIGHT, batchRecordsMax: 50 },
    });
    expect(outcome.kinesis.stats().faultsFired.busy).toBe(40);
    expect([outcome.error, outcome.acknowledged]).toEqual([null, 4_000]);
    expect([outcome.stats[STAT.BREAKER_OPENED], outcome.stats[STAT.REQUESTS_FAILED]]).toEqual([0, 0]);
    expect(outcome.stats[STAT.THROTTLED]).toBeGreaterThan(0);
  });
});
