/**
 * Skew report: how the records of a run spread over the shards, and which keys weigh most.
 * Takes  what the publishers counted (src/publish/skew.ts).
 * Gives  the hottest shard's share and the hottest keys, in the unit that fills a shard first.
 * Pure. A key is named by its hash, unless the publishers were told to keep it.
 */
import type { Rate } from '../publish/sink.ts';
import type { SkewCounts } from '../publish/skew.ts';

export interface SkewReport {
  /** What fills a shard first: its records or its bytes of a second. */
  readonly unit: 'records' | 'bytes';
  /** Open shards of the stream. */
  readonly shards: number;
  /** Mean of data plus key bytes. */
  readonly recordBytes: number;
  /** Shares are of what this process has delivered, 0 to 1. */
  readonly hottestShard: { readonly shardId: string; readonly share: number };
  /** Estimates from one record in 64, the hottest first; only keys that stand out. */
  readonly hotKeys: readonly HotKey[];
}

export interface HotKey {
  /** The beginning of the MD5 of the key (of an explicit hash key, its upper bits), 12 hexadecimal digits. */
  readonly hash: string;
  /** The key, with --show-keys; else null. */
  readonly key: string | null;
  readonly share: number;
  readonly shardId: string;
}

/** Fewer looks than this say nothing about a key. */
const LOOKS_MIN = 64;
const KEY_LOOKS_MIN = 8;
/** A key is reported from this part of a shard's fair share on. */
const TOLD_PART = 0.5;
const TOLD_MAX = 5;

/** @param shardRate What a shard takes in a second. @returns Null where nothing was delivered. */
export function skewOf(
  counts: readonly SkewCounts[],
  shardCount: number,
  isAggregated: boolean,
  shardRate: Rate,
): SkewReport | null {
  const shards = new Map<string, { records: number; bytes: number }>();
  const total = { records: 0, bytes: 0 };
  for (const { shardId, records, bytes } of counts.flatMap((one) => one.shards)) {
    const sum = shards.get(shardId) ?? { records: 0, bytes: 0 };
    shards.set(shardId, { records: sum.records + records, bytes: sum.bytes + bytes });
    total.records += records;
    total.bytes += bytes;
  }
  if (total.records === 0) return null;
  const recordBytes = total.bytes / total.records;
  // Aggregated records are few and large.
  const isByRecords = !isAggregated && recordBytes * shardRate.recordsPerSecond < shardRate.bytesPerSecond;
  const unit = isByRecords ? 'records' : 'bytes';
  const shareOf = (sum: { records: number; bytes: number }) => sum[unit] / total[unit];
  const [shardId, hottest] = [...shards].toSorted(([, a], [, b]) => b[unit] - a[unit])[0]!;
  const hottestShard = { shardId, share: shareOf(hottest) };
  return { unit, shards: shardCount, recordBytes, hottestShard, hotKeys: hotKeys(counts, unit, shardCount) };
}

function hotKeys(
  counts: readonly SkewCounts[],
  unit: SkewReport['unit'],
  shardCount: number,
): readonly HotKey[] {
  const lookedAt = counts.reduce((sum, one) => sum + one.lookedAt, 0);
  const lookedAtBytes = counts.reduce((sum, one) => sum + one.lookedAtBytes, 0);
  if (lookedAt < LOOKS_MIN) return [];
  const keys = counts
    .flatMap((one) => one.keys)
    .filter(({ count }) => count >= KEY_LOOKS_MIN)
    .map(({ hash, key, shardId, count, recordBytes }) => ({
      hash,
      key,
      share: unit === 'records' ? count / lookedAt : (count * recordBytes) / lookedAtBytes,
      shardId,
    }));
  const told = keys.filter(({ share }) => share >= TOLD_PART / shardCount);
  return told.toSorted((a, b) => b.share - a.share).slice(0, TOLD_MAX);
}
