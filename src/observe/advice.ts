/**
 * Advice: what helps against the limit of a run.
 * Takes  the limit, how records spread over shards and keys, and the options that bear on it.
 * Gives  one text for people.
 * Owns   what is said against each limit. It never advises more shards for what one shard must carry: a key is always in one shard.
 * Pure.
 */
import { MIB } from '../base/limits.ts';
import { printable } from '../base/printable.ts';
import { formatCount } from '../base/quantity.ts';
import type { Rate } from '../publish/sink.ts';
import type { Limit, Stage } from './limit.ts';
import type { HotKey, SkewReport } from './skew.ts';

/** The limit of a run as reports have it. */
export interface RunLimit extends Limit {
  /** Null where nothing was delivered. */
  readonly skew: SkewReport | null;
  /** What helps; null where the limit is not known. */
  readonly helps: string | null;
}

/** The options of a run that bear on its limit. */
export interface RunTraits {
  readonly isAggregated: boolean;
  readonly isOrdered: boolean;
  readonly headroom: number;
  readonly throttledRecords: number;
  /** What a shard takes in a second. */
  readonly shardRate: Rate;
}

export const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  download: 'download',
  scan: 'scan',
  publish: 'publish',
  stream: 'the stream',
};

const BUSY = 0.8;
const MOST = 0.75;
/** A shard with this many times its fair share is hot, and so is a key with this much of what a shard takes. */
const HOT = 1.25;
/** While the stream held the run, at least this share of the shards was full at once; below it, they took turns. */
const TOGETHER = 0.5;
/** A smaller gain is not worth mentioning. */
const GAIN_MIN = 1.2;

const AGAINST_ORDER =
  '--aggregate: with --order key a request holds each key once, so a key goes at one record a round trip.';

export function adviceOf(limit: Limit, skew: SkewReport | null, traits: RunTraits): string | null {
  const { stage, means } = limit;
  switch (stage) {
    case null:
      return null;
    case 'stream':
      return againstStream(limit, skew, traits);
    case 'publish':
      if (traits.isOrdered && !traits.isAggregated && means.publishersBusy < BUSY) return AGAINST_ORDER;
      return traits.isAggregated || means.publishersBusy < BUSY
        ? 'more --publishers.'
        : 'more --publishers, or --aggregate where records are small.';
    case 'scan':
      return 'more --parsers.';
    case 'download':
      return means.mainBusy >= MOST
        ? 'the main thread receives without a pause: run several processes, each with a part of the source.'
        : 'more --downloads, or a machine nearer to the bucket.';
  }
}

function againstStream(limit: Limit, skew: SkewReport | null, traits: RunTraits): string {
  const { means } = limit;
  if (means.rateHeld >= means.publishersHeld / 2 && means.rateHeld > 0) return 'a higher --rate, or none.';
  const isHeld = means.publishersHeld >= means.requestsOut || traits.throttledRecords > 0;
  if (!isHeld && traits.isOrdered && !traits.isAggregated) return AGAINST_ORDER;
  if (!isHeld) return 'answers are slow: more --in-flight lets more requests be under way.';
  const sentences = [
    skew === null ? 'more shards, or an on-demand stream.' : againstShards(limit, skew, traits.shardRate),
  ];
  const gain = aggregationGain(skew, traits.shardRate);
  if (!traits.isAggregated && gain >= GAIN_MIN)
    sentences.push(
      `--aggregate: records/s is what fills shards, not bytes, and ${gain.toFixed(1)} times as many fit.`,
    );
  if (traits.headroom > 0)
    sentences.push(`--headroom leaves ${percent(traits.headroom)} of each shard to others.`);
  return sentences.join(' ');
}

/** How many times as many records a shard takes where bytes alone count. */
function aggregationGain(skew: SkewReport | null, shardRate: Rate): number {
  if (skew === null || skew.unit === 'bytes') return 1;
  return shardRate.bytesPerSecond / shardRate.recordsPerSecond / skew.recordBytes;
}

function againstShards({ means, shares }: Limit, skew: SkewReport, shardRate: Rate): string {
  const { shards, hottestShard, hotKeys, unit } = skew;
  const [hottest] = hotKeys;
  if (hottest !== undefined && hottest.share * shards >= HOT) return againstKey(hottest, skew, shardRate);
  if (shards > 1 && hottestShard.share * shards >= HOT) {
    const share = `${percent(hottestShard.share)} of the ${unit}, a fair share is ${percent(1 / shards)}`;
    return `shard ${printable(hottestShard.shardId)} has ${share}: split it, or choose a --partition-key that spreads more evenly. More shards elsewhere change nothing.`;
  }
  if (shards > 1 && means.shardsHeld < TOGETHER * shares.stream) {
    const together = (means.shardsHeld / Math.max(shares.stream, 1e-9)) * shards;
    return (
      `neighbouring lines have the same keys, so shards take turns: ${together.toFixed(1)} of ${shards} were full at a time, and more of them ` +
      'change little. Lines in an order other than by key, or more --downloads, which read at more places at once, fill more of them.'
    );
  }
  return 'more shards, or an on-demand stream.';
}

/** A key that is more than a shard's fair share: whatever the number of shards, its own takes no more. */
function againstKey(hottest: HotKey, { hottestShard, unit }: SkewReport, shardRate: Rate): string {
  const { recordsPerSecond } = shardRate;
  const mibPerSecond = shardRate.bytesPerSecond / MIB;
  const name = hottest.key === null ? hottest.hash : JSON.stringify(hottest.key);
  const gain = hottestShard.share / hottest.share;
  const bound =
    unit === 'records'
      ? `${formatCount(recordsPerSecond)} records/s of it and ${formatCount(recordsPerSecond / hottest.share)} in all`
      : `${mibPerSecond} MiB/s of it and ${(mibPerSecond / hottest.share).toFixed(1)} MiB/s in all`;
  const shards =
    gain >= GAIN_MIN
      ? `more shards lead to ${bound} at most`
      : `more shards do not help: ${bound} is the most`;
  return (
    `one key is one shard, and key ${printable(name)} has ${percent(hottest.share)} of the ${unit}: ${shards}. ` +
    'A finer --partition-key, or none (each record has its own then) where no order by key is needed.'
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
