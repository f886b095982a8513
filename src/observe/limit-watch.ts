/**
 * Limit watch: looks twenty times a second at what holds a run back, and says at its end what did, and what helps.
 * Takes  what a pressure gauge looks at; at the end what the publishers counted of shards and keys.
 * Gives  the limit of the run, as reports have it.
 * Owns   the clock of the looks, and their sums. A look costs some microseconds, whatever the run carries.
 */
import type { BackfillOptions } from '../options/backfill.ts';
import type { Rate } from '../publish/sink.ts';
import type { KeyWatch, SkewCounts } from '../publish/skew.ts';
import { STAT, sumStat } from '../publish/stats.ts';
import { adviceOf, type RunLimit } from './advice.ts';
import { LimitTally } from './limit.ts';
import { PressureGauge, type PressureParts } from './pressure.ts';
import { skewOf } from './skew.ts';

const INTERVAL_MS = 50;

export interface LimitWatchParts extends PressureParts {
  /** What a shard takes in a second. */
  readonly shardRate: Rate;
}

export class LimitWatch {
  readonly #tally = new LimitTally();
  readonly #parts: LimitWatchParts;

  constructor(parts: LimitWatchParts) {
    this.#parts = parts;
  }

  /** Looks until the timer is cleared. */
  start(): NodeJS.Timeout {
    const gauge = new PressureGauge(this.#parts);
    return setInterval(() => this.#tally.add(gauge.read()), INTERVAL_MS);
  }

  /** What held the run back so far. @param counts Of those publishers that have ended. */
  limit(options: BackfillOptions, counts: readonly SkewCounts[]): RunLimit {
    const { shardCount, shardRate, stats } = this.#parts;
    const limit = this.#tally.limit();
    const skew = skewOf(counts, shardCount(), options.aggregate, shardRate);
    const traits = {
      isAggregated: options.aggregate,
      isOrdered: options.order === 'key',
      headroom: options.headroom,
      throttledRecords: sumStat(stats, STAT.THROTTLED),
      shardRate,
    };
    return { ...limit, skew, helps: adviceOf(limit, skew, traits) };
  }
}

/** Keys are only worth a look where records share them: no two records have the same coordinates. */
export function keyWatchOf({ partitionKey, explicitHashKey, showKeys }: BackfillOptions): KeyWatch {
  if (partitionKey === null && explicitHashKey === null) return 'none';
  return showKeys ? 'shown' : 'hashed';
}
