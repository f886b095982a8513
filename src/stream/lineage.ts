/**
 * Lineage: which shards may be read now. Parents come before their children, across splits and merges.
 * Takes  the shards of a stream, as listed or as an answer names them; word of shards that are read to their end.
 * Gives  the shards that are due, each once.
 * Owns   what is known of every shard. Pure: no I/O.
 */
export interface ShardInfo {
  readonly shardId: string;
  /** One after a split, two after a merge, none at the beginning. */
  readonly parentIds: readonly string[];
  /** In decimal, both inclusive. */
  readonly startingHashKey: string;
  readonly endingHashKey: string;
  /** Whether it no longer takes records. */
  readonly isClosed: boolean;
}

export class Lineage {
  readonly #shards = new Map<string, ShardInfo>();
  readonly #waiting = new Set<string>();
  readonly #finished = new Set<string>();

  /** All shards so far. */
  get shards(): ReadonlyMap<string, ShardInfo> {
    return this.#shards;
  }

  /**
   * Makes shards known. Those that are known already change nothing.
   * @returns Which of them were new.
   */
  add(shards: Iterable<ShardInfo>): ShardInfo[] {
    const added: ShardInfo[] = [];
    for (const shard of shards) {
      if (this.#shards.has(shard.shardId)) continue;
      this.#shards.set(shard.shardId, shard);
      this.#waiting.add(shard.shardId);
      added.push(shard);
    }
    return added;
  }

  /** The shard is read to its end, or need not be read. */
  finish(shardId: string): void {
    this.#waiting.delete(shardId);
    this.#finished.add(shardId);
  }

  isFinished(shardId: string): boolean {
    return this.#finished.has(shardId);
  }

  /** Shards whose parents are all finished, or were never known: retention took them. Each is given once. */
  takeDue(): ShardInfo[] {
    const due: ShardInfo[] = [];
    for (const shardId of this.#waiting) {
      const shard = this.#shards.get(shardId)!;
      const isDue = shard.parentIds.every(
        (parent) => !this.#shards.has(parent) || this.#finished.has(parent),
      );
      if (isDue) due.push(shard);
    }
    for (const { shardId } of due) this.#waiting.delete(shardId);
    return due;
  }

  /** How many shards wait for their parents. */
  get waitingCount(): number {
    return this.#waiting.size;
  }
}
