/** Denials and failures that come in mid-run, with eight requests in flight that take 60 ms each. */
import { afterEach, describe, expect, it } from 'vitest';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { STAT } from '../../src/publish/stats.ts';
import { idsOf, numbered, type Outcome, publish, release } from './publish-run.ts';

afterEach(release);

const SLOW: KinesisFault = { kind: 'delay', name: 'slow', delayMs: 60 };
const DENIED: KinesisFault = { kind: 'error', name: 'denied', delayMs: 60 };
const COUNT = 2_000;
const RULES = { inFlightMax: 8, batchRecordsMax: 25, recordFailuresMax: 30 };

/** Sends all records, with what goes wrong after the twentieth request. */
const run = (fault: KinesisFault, unavailableMs = 60_000): Promise<Outcome> =>
  publish({
    records: numbered(COUNT),
    faults: [{ ...fault, skip: 20 }, SLOW],
    rules: { ...RULES, unavailableMs },
  });

const CODES = [
  'AccessDeniedException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'InvalidSignatureException',
];

describe('what is denied in mid-run', () => {
  it.each(CODES)('is asked for again: a single %s costs nothing', async (code) => {
    const outcome = await run({ ...DENIED, code, times: 1 });
    expect(outcome.error).toBeNull();
    const { faultsFired, putRequestsInFlightMax } = outcome.kinesis.stats();
    expect([faultsFired.denied, putRequestsInFlightMax]).toEqual([1, 8]);
    expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(outcome.acknowledged).toBe(COUNT);
  });

  it('is asked for again while it is denied to all, as a service that is away', async () => {
    const outcome = await run({ ...DENIED, code: 'AccessDeniedException', times: 12 });
    expect(outcome.error).toBeNull();
    expect(outcome.kinesis.stats().faultsFired.denied).toBe(12);
    expect(outcome.stats[STAT.BREAKER_OPENED]).toBe(1);
    expect(outcome.notices).toContainEqual({
      kind: 'breaker',
      reason: 'AccessDeniedException: Scripted AccessDeniedException',
    });
    expect([idsOf(outcome).length, outcome.acknowledged]).toEqual([COUNT, COUNT]);
  });

  it.each([
    { code: 'AccessDeniedException', exitCode: 2, says: 'kinesis:PutRecords' },
    { code: 'ResourceNotFoundException', exitCode: 2, says: 'check the stream name' },
    { code: 'ExpiredTokenException', exitCode: 3, says: 'renew the credentials' },
  ])(
    'ends the run with $exitCode where it lasts ($code), and every stored record is acknowledged',
    async (one) => {
      // Longer than a busy machine takes for those eight that are on their way together.
      const outcome = await run({ ...DENIED, code: one.code }, 30_000);
      expect(outcome.error).toMatchObject({ exitCode: one.exitCode });
      expect(outcome.error!.message).toContain(one.says);
      expect(outcome.kinesis.stats().faultsFired.denied).toBeGreaterThan(8);
      expect(outcome.acknowledged).toBe(outcome.kinesis.stats().recordsStored);
      expect(outcome.acknowledged).toBeGreaterThan(0);
    },
  );
});

it.each(['AccessDeniedException', 'ExpiredTokenException', 'ResourceNotFoundException'])(
  'asks again for the shards of a stream that was split where that is denied twice (%s)',
  async (code) => {
    const outcome = await publish({
      records: numbered(COUNT),
      shardCount: 1,
      rules: { ...RULES, aggregateBytesMax: 2_000, unavailableMs: 60_000 },
      meanwhile: (kinesis) => {
        kinesis.call('SplitShard', {
          StreamName: 's',
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: (1n << 127n).toString(),
        });
        kinesis.setFaults([{ ...DENIED, operation: 'ListShards', code, times: 2 }, SLOW]);
      },
    });
    expect([outcome.error, outcome.acknowledged, outcome.stats[STAT.RESHARDS]]).toEqual([null, COUNT, 1]);
    expect(outcome.kinesis.stats().faultsFired.denied).toBe(2);
    expect(new Set(idsOf(outcome)).size).toBe(COUNT);
  },
);

describe('what is denied before anything was ever taken', () => {
  it.each(CODES)('ends the run with 2 at once: %s', async (code) => {
    const outcome = await publish({
      records: numbered(COUNT),
      faults: [{ ...DENIED, code }],
      rules: { ...RULES, unavailableMs: 60_000 },
    });
    expect(outcome.error).toMatchObject({ exitCode: 2 });
    // Those that were on their way together, and no other.
    expect(outcome.kinesis.stats().faultsFired.denied).toBeLessThanOrEqual(RULES.inFlightMax);
    expect(outcome.acknowledged).toBe(0);
  });
});
