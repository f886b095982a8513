/**
 * Key order: what `--order key` and `--aggregate` promise to a consumer, and random sources to try it with.
 * Takes  a seed; a world whose stream holds what a run made of the source.
 * Gives  objects of numbered lines; per partition key what a consumer sees; what of that breaks the promise.
 * Owns   the rule. Each key's lines are numbered 0, 1, 2, ... in source order. Read back, parents before children, each line
 *        is at most one ahead of the line before it, and the last line comes last. So nothing overtakes and nothing is left out;
 *        a request that was repeated (its answer was lost) takes the sequence back and through to where it was, in order again.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Random } from '../../bench/workloads/random.ts';
import type { FastS3Object } from '../../src/embedded/fast-s3.ts';
import { deaggregate } from '../../src/record/aggregate.ts';
import { STREAM, type World } from './fixture.ts';

export interface NumberedSource {
  readonly objects: FastS3Object[];
  readonly lineCount: number;
  /** Data plus keys, as the service counts them. */
  readonly payloadBytes: number;
  /** Lines by key. */
  readonly counts: ReadonlyMap<string, number>;
}

/** `lineCount` lines over `keyCount` keys, one of them hot, in objects of any size, some of them compressed. */
export function numberedSource(seed: number, lineCount: number, keyCount: number): NumberedSource {
  const random = new Random(seed);
  const counts = new Map<string, number>();
  let payloadBytes = 0;
  const lines = Array.from({ length: lineCount }, () => {
    const key = random.chance(2) ? 'hot' : `key-${random.integer(1, keyCount)}`;
    const n = counts.get(key) ?? 0;
    counts.set(key, n + 1);
    const line = `{"k":"${key}","n":${n},"pad":"${random.hex(random.integer(0, 120))}"}`;
    payloadBytes += line.length + key.length;
    return `${line}\n`;
  });
  const objects: FastS3Object[] = [];
  for (let from = 0; from < lineCount; ) {
    const to = Math.min(lineCount, from + random.integer(1, Math.ceil(lineCount / 4)));
    const body = Buffer.from(lines.slice(from, to).join(''));
    const name = String(objects.length).padStart(3, '0');
    const isCompressed = random.chance(40);
    objects.push({
      key: isCompressed ? `${name}.jsonl.gz` : `${name}.jsonl`,
      body: isCompressed ? gzipSync(body) : body,
    });
    from = to;
  }
  return { objects, lineCount, payloadBytes, counts };
}

interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** Hash ranges of all shards that the stream has or had. */
function rangesOf(world: World): Map<string, Range> {
  const { Shards } = world.kinesis.call('ListShards', { StreamName: STREAM }) as {
    Shards: { ShardId: string; HashKeyRange: { StartingHashKey: string; EndingHashKey: string } }[];
  };
  return new Map(
    Shards.map(({ ShardId, HashKeyRange: range }) => [
      ShardId,
      { start: BigInt(range.StartingHashKey), end: BigInt(range.EndingHashKey) },
    ]),
  );
}

const hashOf = (key: string) => BigInt(`0x${createHash('md5').update(key).digest('hex')}`);

export interface Seen {
  /** Numbers by key, in the order in which a consumer gets them. */
  readonly numbers: Map<string, number[]>;
  /**
   * Parts of aggregates that reach beyond their shard's range. As soon as one part lies outside, the consumer library drops all of
   * that aggregate without a word (`AggregatorUtil.deaggregate` of the Kinesis Client Library).
   */
  readonly droppedCount: number;
  readonly aggregateCount: number;
}

/** Reads the stream as the consumer library does: shards in order of birth, so parents before children. */
export function consume(world: World): Seen {
  const ranges = rangesOf(world);
  const numbers = new Map<string, number[]>();
  let droppedCount = 0;
  let aggregateCount = 0;
  const see = (key: string, data: Uint8Array) => {
    const { k, n } = JSON.parse(Buffer.from(data).toString());
    if (k !== key) throw new Error(`Record of ${k} came with partition key ${key}`);
    const seen = numbers.get(key);
    if (seen) seen.push(n);
    else numbers.set(key, [n]);
  };
  for (const { shardId, partitionKey, data } of world.kinesis.records(STREAM)) {
    const parts = deaggregate(data);
    if (parts === null) {
      see(partitionKey, data);
      continue;
    }
    aggregateCount++;
    const range = ranges.get(shardId)!;
    const hashes = parts.map(({ partitionKey }) => hashOf(partitionKey));
    if (hashes.some((hash) => hash < range.start || hash > range.end)) droppedCount += parts.length;
    else for (const part of parts) see(part.partitionKey, part.data);
  }
  return { numbers, droppedCount, aggregateCount };
}

/** Where what was seen breaks the order of a key, or misses a line of it; one text each. Empty: the promise was kept. */
export function breaches(counts: ReadonlyMap<string, number>, seen: Seen['numbers']): string[] {
  const found: string[] = [];
  for (const [key, count] of counts) {
    let last = -1;
    for (const n of seen.get(key) ?? []) {
      if (n > last + 1) found.push(`${key}: ${n} came after ${last}`);
      last = n;
    }
    if (last !== count - 1) found.push(`${key}: ends with ${last}, not with ${count - 1}`);
  }
  for (const key of seen.keys()) if (!counts.has(key)) found.push(`${key}: not in the source`);
  return found;
}

/** Lines that are not there, whatever the order; and how many are there more than once. */
export function losses(counts: ReadonlyMap<string, number>, seen: Seen['numbers']) {
  let missingCount = 0;
  let repeatCount = 0;
  for (const [key, count] of counts) {
    const numbers = seen.get(key) ?? [];
    const distinctCount = new Set(numbers).size;
    missingCount += count - distinctCount;
    repeatCount += numbers.length - distinctCount;
  }
  return { missingCount, repeatCount };
}
