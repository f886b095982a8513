/** The publisher with a sink that is not Kinesis: queues, pace, refusals, order and reshards need no more than the interface. */
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import type { PublishRules } from '../../src/publish/setup.ts';
import { VERDICT } from '../../src/publish/sink.ts';
import { STAT } from '../../src/publish/stats.ts';
import { framesOf, type TestRecord } from './frames.ts';
import { MemoryFailure, MemorySink, type Script } from './memory-sink.ts';
import { numbered } from './publish-run.ts';
import { runPublisher } from './publisher-run.ts';
import { setupOf } from './publishing.ts';

/** Publishes records that stand in one lane. @param meanwhile What the publisher cannot know when it begins. */
async function send(
  records: readonly TestRecord[],
  script: Script = {},
  rules: Partial<PublishRules> = {},
  meanwhile: (sink: MemorySink) => void = () => {},
  shardCount = 2,
) {
  const sink = new MemorySink(shardCount, script);
  const { traits, shards } = sink;
  const lanes = [laneOf(framesOf(records))];
  const setup = setupOf(shards, { lingerMs: 1, recordFailuresMax: 30, ...rules }, { lanes, traits });
  meanwhile(sink);
  const pool = new BufferPool(setup.bufferBytesMax);
  const outcome = await runPublisher(setup, sink, pool);
  if (outcome.error === null) expect(pool.outBytes).toBe(0);
  const refused = outcome.notices.flatMap((notice) => (notice.kind === 'refused' ? notice.records : []));
  return {
    ...outcome,
    sink,
    refused: refused.map(({ data }) => JSON.parse(Buffer.from(data).toString()).id),
  };
}

const idsOf = (records: readonly { readonly data: string }[]): number[] =>
  records.map(({ data }) => JSON.parse(data).id as number);
const sorted = (ids: readonly number[]) => ids.toSorted((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const failed = (isAmbiguous: boolean, isStored = false) =>
  new MemoryFailure({ kind: 'failed', isAmbiguous, reason: 'broken pipe' }, isStored);
const ending = new MillraceError('MILLRACE_PUT_REFUSED', 'Cannot put records', { exitCode: 2 });
const denied = (refusalReason: string | null) =>
  new MemoryFailure({ kind: 'denied', error: ending, reason: 'no', refusalReason });
const refusal = (isTooLarge = false) =>
  new MemoryFailure({ kind: 'refused', reason: 'bad record', isTooLarge, error: ending });

describe('a publisher with a sink in memory', () => {
  it('stores every record once, in requests as large as the sink says that it takes', async () => {
    const { sink, acknowledged, error } = await send(numbered(1_000), { traits: { requestRecordsMax: 70 } });
    expect([error, acknowledged]).toEqual([null, 1_000]);
    expect(sorted(idsOf(sink.stored))).toEqual(upTo(1_000));
    expect([Math.max(...sink.requests), sink.inFlightMax]).toEqual([70, 4]);
  });

  it('keeps requests within the bytes that the sink takes', async () => {
    // Data of 8 to 10 bytes and a key of 2 to 4: 14 bytes at most.
    const { sink, acknowledged } = await send(numbered(300), { traits: { requestBytesMax: 140 } });
    expect(acknowledged).toBe(300);
    expect(Math.max(...sink.requests)).toBeLessThanOrEqual(14);
    expect(sink.requests.length).toBeLessThan(45);
  });

  it('sends only those records again that were not stored', async () => {
    const verdicts = [VERDICT.STORED, VERDICT.THROTTLED, VERDICT.STORED, VERDICT.FAILED, VERDICT.STORED];
    const script: Script = { record: (index) => verdicts[index % verdicts.length]! };
    const { sink, acknowledged, stats, error } = await send(numbered(500), script);
    expect([error, acknowledged]).toEqual([null, 500]);
    expect(sorted(idsOf(sink.stored))).toEqual(upTo(500));
    expect(Math.min(stats[STAT.THROTTLED]!, stats[STAT.FAILED]!)).toBeGreaterThan(100);
  });

  it('refuses a record for good that fails by itself too often, with the words of the sink', async () => {
    const script: Script = {
      record: (_, { data }) => (data === '{"id":7}' ? VERDICT.FAILED : VERDICT.STORED),
    };
    const { sink, refused, notices } = await send(numbered(20), script, { recordFailuresMax: 2 });
    expect(refused).toEqual([7]);
    expect(JSON.stringify(notices)).toContain('Refused 2 times: Broken');
    expect(sorted(idsOf(sink.stored))).toEqual(upTo(20).filter((id) => id !== 7));
  });

  it.each([
    { name: 'nothing was stored of', isStored: false },
    { name: 'was stored', isStored: true },
  ])('sends a request again that $name, and counts what may be there twice', async ({ isStored }) => {
    const script: Script = { request: (index) => (index === 1 ? failed(true, isStored) : null) };
    const { sink, acknowledged, stats } = await send(numbered(600), script, { batchRecordsMax: 50 });
    const twice = isStored ? sink.requests[1]! : 0;
    expect([acknowledged, sink.stored.length, stats[STAT.AMBIGUOUS]]).toEqual([
      600,
      600 + twice,
      sink.requests[1],
    ]);
  });

  it('finds the one record for which a request is refused', async () => {
    const script: Script = {
      request: (_, records) => (records.some(({ data }) => data === '{"id":41}') ? refusal() : null),
    };
    const { sink, refused, acknowledged, error } = await send(numbered(400), script, {
      batchRecordsMax: 100,
    });
    expect([error, refused, acknowledged]).toEqual([null, [41], 399]);
    expect(sorted(idsOf(sink.stored))).toEqual(upTo(400).filter((id) => id !== 41));
  });

  it('takes a denial without a word for a refusal where others are taken, and for the end where none ever was', async () => {
    const bad = (records: readonly { readonly data: string }[]) =>
      records.some(({ data }) => data === '{"id":41}');
    const filter: Script = { request: (_, records) => (bad(records) ? denied('HTTP status 403') : null) };
    const filtered = await send(numbered(400), filter, { batchRecordsMax: 20 });
    expect([filtered.error, filtered.refused, filtered.acknowledged]).toEqual([null, [41], 399]);
    const shut = await send(numbered(400), { request: () => denied(null) });
    expect([shut.error, shut.acknowledged]).toMatchObject([{ exitCode: 2 }, 0]);
    expect(shut.sink.requests.length).toBeLessThanOrEqual(4);
  });

  it('asks for smaller requests where large ones are refused for their size', async () => {
    const script: Script = { request: (_, records) => (records.length > 60 ? refusal(true) : null) };
    const { sink, refused, acknowledged, error } = await send(numbered(20_000), script, {}, undefined, 1);
    expect([error, refused, acknowledged]).toEqual([null, [], 20_000]);
    const tooLarge = sink.requests.filter((count) => count > 60).length;
    expect([tooLarge > 0, tooLarge < sink.requests.length / 10]).toEqual([true, true]);
  });

  it('ends where the sink is away for too long, and where the error is none of a request', async () => {
    const away = await send(numbered(50), { request: () => failed(false) }, { unavailableMs: 5_000 });
    expect(away.error).toMatchObject({ code: 'MILLRACE_SERVICE_AWAY', exitCode: 3 });
    expect(away.error!.message).toContain('last: broken pipe');
    const broken = await send(numbered(50), { request: () => new TypeError('a bug') });
    expect(broken.error).toMatchObject({ code: 'MILLRACE_WORKER', exitCode: 3 });
    expect([away.acknowledged, broken.acknowledged]).toEqual([0, 0]);
  });

  it.each([
    { name: 'alone', script: {}, rules: {} },
    {
      name: 'in aggregates',
      script: { aggregateRecords: Number.POSITIVE_INFINITY },
      rules: { aggregateBytesMax: 51_200 },
    },
  ])('keeps the order of every key, with records that travel $name', async ({ script, rules }) => {
    let calls = 0;
    const record = () => (++calls % 7 === 0 ? VERDICT.THROTTLED : VERDICT.STORED);
    const { sink, acknowledged } = await send(
      numbered(300, 12),
      { ...script, record },
      { order: 'key', ...rules },
    );
    expect([acknowledged, sink.inFlightMax]).toEqual([300, 2]);
    for (let key = 0; key < 12; key++) {
      const ids = idsOf(sink.stored.filter((one) => one.key === `k${key}`));
      expect(ids).toEqual(Array.from({ length: 25 }, (_, i) => key + 12 * i));
    }
  });

  it('paces a sink that says what its shards take', async () => {
    const shardRate = { recordsPerSecond: 2_000, bytesPerSecond: 1 << 20 };
    const script: Script = { traits: { isOnDemand: false, shardRate } };
    const startMs = performance.now();
    const { acknowledged } = await send(numbered(5_000), script, {}, undefined, 1);
    // A burst of a second, and one and a half more of the publisher's clock.
    const elapsedMs = (performance.now() - startMs) * 10;
    expect([acknowledged, elapsedMs >= 1_400]).toEqual([5_000, true]);
  });

  it.each([
    { name: 'alone', script: {}, rules: {} },
    { name: 'in aggregates', script: { aggregateRecords: 5 }, rules: { aggregateBytesMax: 51_200 } },
  ])(
    'follows a split that it did not know of, and a consumer is shown each record once: $name',
    async (one) => {
      const { sink, acknowledged, stats, notices } = await send(
        numbered(400),
        one.script,
        one.rules,
        (sink) => sink.split(),
      );
      expect([acknowledged, stats[STAT.RESHARDS]]).toEqual([400, 1]);
      expect(notices.filter(({ kind }) => kind === 'reshard')).toEqual([{ kind: 'reshard', shardCount: 4 }]);
      expect(sorted(idsOf(sink.shown()))).toEqual(upTo(400));
      expect(sink.stored.length - 400).toBe(stats[STAT.RESENT]);
    },
  );
});
