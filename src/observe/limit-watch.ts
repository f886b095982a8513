/**
 * Limit watch: looks at what holds a run back, twenty times a second while that changes and four times while it stays, and says at its
 *        end what did, and what helps.
 * Takes  what a pressure gauge looks at; at the end what the publishers counted of shards and keys.
 * Gives  the limit of the run, as reports have it.
 * Owns   the clock of the looks, and their sums. A look costs some microseconds, whatever the run carries.
 */
import type { BackfillOptions } from '../options/backfill.ts';
import type { Rate } from '../publish/sink.ts';
import type { KeyWatch, SkewCounts } from '../publish/skew.ts';
import { STAT, sumStat } from '../publish/stats.ts';
import { adviceOf, type RunLimit } from './advice.ts';
import { LimitTally, type Stage, stageOf } from './limit.ts';
import { PressureGauge, type PressureParts } from './pressure.ts';
import { skewOf } from './skew.ts';

const INTERVAL_MS = 50;
/** While one stage holds the run back for look after look, each look waits twice as long as the one before, up to this. */
const STEADY_INTERVAL_MS = 250;

export interface LimitWatchParts extends PressureParts {
  /** What a shard takes in a second. */
  readonly shardRate: Rate;
}

export class LimitWatch {
  readonly #tally = new LimitTally();
  readonly #parts: LimitWatchParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LimitWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    const gauge = new PressureGauge(this.#parts);
    let stage: Stage | null = null;
    let intervalMs = INTERVAL_MS;
    const look = () => {
      const sample = gauge.read();
      this.#tally.add(sample);
      const before = stage;
      stage = stageOf(sample);
      intervalMs = stage === before ? Math.min(2 * intervalMs, STEADY_INTERVAL_MS) : INTERVAL_MS;
      this.#timer = setTimeout(look, intervalMs);
    };
    this.#timer = setTimeout(look, intervalMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
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
