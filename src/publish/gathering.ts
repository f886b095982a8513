/**
 * Gathering: shards whose pace holds them send at the same moments, a few a second, so that the thread wakes once for many of them.
 * Takes  the paces of shards (pace.ts), and the batch that each has next.
 * Gives  how long that batch waits.
 * Owns   the moments. Pure: the caller brings the clock.
 * Never  lets a shard send less over time: what a late batch has not used stays in its bucket (pace.ts), and no batch waits until that is full.
 *
 * A thread that wakes for one request has cold caches: alone it costs twice what it costs as one of many, and bodies that are sent together
 * are hashed side by side (docs/PERFORMANCE.md).
 */

import type { Batch } from './batch.ts';
import type { ShardSet } from './shard-set.ts';

/** A shard takes a whole number of batches between its own moments: half a second fills one (shard-set.ts). */
const MOMENT_MS = 250;
/**
 * A batch goes this long after its pace says at least: where one request takes a little less time on its way than the one before, the shard
 * would refuse a few of its records, and each of them costs a second time.
 */
const SLACK_MS = 10;
/** A timer that ends a little early serves as well. */
const EARLY_MS = 2;

export class Gathering {
  /** Of each shard, by index, the moment that its batch waits for. After a reshard they may be those of other shards, for one moment. */
  readonly #momentMs: number[] = [];

  /** @returns Milliseconds until the batch may go; 0 = now. */
  waitMs(
    shardIndex: number,
    set: Pick<ShardSet, 'paces' | 'paceDelayMs'>,
    batch: Batch,
    nowMs: number,
  ): number {
    const delayMs = set.paceDelayMs(shardIndex, batch, nowMs);
    const spareMs = set.paces[shardIndex]!.spareMs(nowMs);
    if (spareMs === 0) return delayMs;
    if (delayMs > 0) {
      const dueMs = nowMs + delayMs + SLACK_MS;
      const momentMs = Math.ceil(dueMs / MOMENT_MS) * MOMENT_MS;
      this.#momentMs[shardIndex] = momentMs;
      return Math.min(momentMs - nowMs, spareMs);
    }
    const waitMs = Math.min((this.#momentMs[shardIndex] ?? 0) - nowMs, spareMs);
    return waitMs > EARLY_MS ? waitMs : 0;
  }
}
