/**
 * Lane drain: moves frames from a publisher's lanes into its shard queues.
 * Takes  all lanes of one publisher.
 * Gives  records in shard queues; in order mode task after task, in the sequence in which the main thread handed them out.
 * Owns   which lane may be read now. Never sends or waits.
 *
 * In order mode each task's frames stand between BEGIN and END in the lane of the parser that had it. A lane whose next task
 * is not due stands still; the due task always has a parser, because tasks reach the parsers in sequence.
 */
import { notifySpace } from '../ring/wait.ts';
import type { Codec } from './codec.ts';
import type { ShardQueues } from './shard-queues.ts';

/** What is left in the lanes: nothing; frames not wanted yet; frames that have no room or are not due. */
export type Drained = 'empty' | 'enough' | 'blocked';

const ENOUGH = { status: 'enough', sequence: 0 };

export class LaneDrain {
  readonly #lanes: readonly SharedArrayBuffer[];
  readonly #codec: Codec;
  readonly #isOrdered: boolean;
  readonly #hasEnough: () => boolean;
  /** In order mode: the task that each lane is in, or null between tasks. */
  readonly #sequences: (number | null)[];
  #dueSequence = 0;

  /** @param hasEnough Asked before each lane and after each full batch; true leaves the rest where it is. */
  constructor(
    lanes: readonly SharedArrayBuffer[],
    codec: Codec,
    isOrdered: boolean,
    hasEnough: () => boolean,
  ) {
    this.#lanes = lanes;
    this.#codec = codec;
    this.#isOrdered = isOrdered;
    this.#hasEnough = hasEnough;
    this.#sequences = lanes.map(() => null);
  }

  /** Moves what can be moved now. */
  drain(queues: ShardQueues, nowMs: number): Drained {
    const areEmpty = this.#isOrdered ? this.#drainInOrder(queues, nowMs) : this.#drainAll(queues, nowMs);
    if (areEmpty) return 'empty';
    return this.#hasEnough() ? 'enough' : 'blocked';
  }

  /** @returns Whether every lane is empty. */
  #drainAll(queues: ShardQueues, nowMs: number): boolean {
    let areEmpty = true;
    for (const lane of this.#lanes) {
      if (this.#drainLane(lane, queues, nowMs).status !== 'empty') areEmpty = false;
    }
    return areEmpty;
  }

  #drainInOrder(queues: ShardQueues, nowMs: number): boolean {
    for (;;) {
      let hasMoved = false;
      let areEmpty = true;
      for (const [i, lane] of this.#lanes.entries()) {
        const sequence = this.#sequences[i]!;
        if (sequence !== null && sequence !== this.#dueSequence) {
          areEmpty = false;
          continue;
        }
        const { status, sequence: marked } = this.#drainLane(lane, queues, nowMs);
        if (status === 'begin') this.#sequences[i] = marked;
        if (status === 'end') {
          this.#sequences[i] = null;
          this.#dueSequence++;
        }
        if (status === 'begin' || status === 'end') hasMoved = true;
        if (status !== 'empty' || this.#sequences[i] !== null) areEmpty = false;
      }
      if (!hasMoved) return areEmpty;
    }
  }

  /** Reads one lane until it is empty, a mark stands there, a shard has no room, or that is enough. */
  #drainLane(
    lane: SharedArrayBuffer,
    queues: ShardQueues,
    nowMs: number,
  ): { status: string; sequence: number } {
    while (!this.#hasEnough()) {
      const result = this.#codec.drain(lane, queues.table);
      if (result.records > 0 || result.status === 'begin' || result.status === 'end') notifySpace(lane);
      if (result.status !== 'shard-full') return result;
      if (!queues.makeRoom(result.shardIndex, result.needBytes, nowMs)) return result;
    }
    return ENOUGH;
  }
}
