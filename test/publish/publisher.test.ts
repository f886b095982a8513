import { afterEach, describe, expect, it, vi } from 'vitest';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import type { PublishRules, PublishSetup } from '../../src/publish/setup.ts';
import { STAT } from '../../src/publish/stats.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../../src/ring/layout.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { countersOf } from '../../src/ring/slices.ts';
import { Doorbell } from '../../src/ring/wait.ts';
import { framesOf, record, type TestRecord } from './frames.ts';
import { distinct, idsOf, numbered, publish, release } from './publish-run.ts';
import { stalledPublisher } from './publisher-run.ts';
import { evenShards, setupOf, TRAITS } from './publishing.ts';

/** For what comes soon, where nobody else wants the processor. */
const PATIENCE_MS = 60_000;

afterEach(release);

/** A publisher over one lane whose requests are answered when the test says so. */
function stalled(
  records: readonly TestRecord[],
  rules: Partial<PublishRules>,
  rest: Partial<PublishSetup> = {},
) {
  const frames = framesOf(records);
  const lane = laneOf(frames);
  const setup = setupOf(rest.shards ?? evenShards(1), rules, { lanes: [lane], ...rest });
  const { publisher, waiting } = stalledPublisher(setup);
  const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
  /** Of frames that are all of one size. */
  const framesInLane = () =>
    (Atomics.load(cells, LANE_CELL.HEAD) - Atomics.load(cells, LANE_CELL.TAIL)) /
    (frames.length / records.length);
  return { publisher, setup, waiting, framesInLane };
}

describe('Publisher', () => {
  it('leaves records in their lane while as many batches wait as can be in flight, and then takes them', async () => {
    const rules = { inFlightMax: 2, batchRecordsMax: 2 };
    const { publisher, setup, waiting, framesInLane } = stalled(numbered(24), rules);
    const run = publisher.run();
    // Two batches are on their way, two wait.
    await vi.waitFor(() => expect([waiting.length, framesInLane()]).toEqual([2, 24 - 4 - 4]), PATIENCE_MS);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([waiting.length, framesInLane()]).toEqual([2, 24 - 4 - 4]);

    Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
    const answering = setInterval(() => waiting.shift()?.(), 1);
    expect((await run).left).toEqual([]);
    clearInterval(answering);
    expect(framesInLane()).toBe(0);
    expect(countersOf(setup.slices).acknowledged[0]).toBe(24);
  });

  it('does not let the waiting batches of a shard that its pace holds keep others from theirs', async () => {
    const shards = evenShards(2);
    const key = (shardIndex: number, i: number) =>
      record({
        key: `${i}`,
        explicitHashKey: shards[shardIndex]!.start,
        slice: shardIndex,
        data: Buffer.alloc(1000),
      });
    const slow = Array.from({ length: 3_000 }, (_, i) => key(0, i));
    const records = [...slow, ...Array.from({ length: 40 }, (_, i) => key(1, i))];
    const { publisher, setup, waiting } = stalled(
      records,
      { inFlightMax: 2, batchRecordsMax: 20, lingerMs: 1 },
      { shards, traits: { ...TRAITS, isOnDemand: false } },
    );
    const run = publisher.run();
    const answering = setInterval(() => waiting.shift()?.(), 1);
    const acknowledged = countersOf(setup.slices).acknowledged;
    // 1 MB a second: the first shard's 3 MB need two seconds more than the burst that it begins with.
    await vi.waitFor(() => expect(acknowledged[1]).toBe(40), PATIENCE_MS);
    expect(acknowledged[0]).toBeLessThan(3_000);
    Atomics.store(new Int32Array(setup.control), 0, PHASE.LEAVE);
    new Doorbell(setup.doorbells).ringAll();
    const { left, unknownCount } = await run;
    clearInterval(answering);
    const count = left.find(({ slice }) => slice === 0)!.count;
    expect([count + acknowledged[0]!, left.length, unknownCount]).toEqual([3_000, 1, 0]);
  });

  it.each([
    { name: 'is not woken for more while every shard has a batch that its pace holds', shardsWithRecords: 2 },
    { name: 'is woken for more where one of its shards has no batch', shardsWithRecords: 1 },
  ])('$name', async ({ shardsWithRecords }) => {
    const shards = evenShards(2);
    const records = Array.from({ length: 3_000 * shardsWithRecords }, (_, i) => {
      const { start: explicitHashKey } = shards[i % shardsWithRecords]!;
      return record({ key: `${i}`, explicitHashKey, slice: 0, data: Buffer.alloc(1_000) });
    });
    const { publisher, setup, waiting } = stalled(
      records,
      { inFlightMax: 64 },
      { shards, traits: { ...TRAITS, isOnDemand: false } },
    );
    const mutes = new Set<number>();
    const answering = setInterval(() => {
      waiting.shift()?.();
      mutes.add(Atomics.load(new Int32Array(setup.doorbells), 1));
    }, 1);
    const run = publisher.run();
    const { acknowledged } = countersOf(setup.slices);
    // More than the burst that shards begin with: their pace has held them.
    await vi.waitFor(() => expect(acknowledged[0]).toBeGreaterThan(1_500 * shardsWithRecords), PATIENCE_MS);
    Atomics.store(new Int32Array(setup.control), 0, PHASE.LEAVE);
    new Doorbell(setup.doorbells).ringAll();
    await run;
    clearInterval(answering);
    expect(mutes.has(1)).toBe(shardsWithRecords === 2);
  });

  it.each([
    { name: 'no fault', faults: [] },
    {
      name: 'throttled and failed records',
      faults: [
        { kind: 'throttle', probability: 0.4 },
        { kind: 'internal-failure', probability: 0.2 },
      ],
    },
    { name: 'resets before the write', faults: [{ kind: 'reset', times: 3 }] },
  ] satisfies { name: string; faults: KinesisFault[] }[])(
    'stores every record exactly once with $name',
    async ({ faults }) => {
      const outcome = await publish({ records: numbered(1_000), faults, rules: { recordFailuresMax: 30 } });
      expect(outcome.error).toBeNull();
      for (const fault of faults) expect(outcome.kinesis.stats().faultsFired[fault.kind]).toBeGreaterThan(0);
      expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
      expect([outcome.acknowledged, outcome.stats[STAT.RECORDS]]).toEqual([1_000, 1_000]);
    },
  );

  it.each(['reset', 'garble'] as const)('counts what a %s after the write may have doubled', async (kind) => {
    const outcome = await publish({ records: numbered(600), faults: [{ kind, when: 'after', times: 2 }] });
    expect(outcome.error).toBeNull();
    const ids = idsOf(outcome);
    expect(distinct(ids)).toBe(600);
    expect(ids.length).toBeGreaterThan(600);
    expect(ids.length - 600).toBeLessThanOrEqual(outcome.stats[STAT.AMBIGUOUS]!);
    expect(outcome.acknowledged).toBe(600);
  });

  it('refuses a record for good after so many InternalFailures, with its bytes, and stores the others', async () => {
    const outcome = await publish({
      records: numbered(3),
      shardCount: 1,
      faults: [
        { kind: 'internal-failure', first: 1 },
        { kind: 'internal-failure', skip: 2, times: 1 },
      ],
      rules: { recordFailuresMax: 2 },
    });
    const refused = outcome.notices.flatMap((n) => (n.kind === 'refused' ? n.records : []));
    expect(refused.map((r) => [r.objectOffset, Buffer.from(r.data).toString()])).toEqual([[0, '{"id":0}']]);
    expect(refused[0]!.message).toMatch(/^Refused 2 times: InternalFailure/);
    expect(idsOf(outcome).sort()).toEqual([1, 2]);
    expect([outcome.error, outcome.acknowledged]).toEqual([null, 2]);
  });

  it.each([
    {
      name: 'AccessDenied',
      fault: { kind: 'error', code: 'AccessDeniedException' },
      exitCode: 2,
      says: 'kinesis:PutRecords',
    },
    {
      name: 'credentials that stay expired',
      fault: { kind: 'error', code: 'ExpiredTokenException' },
      exitCode: 2,
      says: 'renew',
    },
    {
      name: 'a service that is away',
      fault: { kind: 'error', code: 'ServiceUnavailable' },
      exitCode: 3,
      says: 'service is back',
    },
  ] satisfies { name: string; fault: KinesisFault; exitCode: number; says: string }[])(
    'ends on $name with exit code $exitCode',
    async ({ fault, exitCode, says }) => {
      const outcome = await publish({
        records: numbered(10),
        faults: [fault],
        rules: { unavailableMs: 5_000 },
      });
      expect(outcome.error).toMatchObject({ exitCode });
      expect(outcome.error!.message).toContain(says);
      expect(outcome.acknowledged).toBe(0);
    },
  );

  it('ends with exit code 2 when the stream is deleted under it', async () => {
    const outcome = await publish({
      records: numbered(10),
      meanwhile: (kinesis) => void kinesis.call('DeleteStream', { StreamName: 's' }),
    });
    expect(outcome.error).toMatchObject({ exitCode: 2 });
    expect(outcome.error!.message).toContain('check the stream name');
  });

  it('keeps the order of every key through throttles, failures and resets on both sides of the write', async () => {
    const outcome = await publish({
      records: numbered(300, 20),
      faults: [
        { kind: 'throttle', probability: 0.2 },
        { kind: 'internal-failure', probability: 0.1 },
        { kind: 'reset', probability: 0.05, times: 3 },
        { kind: 'reset', probability: 0.05, times: 3, when: 'after', name: 'reset-after' },
      ],
      rules: { order: 'key', recordFailuresMax: 30 },
    });
    expect(outcome.error).toBeNull();
    expect(outcome.kinesis.stats().faultsFired.throttle).toBeGreaterThan(0);
    expect(outcome.stored.size).toBe(20);
    for (const [key, list] of outcome.stored) {
      const ids = list.map((data) => JSON.parse(data).id as number);
      // An ambiguous request sends a record again before its successor: repeats stand side by side.
      const once = ids.filter((id, i) => id !== ids[i - 1]);
      expect([key, once]).toEqual([key, Array.from({ length: 15 }, (_, i) => Number(key.slice(1)) + 20 * i)]);
    }
  });

  it.each(['none', 'key'] as const)('follows a split that it did not know of, order %s', async (order) => {
    const outcome = await publish({
      records: numbered(300, 30),
      shardCount: 1,
      rules: { order },
      meanwhile: (kinesis) =>
        void kinesis.call('SplitShard', {
          StreamName: 's',
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: (1n << 127n).toString(),
        }),
    });
    expect(outcome.error).toBeNull();
    expect(outcome.notices.filter((n) => n.kind === 'reshard')).toEqual([{ kind: 'reshard', shardCount: 2 }]);
    expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(outcome.stats[STAT.RESHARDS]).toBe(1);
  });

  it('meets a storm that refuses nine of ten records with no flood of calls, and loses none', async () => {
    const count = 20_000;
    // The storm lasts 0.8 s of the wall, 8 s of the publisher's clock. Paced, the records alone take 10 s of it.
    const outcome = await publish({
      records: numbered(count),
      isProvisioned: true,
      meanwhile(kinesis) {
        kinesis.setFaults([{ kind: 'throttle', probability: 0.9 }]);
        // From the first record that it refuses, however long the first request takes on a busy machine.
        const look = setInterval(() => {
          if (kinesis.stats().faultsFired.throttle === 0) return;
          clearInterval(look);
          setTimeout(() => kinesis.setFaults([]), 800);
        }, 5);
      },
    });
    expect(outcome.error).toBeNull();
    expect(outcome.kinesis.stats().faultsFired.throttle).toBeGreaterThan(0);
    expect(outcome.acknowledged).toBe(count);
    expect(distinct(idsOf(outcome))).toBe(count);
    expect(outcome.stats[STAT.REQUESTS]).toBeLessThan(3 * (count / 500));
  });

  it.each([
    { name: 'brings every sub-record to its shard', faults: [], exitCode: undefined },
    {
      name: 'ends where the shards may not be listed',
      faults: [{ kind: 'error', operation: 'ListShards', code: 'AccessDeniedException' }],
      exitCode: 2,
    },
    {
      name: 'ends where the shards cannot be listed for long',
      faults: [{ kind: 'error', operation: 'ListShards', code: 'ServiceUnavailable' }],
      exitCode: 3,
    },
  ] satisfies { name: string; faults: KinesisFault[]; exitCode: number | undefined }[])(
    'after a split under aggregated records $name',
    async ({ faults, exitCode }) => {
      const outcome = await publish({
        records: numbered(300, 30),
        shardCount: 1,
        rules: { aggregateBytesMax: 51_200, unavailableMs: 3_000 },
        meanwhile: (kinesis) => {
          kinesis.call('SplitShard', {
            StreamName: 's',
            ShardToSplit: 'shardId-000000000000',
            NewStartingHashKey: (1n << 127n).toString(),
          });
          kinesis.setFaults(faults);
        },
      });
      expect(outcome.error?.exitCode).toBe(exitCode);
      if (exitCode !== undefined) expect(outcome.acknowledged).toBe(0);
      else expect([outcome.acknowledged, outcome.stats[STAT.RECORDS]]).toEqual([300, 300]);
      if (exitCode === undefined) expect(outcome.stats[STAT.RESENT]).toBeGreaterThan(0);
    },
  );
});
