/** What --order asks of a publisher. */
import { describe, expect, it } from 'vitest';
import { readRefused } from '../../src/publish/frame-walk.ts';
import { orderOf } from '../../src/publish/order.ts';
import { portable } from './codecs.ts';
import { record } from './frames.ts';
import { batchOf, evenShards, RULES, setupOf, shardSetOf } from './publishing.ts';

/** A queue of one shard with one batch of records of these keys. */
function queueOf(keys: readonly string[]) {
  const bench = shardSetOf(portable, setupOf(evenShards(1)));
  const { queues } = bench.shardSet;
  queues.unshift(
    0,
    batchOf(
      bench,
      keys.map((key, i) => record({ key, lineOffset: i })),
    ),
  );
  return { bench, queues };
}

const offsetsOf = (batch: Parameters<typeof readRefused>[0]) =>
  readRefused(batch, '').map(({ objectOffset }) => objectOffset);

describe('order none', () => {
  const policy = orderOf({ ...RULES, order: 'none', inFlightMax: 7 });

  it('reads lanes as they come, and sends as many requests to a shard as may be on their way', () => {
    expect(policy).toMatchObject({
      isByTask: false,
      shardInFlightMax: 7,
      requestBytesMax: RULES.batchBytesMax,
    });
  });

  it('lets refused records join those that wait, and sends a batch as it is', () => {
    const { bench, queues } = queueOf(['a', 'a']);
    policy.putBack(queues, 0, batchOf(bench, [record({ key: 'b', lineOffset: 9 })]));
    expect([queues.closedCount(0), offsetsOf(policy.shift(queues, 0, portable))]).toEqual([1, [0, 1, 9]]);
  });
});

describe('order key', () => {
  it('keeps later records of a key out of the request, at the head of the queue', () => {
    const policy = orderOf({ ...RULES, order: 'key' });
    expect(policy).toMatchObject({ isByTask: true, shardInFlightMax: 1 });
    const { bench, queues } = queueOf(['a', 'b', 'a', 'c', 'a']);
    const sent = [1, 2, 3].map(() => {
      const batch = policy.shift(queues, 0, portable);
      const offsets = offsetsOf(batch);
      queues.release(0, batch);
      return offsets;
    });
    expect(sent).toEqual([[0, 1, 3], [2], [4]]);
    expect([queues.isEmpty, bench.pool.outBytes]).toEqual([true, 0]);
  });

  it('puts refused records before all others', () => {
    const policy = orderOf({ ...RULES, order: 'key' });
    const { bench, queues } = queueOf(['b']);
    policy.putBack(queues, 0, batchOf(bench, [record({ key: 'a', lineOffset: 9 })]));
    expect([queues.closedCount(0), offsetsOf(queues.shift(0))]).toEqual([2, [9]]);
  });

  it('sends one aggregated record a request, whatever keys it holds', () => {
    const policy = orderOf({ ...RULES, order: 'key', aggregateBytesMax: 51_200 });
    expect(policy.requestBytesMax).toBe(51_200);
    const { queues } = queueOf(['a', 'a']);
    expect(offsetsOf(policy.shift(queues, 0, portable))).toEqual([0, 1]);
  });
});
