/**
 * Consumer: reads a stream as an application on the Kinesis Client Library does.
 * Takes  the records that the stream holds, and which hash keys each shard has.
 * Gives  the records that the application is shown, in order: aggregated ones are taken apart, and an aggregate of which one part
 *        has a hash key that is not the shard's is dropped as a whole, as the library drops it.
 * Owns   no decoder: the aggregates are opened by the reference library. What it refuses counts as one plain record.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type { StoredRecord } from './checker.ts';

/** Hash keys [start, end] of a shard. */
export interface HashRange {
  readonly start: bigint;
  readonly end: bigint;
}

interface UserRecord {
  readonly partitionKey: string;
  readonly explicitPartitionKey?: string;
  /** Base64. */
  readonly data: string;
}

const MAGIC = 'f3899ac2';
const reference = createRequire(import.meta.url)('aws-kinesis-agg') as {
  deaggregateSync(
    record: { data: string; partitionKey: string; sequenceNumber: string },
    checksums: boolean,
    done: (error: Error | null | undefined, records?: UserRecord[]) => void,
  ): void;
};

/** @param ranges By shard id. */
export function* consume(
  stored: Iterable<StoredRecord>,
  ranges: ReadonlyMap<string, HashRange>,
): Generator<StoredRecord> {
  for (const record of stored) {
    const parts = record.data.toString('hex', 0, 4) === MAGIC ? partsOf(record) : null;
    if (parts === null) {
      yield record;
      continue;
    }
    const range = ranges.get(record.shardId);
    if (range === undefined || !parts.every((part) => isInside(part, range))) continue;
    for (const [index, { partitionKey, data }] of parts.entries()) {
      const sequenceNumber = `${record.sequenceNumber}/${index}`;
      yield { shardId: record.shardId, sequenceNumber, partitionKey, data: Buffer.from(data, 'base64') };
    }
  }
}

function partsOf({ partitionKey, sequenceNumber, data }: StoredRecord): UserRecord[] | null {
  let parts: UserRecord[] | null = null;
  const input = { data: data.toString('base64'), partitionKey, sequenceNumber };
  reference.deaggregateSync(input, true, (error, records) => {
    parts = error ? null : (records ?? null);
  });
  return parts;
}

function isInside({ partitionKey, explicitPartitionKey }: UserRecord, { start, end }: HashRange): boolean {
  const hashKey = BigInt(explicitPartitionKey ?? `0x${md5(partitionKey)}`);
  return hashKey >= start && hashKey <= end;
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}
