/**
 * Ahead: work on batches that wait, which costs less for many at once than for each alone when it is sent.
 * Takes  the queues of all shards. Gives  their next batches to the sink, as many as it wants at once, and tells which are prepared.
 * Owns   in which order shards are asked: by turns, as they will be sent.
 * Never  sends, or waits for more batches: a sink leaves too few as they are, and does the work with each request.
 */
import type { Batch } from './batch.ts';
import type { OrderPolicy } from './order.ts';
import type { ShardQueues } from './shard-queues.ts';
import type { Sink } from './sink.ts';

/** Who wants few requests in flight wants few batches to wait: what one of them teaches, a limit of size for one, comes too late for these. */
const WAITING_PER_IN_FLIGHT_MAX = 2;

export class Ahead {
  /** How many batches are prepared at once; 0: none ever is. */
  readonly batchCount: number;
  readonly #sink: Pick<Sink, 'prepare'>;

  constructor(
    sink: Pick<Sink, 'prepare' | 'preparedAtOnce'>,
    order: Pick<OrderPolicy, 'isOfFrames'>,
    inFlightMax: number,
  ) {
    this.#sink = sink;
    const { preparedAtOnce = 0 } = sink;
    // What is looked at frame by frame before it is sent cannot be prepared.
    const isWorthwhile = !order.isOfFrames && preparedAtOnce <= WAITING_PER_IN_FLIGHT_MAX * inFlightMax;
    this.batchCount = isWorthwhile ? preparedAtOnce : 0;
  }

  /** @param firstShard Whose turn it is. */
  prepare(queues: ShardQueues, firstShard: number): void {
    const { length: shardCount } = queues.shards;
    const batches: Batch[] = [];
    let hasMore = true;
    for (let depth = 0; hasMore && batches.length < this.batchCount; depth++) {
      hasMore = false;
      for (let turn = 0; turn < shardCount && batches.length < this.batchCount; turn++) {
        const batch = queues.closed((firstShard + turn) % shardCount)[depth];
        if (batch === undefined) continue;
        hasMore = true;
        if (!isPrepared(batch)) batches.push(batch);
      }
    }
    if (batches.length > 1) this.#sink.prepare?.(batches);
  }
}

export function isPrepared({ prepared = null }: Batch): boolean {
  return prepared !== null;
}
