/**
 * Heartbeat: how the main thread sees that a thread hangs.
 * Owns  two int32 cells per thread in shared memory: beats, and whether it has work. Only the thread itself writes them.
 */
const STRIDE = 16;
const BEATS = 0;
const BUSY = 1;
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
  readonly #beating: NodeJS.Timeout;

  constructor(heartbeats: SharedArrayBuffer, index: number) {
    this.#cells = new Int32Array(heartbeats);
    this.#at = index * STRIDE;
    // The event loop beats while it turns; a thread that stands still before a lane beats in `shouldStop`.
    this.#beating = setInterval(() => this.beat(), INTERVAL_MS).unref();
  }

  /** For a thread that has other work to do afterwards. */
  close(): void {
    clearInterval(this.#beating);
  }

  beat(): void {
    Atomics.add(this.#cells, this.#at + BEATS, 1);
  }

  set isBusy(value: boolean) {
    this.beat();
    Atomics.store(this.#cells, this.#at + BUSY, value ? 1 : 0);
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

  /** The first thread that has work and has not beaten for `hangMs`, 0-based; null when all are well. */
  findHanging(nowMs: number, hangMs: number): number | null {
    const passedMs = Math.min(nowMs - this.#lookedAtMs, LOOK_GAP_MS_MAX);
    this.#lookedAtMs = nowMs;
    for (const [index, seen] of this.#seen.entries()) {
      const beats = Atomics.load(this.#cells, index * STRIDE + BEATS);
      const isBusy = Atomics.load(this.#cells, index * STRIDE + BUSY) === 1;
      seen.silentMs = beats === seen.beats && isBusy ? seen.silentMs + passedMs : 0;
      seen.beats = beats;
      if (seen.silentMs > hangMs) return index;
    }
    return null;
  }
}
