/**
 * Shutdown: how a run ends early, and how its threads end.
 * Takes  the reading and the publishing of a run, and its word on how far it is (src/ring/phases.ts).
 * Gives  an orderly stop within a time that is promised: nothing new is read or sent, what is in flight ends, for what is queued the
 *        publishers say which records are left to the next process, and then the threads end.
 * Owns   the time of a stop, and which part of it each step may take.
 * Never  decides that a run ends, or why.
 */
import type { MillraceError } from '../base/errors.ts';
import { whenLate } from '../base/patience.ts';
import { PHASE } from '../ring/phases.ts';
import { canDrain } from './failures.ts';

/** What each step of a stop may take, in milliseconds. Together they are ENGINE.stopMs. */
export const STOP_BUDGET_MS = {
  /** Parsers come to rest. */
  rest: 5_000,
  /** Requests in flight are answered. */
  answers: 10_000,
  /** Publishers say what is left. */
  leave: 3_000,
  /** Thread pools that are asked to end do so. */
  pools: 2_000,
} as const satisfies Record<string, number>;

export interface ShutdownOptions {
  readonly reading: {
    abort(reason: unknown): void;
    idle(): Promise<void>;
    close(): Promise<void>;
  };
  readonly publishing: { close(): Promise<void> };
  readonly setPhase: (phase: number) => void;
}

export class Shutdown {
  readonly #options: ShutdownOptions;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  /**
   * Stops in good order. After the loss of a thread or the disk nobody can say what is left: then only what is settled counts.
   * @param published Ends with the last publisher.
   */
  async drain(reason: MillraceError, published: Promise<void>): Promise<void> {
    const { reading, setPhase } = this.#options;
    reading.abort(reason);
    setPhase(PHASE.STOP);
    if (!canDrain(reason)) return;
    await within(STOP_BUDGET_MS.rest, reading.idle());
    setPhase(PHASE.LEAVE);
    await within(STOP_BUDGET_MS.answers, published);
    setPhase(PHASE.CUT);
    await within(STOP_BUDGET_MS.leave, published);
  }

  /** Ends all threads, whatever they are doing. */
  async closePools(): Promise<void> {
    const { reading, publishing } = this.#options;
    await within(STOP_BUDGET_MS.pools, Promise.allSettled([reading.close(), publishing.close()]));
  }
}

/** Waits for work to end, but no longer than that. The wait alone does not keep the process alive. */
export async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const { promise: isOver, resolve } = Promise.withResolvers<void>();
  const stop = whenLate(timeoutMs, resolve, { isUnref: true });
  try {
    await Promise.race([work, isOver]);
  } finally {
    stop();
  }
}
