/**
 * Records: everything that a stream holds, for whoever checks it without the read path of the service.
 * Gives  copies, shard by shard, in order.
 */
import { COLUMN, type Run, type Shard, type Stream } from './stream-store.ts';

export interface StoredRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly explicitHashKey: string | undefined;
  readonly data: Buffer;
  readonly arrivedAtMs: number;
}

function copy(shard: Shard, run: Run, i: number): StoredRecord {
  const { body, index } = run;
  const row = (run.from + i) * COLUMN.COUNT;
  const slice = (column: number) => {
    const at = index[row + column]!;
    return body.toString('utf8', at, at + index[row + column + 1]!);
  };
  const dataAt = index[row + COLUMN.DATA_AT]!;
  return {
    shardId: shard.shardId,
    sequenceNumber: shard.sequenceNumber(run.firstCounter + i),
    partitionKey: slice(COLUMN.KEY_AT),
    explicitHashKey: index[row + COLUMN.HASH_BYTES] === 0 ? undefined : slice(COLUMN.HASH_AT),
    data: Buffer.from(body.subarray(dataAt, dataAt + index[row + COLUMN.DATA_BYTES]!)),
    arrivedAtMs: run.arrivedAtMs,
  };
}

/** One array per request and shard. Between two of them the caller may let go of the thread: each is looked up afresh. */
export function* storedRuns(stream: Stream): Generator<StoredRecord[]> {
  for (const shard of stream.shards) {
    for (let counter = 1; ; ) {
      const run: Run | undefined = shard.runsFrom(counter).next().value;
      if (run === undefined) break;
      counter = run.firstCounter + run.count;
      yield Array.from({ length: run.count }, (_, i) => copy(shard, run, i));
    }
  }
}
