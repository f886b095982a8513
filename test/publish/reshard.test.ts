/** The question what the shards are now: when it is asked, what comes of the answer, and of none. */
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { readRefused } from '../../src/publish/frame-walk.ts';
import { Refusals } from '../../src/publish/refusals.ts';
import { Reshard } from '../../src/publish/reshard.ts';
import type { PublishNotice } from '../../src/publish/setup.ts';
import { STAT } from '../../src/publish/stats.ts';
import { codecs, portable } from './codecs.ts';
import { record } from './frames.ts';
import { batchOf, evenShards, setupOf, shardSetOf } from './publishing.ts';

describe.each(codecs)('Reshard with the $kind codec', (codec) => {
  it('sends all of a misrouted aggregate again where nobody knows the shard that has it', async () => {
    const bench = shardSetOf(codec, setupOf(evenShards(1), { aggregateBytesMax: 51_200 }));
    const { queues } = bench.shardSet;
    const records = Array.from({ length: 20 }, (_, i) => record({ key: `k${i}`, lineOffset: i }));
    const batch = batchOf(bench, records);
    queues.disown(0, batch);
    bench.reshard.keep(batch, [{ frames: 20, shardId: 'shard-of-tomorrow' }]);
    expect([bench.reshard.hasMisrouted, bench.reshard.misroutedBatches]).toEqual([true, [batch]]);
    expect(await bench.reshardTo(evenShards(1))).toEqual([]);
    expect([bench.stats[STAT.RESENT], bench.stats[STAT.RECORDS], bench.stats[STAT.RESHARDS]]).toEqual([
      20, 0, 0,
    ]);
    expect([...bench.acknowledged].every((count) => count === 0)).toBe(true);
    queues.close(0);
    const again = queues.shift(0);
    expect(readRefused(again, '').map(({ objectOffset }) => objectOffset)).toEqual(
      records.map((one) => one.lineOffset),
    );
    queues.release(0, again);
    expect([bench.reshard.hasMisrouted, bench.shardSet.isEmpty, bench.pool.outBytes]).toEqual([
      false,
      true,
      0,
    ]);
  });
});

/** A reshard whose question fails with what the test says, on a clock of the test's. */
function failing(error: unknown, unavailableMs = 10_000) {
  const setup = setupOf(evenShards(1), { unavailableMs });
  const { shardSet, acknowledging, stats } = shardSetOf(portable, setup);
  const seen = { notices: [] as PublishNotice[], endings: [] as MillraceError[], questions: 0 };
  const clock = { nowMs: 0 };
  let asked = Promise.withResolvers<void>();
  const reshard = new Reshard({
    ...{ ...acknowledging, setup, shardSet, codec: portable, stats },
    refusals: new Refusals(shardSet, () => 0),
    sink: {
      async partitions() {
        seen.questions++;
        throw error;
      },
    },
    post: (notice) => seen.notices.push(notice),
    nowMs: () => clock.nowMs,
    onHopeless: (ending) => seen.endings.push(ending),
    onAsked: () => asked.resolve(),
  });
  const askAt = async (nowMs: number) => {
    clock.nowMs = nowMs;
    asked = Promise.withResolvers<void>();
    const waitMs = reshard.advance(nowMs, 0);
    if (reshard.isAsked) await asked.promise;
    return waitMs;
  };
  return { reshard, seen, askAt };
}

describe('the question what the shards are', () => {
  it('is asked only when nothing is on its way, and not again within a second', async () => {
    const { reshard, seen, askAt } = failing(new Error('between two states'));
    expect(reshard.isIdle).toBe(true);
    reshard.note();
    expect([reshard.isIdle, reshard.advance(0, 1), seen.questions]).toEqual([
      false,
      Number.POSITIVE_INFINITY,
      0,
    ]);
    await askAt(0);
    expect([seen.questions, reshard.isIdle, await askAt(300)]).toEqual([1, false, 700]);
    await askAt(1_000);
    expect(seen.questions).toBe(2);
    expect(seen.notices).toEqual(new Array(2).fill({ kind: 'refresh-failed', reason: 'between two states' }));
  });

  it.each([
    {
      name: 'a denial, with its own advice',
      error: new MillraceError('MILLRACE_STREAM', 'denied'),
      code: 'MILLRACE_STREAM',
      exitCode: 2,
    },
    { name: 'silence', error: new Error('no answer'), code: 'MILLRACE_SERVICE_AWAY', exitCode: 3 },
  ])('ends the run where it gets no answer for too long: $name', async ({ error, code, exitCode }) => {
    const { reshard, seen, askAt } = failing(error, 3_000);
    reshard.note();
    for (const nowMs of [0, 1_000, 2_000]) await askAt(nowMs);
    expect(seen.endings).toEqual([]);
    await askAt(3_000);
    expect(seen.endings).toMatchObject([{ code, exitCode }]);
  });
});
