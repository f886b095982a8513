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
/** A batch that is due so soon goes with the others; its shard's tokens are a debt for as long. */
const EARLY_MS = 5;

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
    if (delayMs > EARLY_MS) {
      const dueMs = nowMs + delayMs - EARLY_MS;
      const momentMs = Math.ceil(dueMs / MOMENT_MS) * MOMENT_MS;
      this.#momentMs[shardIndex] = momentMs;
      return Math.min(momentMs - nowMs, spareMs);
    }
    const waitMs = Math.min((this.#momentMs[shardIndex] ?? 0) - nowMs, spareMs);
    return waitMs > EARLY_MS ? waitMs : 0;
  }
}
