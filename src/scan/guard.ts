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
import { loadAddon } from '../native/load.ts';
import { Watch } from './watch.ts';

/** First try of a line on its own, in times of the CPU time that it may take: on a machine that is not overloaded one is enough. */
export const FIRST_TRY_SHARE = 1.25;
/** A try lasts no longer: between two tries the thread has to show that it is alive. */
export const TRY_MS_MAX = 10_000;
/** Work that this many tries did not finish waits for something that does not come. */
export const TRIES_MAX = 5;

export interface GuardOptions {
  /** CPU time that a short line may take. */
  readonly lineCpuMsMax?: number;
  /** Called between two tries, which may take seconds each. */
  readonly onTry?: () => void;
  /** As if there were no addon. Tests try both. */
  readonly portable?: boolean;
}

/** @returns false when the work was stopped. */
type RunFor = (work: () => void, timeoutMs: number) => boolean;

export class Guard {
  /** Made when it is first needed: many a guard never is. */
  #runFor: RunFor | null = null;
  readonly #lineCpuMsMax: number;
  readonly #onTry: () => void;
  readonly #portable: boolean;

  constructor({ lineCpuMsMax = ENGINE.lineCpuMsMax, onTry = () => {}, portable = false }: GuardOptions = {}) {
    this.#lineCpuMsMax = lineCpuMsMax;
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
    let tryMs = cpuMsMax * FIRST_TRY_SHARE;
    for (let tries = 1; ; tries++) {
      this.#onTry();
      const start = { cpuMs: threadCpuMs(), clockMs: performance.now() };
      const isDone = this.#run(work, Math.ceil(Math.min(tryMs, TRY_MS_MAX)));
      const cpuMs = threadCpuMs() - start.cpuMs;
      if (cpuMs >= cpuMsMax) return false;
      if (isDone) return true;
      if (tries === TRIES_MAX) return false;
      // Long enough to get its time at the share of the processor that it had.
      const share = cpuMs / (performance.now() - start.clockMs);
      tryMs = Math.max(2 * tryMs, (cpuMsMax / share) * FIRST_TRY_SHARE);
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

/** CPU time of this thread; before Node 23.9, which cannot tell, the time that has passed. */
export function threadCpuMs(): number {
  return process.threadCpuUsage === undefined ? performance.now() : threadWorkMs();
}

/** The same; before Node 23.9 nothing. */
export function threadWorkMs(): number {
  if (process.threadCpuUsage === undefined) return 0;
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
