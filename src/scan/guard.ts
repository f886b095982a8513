/**
 * Guard: runs code that others wrote (schemas, stages), which may never come back.
 * Takes  work: a function that only notes what it found. Doing it twice must give the same result.
 * Gives  whether it came to its end. What it throws is thrown on.
 * Owns   the clock that stops it, and what counts as too long for one line: CPU time of this thread, so that a busy machine
 *        or a process that was stopped condemns nothing, and `verify` comes to the verdict of the run.
 * Never  is a sandbox. Never continues interrupted work: none of its `catch` or `finally` blocks runs, so it is done again or given up.
 *
 * V8 can be told from another thread to stop JavaScript; regular expressions, BigInts and sorting stop there, too. The addon has such a
 * thread for each guard (watch.ts); without it `node:vm` starts one for each piece of work, which takes as long as forty lines of 684 bytes.
 * What cannot be stopped is one long call into native code, such as `JSON.parse`: those are linear.
 */
import { createContext, Script } from 'node:vm';
import { ENGINE, MIB } from '../base/limits.ts';
import { threadCpuMs, threadStarvedMs } from '../base/thread-time.ts';
import { loadAddon } from '../native/load.ts';
import { Watch } from './watch.ts';

/** First try of a line on its own, in times of the CPU time that it may take: on a machine that is not overloaded one is enough. */
export const FIRST_TRY_SHARE = 1.25;
/** A try lasts no longer, where the thread has the processor. */
export const TRY_MS_MAX = 10_000;
/** The same where others have it, or a quota gives the thread little. */
const STARVED_TRY_MS_MAX = 600_000;
/** Work that this many tries did not finish, and not for want of a processor, waits for something that does not come. */
export const TRIES_MAX = 5;
/** Where the system does not say how long a thread lacked a processor: what waits needs less CPU time than this share. */
const WAITING_SHARE_MAX = 0.002;

/** What a thread had in some time by the clock. */
export interface TryTimes {
  readonly clockMs: number;
  readonly cpuMs: number;
  /** It was ready to work; null: unknown. */
  readonly starvedMs: number | null;
}

/** Whether it got little done because it had no processor: then nothing is known of the work. */
export function isStarved({ clockMs, cpuMs, starvedMs }: TryTimes): boolean {
  return starvedMs === null ? cpuMs >= WAITING_SHARE_MAX * clockMs : starvedMs >= clockMs / 2;
}

/** How long the next try lasts, so that it gets its CPU time at the share of the processor that the last one had. */
export function nextTryMs(tryMs: number, cpuMsMax: number, times: TryTimes): number {
  const share = times.cpuMs / times.clockMs;
  const wantedMs = Math.max(2 * tryMs, (cpuMsMax / share) * FIRST_TRY_SHARE);
  return Math.min(wantedMs, isStarved(times) ? STARVED_TRY_MS_MAX : TRY_MS_MAX);
}

/** For how long a thread is silent in a try beyond what any may be. */
export function silenceOf(tryMs: number): number {
  return tryMs > TRY_MS_MAX ? tryMs : 0;
}

/** Counters of the calling thread, in milliseconds. */
export function threadTimes(): TryTimes {
  return { clockMs: performance.now(), cpuMs: threadCpuMs(), starvedMs: threadStarvedMs() };
}

export function timesSince(start: TryTimes, now: TryTimes): TryTimes {
  const isKnown = start.starvedMs !== null && now.starvedMs !== null;
  return {
    clockMs: now.clockMs - start.clockMs,
    cpuMs: now.cpuMs - start.cpuMs,
    starvedMs: isKnown ? now.starvedMs! - start.starvedMs! : null,
  };
}

export interface GuardOptions {
  /** CPU time that a short line may take. */
  readonly lineCpuMsMax?: number;
  /** Called before each try of a line, with `silenceOf` it. */
  readonly onTry?: (silenceMs: number) => void;
  /** By default those of this thread. */
  readonly times?: () => TryTimes;
  /** As if there were no addon. Tests try both. */
  readonly portable?: boolean;
}

/** @returns false when the work was stopped. */
type RunFor = (work: () => void, timeoutMs: number) => boolean;

export class Guard {
  /** Made when it is first needed: many a guard never is. */
  #runFor: RunFor | null = null;
  readonly #lineCpuMsMax: number;
  readonly #onTry: (silenceMs: number) => void;
  readonly #times: () => TryTimes;
  readonly #portable: boolean;

  constructor({
    lineCpuMsMax = ENGINE.lineCpuMsMax,
    onTry = () => {},
    times = threadTimes,
    portable = false,
  }: GuardOptions = {}) {
    this.#lineCpuMsMax = lineCpuMsMax;
    this.#times = times;
    this.#portable = portable;
    this.#onTry = onTry;
  }

  /**
   * Work on many lines, which may take half of what one line may: a line that passes here would pass on its own.
   * @returns false when it was interrupted; find the line at which it stopped with `runLine`.
   */
  runLines(work: () => void): boolean {
    return this.#run(work, Math.ceil(this.#lineCpuMsMax / 2));
  }

  /** Work on one line of this size. @returns false when it takes more than its time. */
  runLine(work: () => void, lineBytes: number): boolean {
    const cpuMsMax = this.#lineCpuMsMax + (lineBytes / MIB) * ENGINE.lineCpuMsPerMib;
    let tryMs = Math.min(cpuMsMax * FIRST_TRY_SHARE, TRY_MS_MAX);
    for (let triesLeft = TRIES_MAX; ; ) {
      this.#onTry(silenceOf(tryMs));
      const start = this.#times();
      const isDone = this.#run(work, Math.ceil(tryMs));
      const had = timesSince(start, this.#times());
      if (had.cpuMs >= cpuMsMax) return false;
      if (isDone) return true;
      if (!isStarved(had)) triesLeft--;
      if (triesLeft === 0) return false;
      tryMs = nextTryMs(tryMs, cpuMsMax, had);
    }
  }

  #run(work: () => void, timeoutMs: number): boolean {
    this.#runFor ??= (this.#portable ? null : openWatch()) ?? openRoom();
    return this.#runFor(work, timeoutMs);
  }
}

function openWatch(): RunFor | null {
  const { addon } = loadAddon();
  const watch = addon && Watch.open(addon);
  return watch && ((work, timeoutMs) => watch.run(work, timeoutMs));
}

/** The same by `node:vm`. */
function openRoom(): RunFor {
  const room = createContext({ work: () => {} }) as { work: () => void };
  const script = new Script('work()');
  return (work, timeoutMs) => {
    room.work = work;
    try {
      script.runInContext(room, { timeout: timeoutMs });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
      throw error;
    }
  };
}
