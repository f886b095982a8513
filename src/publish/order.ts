/**
 * Order: what `--order` asks of a publisher: nothing, or that records of a key reach the stream in the order of their lines.
 * Takes  the rules of a run. Gives  the answers to every question that depends on it.
 * Owns   those rules alone: a policy keeps no state.
 */
import type { Batch } from './batch.ts';
import type { Codec } from './codec.ts';
import { GOES, markFirstOfEachKey, STAYS } from './frame-walk.ts';
import type { PublishRules } from './setup.ts';
import type { ShardQueues } from './shard-queues.ts';

export interface OrderPolicy {
  /** Whether lanes are read task after task, as the main thread handed them out. */
  readonly isByTask: boolean;
  /** Whether every batch is looked at frame by frame before it is sent. */
  readonly isOfFrames: boolean;
  /** Requests of one shard that may be on their way at once. */
  readonly shardInFlightMax: number;
  /** Data plus keys of one request. */
  readonly requestBytesMax: number;
  /** Takes those records of a shard's next batch that may share a request. */
  shift(queues: ShardQueues, shardIndex: number, codec: Codec): Batch;
  /** Queues records that were not stored again. Their memory belongs to the queues afterwards. */
  putBack(queues: ShardQueues, shardIndex: number, batch: Batch): void;
}

type OrderRules = Pick<PublishRules, 'order' | 'inFlightMax' | 'batchBytesMax' | 'aggregateBytesMax'>;

export function orderOf(rules: OrderRules): OrderPolicy {
  return rules.order === 'key' ? byKey(rules) : anyOrder(rules);
}

function anyOrder({ inFlightMax, batchBytesMax }: OrderRules): OrderPolicy {
  return {
    isByTask: false,
    isOfFrames: false,
    shardInFlightMax: inFlightMax,
    requestBytesMax: batchBytesMax,
    shift: (queues, shardIndex) => queues.shift(shardIndex),
    putBack(queues, shardIndex, batch) {
      // They travel with others where they fit; those that failed before only with each other, so that failures are counted.
      const goesWithFresh = batch.failures === 0 && queues.mergeIntoOpen(shardIndex, batch);
      if (!goesWithFresh && !queues.mergeIntoFirst(shardIndex, batch)) queues.unshift(shardIndex, batch);
    },
  };
}

/** One request a shard: a request may refuse one record and store the next one. */
function byKey({ batchBytesMax, aggregateBytesMax }: OrderRules): OrderPolicy {
  return {
    isByTask: true,
    isOfFrames: true,
    shardInFlightMax: 1,
    // One aggregated record a request: two of them could be stored one without the other.
    requestBytesMax: aggregateBytesMax ?? batchBytesMax,
    // An aggregated record is stored whole or not at all, so records of a key may share it.
    shift: aggregateBytesMax === null ? shiftDistinctKeys : (queues, shardIndex) => queues.shift(shardIndex),
    putBack: (queues, shardIndex, batch) => queues.unshift(shardIndex, batch),
  };
}

/** Later records of a key stay at the head of the queue. */
function shiftDistinctKeys(queues: ShardQueues, shardIndex: number, codec: Codec): Batch {
  const batch = queues.shift(shardIndex);
  const frames = batch.buffer.subarray(0, batch.bytes);
  const marks = markFirstOfEachKey(frames, batch.count);
  if (!marks.includes(STAYS)) return batch;
  const [due, later] = [GOES, STAYS].map((mark) => {
    const part = queues.fork(shardIndex, batch.bytes, batch);
    return Object.assign(part, codec.select(frames, batch.count, marks, mark, part.buffer));
  });
  queues.unshift(shardIndex, later!);
  queues.release(shardIndex, batch);
  return due!;
}
