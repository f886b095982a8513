/**
 * Heartbeat: how the main thread sees that a thread hangs.
 * Owns  some int32 cells per thread in shared memory: beats, and whether it has work, which only the thread itself writes; and whether it
 *       awaits code that others wrote. That may be stopped from outside where it does not come back, and nothing else may: both sides take
 *       turns with one cell, so that a thread is never stopped behind its waiting.
 */
import { threadId } from 'node:worker_threads';

const STRIDE = 16;
const BEATS = 0;
const BUSY = 1;
/** OUTSIDE: one of AWAIT. THREAD: the thread's number. LIMIT: milliseconds that its event loop may stand still while it awaits. */
const OUTSIDE = 2;
const THREAD = 3;
const LIMIT = 4;
/** Milliseconds for which it may be silent beyond the time of all threads: until it says otherwise, or its task ends. */
const SILENCE = 5;
const AWAIT = { NOTHING: 0, OTHERS: 1, STOPPING: 2, STOPPED: 3 } as const;
const INTERVAL_MS = 1_000;
/** A thread that has work and shows no sign of life for this time hangs. */
export const HANG_MS = Number(process.env.MILLRACE_HANG_MS ?? 30_000);

/** Shared memory for `count` threads. */
export function createHeartbeats(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * STRIDE * Int32Array.BYTES_PER_ELEMENT);
}

/** The thread's own side. */
export class Heart {
  readonly #cells: Int32Array;
  readonly #at: number;
  #beating: NodeJS.Timeout;

  constructor(heartbeats: SharedArrayBuffer, index: number) {
    this.#cells = new Int32Array(heartbeats);
    this.#at = index * STRIDE;
    this.#beating = this.#start();
  }

  /** The event loop beats while it turns; a thread that stands still before a lane beats in `shouldStop`. */
  #start(): NodeJS.Timeout {
    return setInterval(() => this.beat(), INTERVAL_MS).unref();
  }

  /** For a thread that has other work to do afterwards. */
  close(): void {
    clearInterval(this.#beating);
  }

  /** The thread is about to begin something that may take so long, and that ends by itself then. */
  announceSilence(silenceMs: number): void {
    Atomics.store(this.#cells, this.#at + SILENCE, Math.ceil(silenceMs));
    this.beat();
  }

  beat(): void {
    Atomics.add(this.#cells, this.#at + BEATS, 1);
  }

  set isBusy(value: boolean) {
    this.announceSilence(0);
    Atomics.store(this.#cells, this.#at + BUSY, value ? 1 : 0);
  }

  /** Code of others is awaited from here on. Where the event loop stands still for longer, the main thread stops what runs there. */
  awaitOthers(limitMs: number, silenceMs = 0): void {
    this.announceSilence(silenceMs);
    Atomics.store(this.#cells, this.#at + THREAD, threadId);
    Atomics.store(this.#cells, this.#at + LIMIT, Math.ceil(limitMs));
    Atomics.store(this.#cells, this.#at + OUTSIDE, AWAIT.OTHERS);
  }

  /** What was awaited has been stopped, or is about to be: what it had begun may never come. */
  get isStopped(): boolean {
    return Atomics.load(this.#cells, this.#at + OUTSIDE) >= AWAIT.STOPPING;
  }

  /**
   * Nothing is awaited any more. @returns Whether it was stopped; null: that is about to happen, and may strike any callback of this thread
   * until then, so it has to be asked again by another one.
   */
  leaveOthers(): boolean | null {
    const at = this.#at + OUTSIDE;
    Atomics.store(this.#cells, this.#at + SILENCE, 0);
    if (Atomics.compareExchange(this.#cells, at, AWAIT.OTHERS, AWAIT.NOTHING) === AWAIT.OTHERS) return false;
    if (Atomics.compareExchange(this.#cells, at, AWAIT.STOPPED, AWAIT.NOTHING) !== AWAIT.STOPPED) return null;
    // It may have been the beat that was struck.
    clearInterval(this.#beating);
    this.#beating = this.#start();
    return true;
  }
}

/** More than this between two looks says nothing about the threads: the process was stopped, or the main thread was busy. */
const LOOK_GAP_MS_MAX = 1_000;

/** The main thread's side. Looks a few times a second, so that only time in which a thread could have beaten is counted. */
export class HeartMonitor {
  readonly #cells: Int32Array;
  readonly #seen: { beats: number; silentMs: number }[];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(heartbeats: SharedArrayBuffer) {
    this.#cells = new Int32Array(heartbeats);
    this.#seen = Array.from({ length: this.#cells.length / STRIDE }, () => ({ beats: -1, silentMs: 0 }));
  }

  /** The first thread that has work and has not beaten for `hangMs`, and as long as it said that it would not, 0-based; null when all are well. */
  findHanging(nowMs: number, hangMs: number): number | null {
    const passedMs = Math.min(nowMs - this.#lookedAtMs, LOOK_GAP_MS_MAX);
    this.#lookedAtMs = nowMs;
    for (const [index, seen] of this.#seen.entries()) {
      const beats = Atomics.load(this.#cells, index * STRIDE + BEATS);
      const isBusy = Atomics.load(this.#cells, index * STRIDE + BUSY) === 1;
      seen.silentMs = beats === seen.beats && isBusy ? seen.silentMs + passedMs : 0;
      seen.beats = beats;
      const silenceMs = Atomics.load(this.#cells, index * STRIDE + SILENCE);
      if (seen.silentMs > hangMs + silenceMs) return index;
    }
    return null;
  }

  /** As of the last look: threads that stand still in code of others for longer than that may. Each is told once, and has to be stopped. */
  takeStanding(): { readonly index: number; readonly threadId: number }[] {
    return [...this.#seen.entries()].flatMap(([index, { silentMs }]) => {
      const at = index * STRIDE;
      if (silentMs <= Atomics.load(this.#cells, at + LIMIT)) return [];
      const before = Atomics.compareExchange(this.#cells, at + OUTSIDE, AWAIT.OTHERS, AWAIT.STOPPING);
      return before === AWAIT.OTHERS ? [{ index, threadId: Atomics.load(this.#cells, at + THREAD) }] : [];
    });
  }

  /** @param isStopped False: it could not be done. */
  endStanding(index: number, isStopped: boolean): void {
    Atomics.store(this.#cells, index * STRIDE + OUTSIDE, isStopped ? AWAIT.STOPPED : AWAIT.OTHERS);
  }
}
