/**
 * Shard map: which shard takes which hash keys, and which publisher owns which part of the hash key space.
 * Takes  the stream's open shards (ListShards).
 * Gives  sorted hash ranges, and the borders at which parsers hand records to one publisher or the next.
 * Owns   the arithmetic of 128-bit hash ranges. Pure: no I/O.
 *
 * A publisher owns a fixed range of hash keys for the whole run, cut at shard borders when the run starts. Splits and merges
 * change the shards inside that range, never the owner of a key: that keeps routing in the parsers constant, and the order of
 * a key's records in one hand.
 */
import { RECORD } from '../base/limits.ts';

/** An open shard and the hash keys it takes, both ends included. */
export interface ShardRange {
  readonly shardId: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** The part of the hash key space that one publisher owns, both ends included. */
export interface OwnedRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** One shard as its owner sees it: the part of its range that the publisher owns, and how much of the shard that is. */
export interface OwnedShard extends ShardRange {
  /** 0 to 1: below 1 only when shards of two publishers were merged; each then takes its part of the shard's pace. */
  readonly fraction: number;
}

const HASH_KEYS = RECORD.hashKeyMax + 1n;

/** Sorts open shards by range. @throws {Error} When they leave a gap or overlap: then a reshard is under way, ask again. */
export function sortShards(shards: readonly ShardRange[]): ShardRange[] {
  const sorted = [...shards].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let due = 0n;
  for (const shard of sorted) {
    if (shard.start !== due)
      throw new Error(`Open shards leave a gap or overlap at hash key ${due} (${shard.shardId})`);
    due = shard.end + 1n;
  }
  if (due !== HASH_KEYS) throw new Error(`Open shards end at hash key ${due - 1n}`);
  return sorted;
}

/**
 * Cuts the hash key space at shard borders into one range per publisher, with shard counts as equal as can be.
 * @param publisherCount At most the number of shards.
 */
export function cutOwnedRanges(shards: readonly ShardRange[], publisherCount: number): OwnedRange[] {
  const ranges: OwnedRange[] = [];
  for (let i = 0; i < publisherCount; i++) {
    const first = shards[Math.floor((i * shards.length) / publisherCount)]!;
    const last = shards[Math.floor(((i + 1) * shards.length) / publisherCount) - 1]!;
    ranges.push({ start: first.start, end: last.end });
  }
  return ranges;
}

/** The shards that meet a range, cut to it. */
export function shardsWithin(shards: readonly ShardRange[], range: OwnedRange): OwnedShard[] {
  const owned: OwnedShard[] = [];
  for (const shard of shards) {
    const start = shard.start > range.start ? shard.start : range.start;
    const end = shard.end < range.end ? shard.end : range.end;
    if (start > end) continue;
    const fraction = Number(((end - start + 1n) * 1_000_000n) / (shard.end - shard.start + 1n)) / 1_000_000;
    owned.push({ shardId: shard.shardId, start, end, fraction: Math.max(fraction, 1e-6) });
  }
  return owned;
}

/** Range starts as pairs of u64 (high, low), the form in which scanner and codec search them. */
export function packStarts(ranges: readonly { readonly start: bigint }[]): BigUint64Array {
  const starts = new BigUint64Array(new SharedArrayBuffer(ranges.length * 16));
  for (const [i, range] of ranges.entries()) {
    starts[2 * i] = range.start >> 64n;
    starts[2 * i + 1] = BigInt.asUintN(64, range.start);
  }
  return starts;
}
