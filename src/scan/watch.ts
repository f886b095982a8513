/**
 * Watch: runs a function that may never come back, and stops it, by the addon (src/native/watch.cc).
 * Takes  the function, and how long it may take by the clock.
 * Gives  whether it came to its end. What it throws is thrown on.
 * Owns   a thread that sleeps beside this one, for as long as this object is there.
 * Never  runs any more of what it has stopped: no `catch`, no `finally`.
 */
import type { NativeAddon } from '../native/load.ts';

interface WatchExports {
  openWatch(): object | undefined;
  runWatched(watch: object, work: () => void, timeoutMs: number): boolean;
}

export class Watch {
  readonly #run: WatchExports['runWatched'];
  readonly #handle: object;

  private constructor(run: WatchExports['runWatched'], handle: object) {
    this.#run = run;
    this.#handle = handle;
  }

  /** Null where the addon cannot: there is no such thread to be had, or this process does not show V8's functions. */
  static open(addon: NativeAddon): Watch | null {
    const { openWatch, runWatched } = addon as unknown as WatchExports;
    const handle = openWatch();
    return handle === undefined ? null : new Watch(runWatched, handle);
  }

  /** Never within itself. */
  run(work: () => void, timeoutMs: number): boolean {
    return this.#run(this.#handle, work, timeoutMs);
  }
}
