/**
 * Awaiting: lines of a slice whose stages have given promises, until these have settled.
 * Takes  lines that are open. Gives  when all are settled, or those that are not are given up; whether something was stopped meanwhile.
 * Owns   the rule that a line is given up when for the time that one may take none has settled. In that time this thread was there to see it: what
 *        came while the process stood still is not late.
 * Never  relies on one callback alone: while code of others is stopped from outside, any callback of this thread may be lost.
 */
import { AwakeTime } from '../base/patience.ts';
import { threadStarvedMs, threadWorkMs } from '../base/thread-time.ts';
import type { Heart } from '../ring/heartbeat.ts';
import { silenceOf, TRY_MS_MAX } from '../scan/guard.ts';
import type { LineOutcome } from './line-outcome.ts';

/** A line on its way. */
export class Open {
  readonly promise: Promise<LineOutcome>;
  /** What its stages have done for it: it counts when the line is dealt with, so that a line that is begun twice counts once. */
  readonly figures: Float64Array;
  settled: LineOutcome | undefined;

  constructor(promise: Promise<LineOutcome>, figures: Float64Array) {
    this.promise = promise;
    this.figures = figures;
  }
}

/** Two clocks, so that one that is lost does not stop the other. */
const LOOKS_MS = [50, 70] as const;
/** Looks come as often, unless the thread works or stands still. */
const STEP_MS = 250;

export class Awaiting {
  readonly #timeoutMs: number;
  readonly #heart: Pick<Heart, 'awaitOthers' | 'beat' | 'isStopped' | 'leaveOthers'> | undefined;

  constructor(
    timeoutMs: number,
    heart: Pick<Heart, 'awaitOthers' | 'beat' | 'isStopped' | 'leaveOthers'> | undefined,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#heart = heart;
  }

  /** @param standingMs The event loop may stand still for so long. @returns Whether JavaScript was stopped: what is not settled may be lost. */
  all(open: readonly Open[], standingMs = Math.min(this.#timeoutMs, TRY_MS_MAX)): Promise<boolean> {
    return new Promise((resolve) => {
      let left = open.length;
      const silence = new Silence(this.#timeoutMs);
      let isOver = false;
      const look = () => {
        // What comes here stands still nowhere.
        this.#heart?.beat();
        const isDue = left === 0 || silence.look() >= this.#timeoutMs;
        if (isOver || !(isDue || this.#heart?.isStopped)) return;
        const isStopped = this.#heart?.leaveOthers() ?? (this.#heart === undefined ? false : null);
        if (isStopped === null) return;
        isOver = true;
        for (const timer of timers) clearInterval(timer);
        resolve(isStopped);
      };
      const timers = LOOKS_MS.map((ms) => setInterval(look, Math.min(ms, this.#timeoutMs)));
      this.#heart?.awaitOthers(standingMs, silenceOf(standingMs));
      for (const one of open)
        void one.promise.then((outcome) => {
          if (isOver) return;
          one.settled = outcome;
          silence.isBroken = true;
          left--;
          if (left === 0) look();
        });
    });
  }
}

/** Since a line has settled, without the time in which this thread was ready and had no processor. */
class Silence {
  /** A line has settled since the last look. */
  isBroken = false;
  readonly #time: AwakeTime;
  #workMs = threadWorkMs();

  constructor(timeoutMs: number) {
    this.#time = new AwakeTime(Math.min(STEP_MS, timeoutMs / 2), ownMs());
  }

  look(): number {
    const workMs = threadWorkMs();
    const workedMs = workMs - this.#workMs;
    this.#workMs = workMs;
    this.#time.look(ownMs(), workedMs);
    if (this.isBroken) this.#time.passedMs = 0;
    this.isBroken = false;
    return this.#time.passedMs;
  }
}

function ownMs(): number {
  return performance.now() - (threadStarvedMs() ?? 0);
}
