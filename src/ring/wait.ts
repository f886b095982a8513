/**
 * Wait: the one room where a thread stands still. A parser blocks before a full lane or window; the main thread and publishers listen
 * for their bells while their sockets and timers go on.
 * Takes  lanes, windows and bells in shared memory.
 * Gives  wake-ups. All of them are hints: the caller looks again, so a lost or a late one costs time, never data.
 * Owns   every Atomics.wait, waitAsync and notify of the engine.
 * Never  waits without a bound, never blocks the main thread or a thread that owns sockets.
 */
import { LANE_CELL, LANE_DATA_BYTE } from './layout.ts';

/** A blocked parser looks up this often, so that it sees a stop that nobody notified. */
const SLICE_MS = 100;

/** Share of a lane that is free before a parser that found it full is woken. */
const WANTED_SHARE = 0.25;

/** Int32 cells between two doorbells: they are 64 bytes apart, so that ringing one does not slow another. */
const BELL_STRIDE = 16;

/**
 * Blocks the calling thread until a lane has room. For parser threads only.
 * @param lane As a whole; its TAIL cell is what is waited on.
 * @param needBytes Free bytes that are needed, at most the lane's capacity. Where few are needed the thread sleeps until a good part
 * of the lane is free: a wake-up costs both threads more than writing a few records.
 * @param shouldStop Asked before every slice of 100 ms.
 * @returns False when `shouldStop` said so before there was room.
 */
export function waitForSpace(lane: SharedArrayBuffer, needBytes: number, shouldStop: () => boolean): boolean {
  const cells = cellsOf(lane);
  const capacityBytes = lane.byteLength - LANE_DATA_BYTE;
  if (freeBytes(cells, capacityBytes) >= needBytes) return true;
  const wantBytes = Math.max(needBytes, Math.floor(capacityBytes * WANTED_SHARE));
  // Stored before TAIL is read: either the publisher sees what is wanted, or this thread sees what was released.
  Atomics.store(cells, LANE_CELL.WANT, wantBytes);
  try {
    for (;;) {
      const tail = Atomics.load(cells, LANE_CELL.TAIL);
      if (freeBytes(cells, capacityBytes) >= needBytes) return true;
      if (shouldStop()) return false;
      // Returns at once if TAIL has moved since it was read above, so a release in between is not missed.
      Atomics.wait(cells, LANE_CELL.TAIL, tail, SLICE_MS);
    }
  } finally {
    Atomics.store(cells, LANE_CELL.WANT, 0);
  }
}

/** Whether more than half of a lane is written and not read. */
export function isMostlyFull(lane: SharedArrayBuffer): boolean {
  const capacityBytes = lane.byteLength - LANE_DATA_BYTE;
  return freeBytes(cellsOf(lane), capacityBytes) < capacityBytes / 2;
}

/** What a parser waits for: the cell that moves when something was given back, and whether it may go on. */
export interface SliceGate {
  readonly cells: Int32Array;
  readonly returnedCell: number;
  readonly waitingCell: number;
  /** Whether a slice of this size may be opened now. */
  mayOpen(bytes: number): boolean;
}

/**
 * Blocks the calling parser thread until it may open a slice of this size (slices.ts).
 * @param shouldStop Asked before every slice of 100 ms.
 * @returns False when `shouldStop` said so first.
 */
export function waitForWindow(gate: SliceGate, bytes: number, shouldStop: () => boolean): boolean {
  if (gate.mayOpen(bytes)) return true;
  const { cells, returnedCell, waitingCell } = gate;
  Atomics.store(cells, waitingCell, 1);
  try {
    for (;;) {
      const returned = Atomics.load(cells, returnedCell);
      if (gate.mayOpen(bytes)) return true;
      if (shouldStop()) return false;
      Atomics.wait(cells, returnedCell, returned, SLICE_MS);
    }
  } finally {
    Atomics.store(cells, waitingCell, 0);
  }
}

/** Wakes the parser of a lane after TAIL was stored, if it waits and what it wants is free now. */
export function notifySpace(lane: SharedArrayBuffer): void {
  const cells = cellsOf(lane);
  // Adding nothing is a full fence: TAIL is seen by others before WANT is read here.
  const wantBytes = Atomics.add(cells, LANE_CELL.WANT, 0);
  if (wantBytes === 0 || freeBytes(cells, lane.byteLength - LANE_DATA_BYTE) < wantBytes) return;
  Atomics.notify(cells, LANE_CELL.TAIL);
}

function freeBytes(cells: Int32Array, capacityBytes: number): number {
  const writtenBytes = Atomics.load(cells, LANE_CELL.HEAD) - Atomics.load(cells, LANE_CELL.TAIL);
  return capacityBytes - (writtenBytes >>> 0);
}

/** Views of lanes, made once: this is asked for with every drain. */
const views = new WeakMap<SharedArrayBuffer, Int32Array>();

function cellsOf(lane: SharedArrayBuffer): Int32Array {
  let cells = views.get(lane);
  if (cells === undefined) {
    cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
    views.set(lane, cells);
  }
  return cells;
}

/** Wakes whoever waits for a cell to change. */
export function wake(cells: Int32Array, cell: number): void {
  Atomics.notify(cells, cell);
}

/** Blocks the calling parser thread while a cell holds more than `valueMax`. @param shouldStop Asked before every slice of 100 ms. */
export function waitForAtMost(
  cells: Int32Array,
  cell: number,
  valueMax: number,
  shouldStop: () => boolean,
): void {
  for (;;) {
    const value = Atomics.load(cells, cell);
    if (value <= valueMax || shouldStop()) return;
    Atomics.wait(cells, cell, value, SLICE_MS);
  }
}

/**
 * Bell: a counter that any thread rings and that one thread with an event loop listens to. The listener takes `count()` first, then
 * looks, then waits until it has been rung since: a ring in between is not lost.
 */
export class Bell {
  readonly #cells: Int32Array;
  readonly #cell: number;

  /** @param cells Of a SharedArrayBuffer. @param cell The counter; the next one says whether the bell is mute. */
  constructor(cells: Int32Array, cell: number) {
    this.#cells = cells;
    this.#cell = cell;
  }

  ring(): void {
    Atomics.add(this.#cells, this.#cell, 1);
    wake(this.#cells, this.#cell);
  }

  /** Rings unless the listener has no use for more work. What the ringer has written before, a listener sees that looks after `mute(false)`. */
  ringForWork(): void {
    if (Atomics.load(this.#cells, this.#cell + 1) === 0) this.ring();
  }

  mute(isMute: boolean): void {
    Atomics.store(this.#cells, this.#cell + 1, isMute ? 1 : 0);
  }

  /** How often it was rung so far, modulo 2^32 (a signed 32-bit number). */
  count(): number {
    return Atomics.load(this.#cells, this.#cell);
  }

  /** Resolves when the bell has been rung since `count()` said `lastSeen`. It does not keep the thread alive. */
  async rung(lastSeen: number): Promise<void> {
    await Atomics.waitAsync(this.#cells, this.#cell, lastSeen).value;
  }
}

/** Shared memory of `count` doorbells. */
export function createDoorbells(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.max(1, count) * BELL_STRIDE * Int32Array.BYTES_PER_ELEMENT);
}

/** Doorbells: a bell for each publisher. Parsers (and the main thread) ring, the publisher listens (listener.ts). */
export class Doorbell {
  readonly #bells: readonly Bell[];

  /** @param bells From `createDoorbells`, shared by all threads. */
  constructor(bells: SharedArrayBuffer) {
    const cells = new Int32Array(bells);
    this.#bells = Array.from(
      { length: cells.length / BELL_STRIDE },
      (_, index) => new Bell(cells, index * BELL_STRIDE),
    );
  }

  /** The bell of publisher `index`, 0-based. */
  bell(index: number): Bell {
    return this.#bells[index]!;
  }

  /** There is work for publisher `index`, unless it has said that it has enough. */
  ring(index: number): void {
    this.#bells[index]!.ringForWork();
  }

  /** Rings every bell, when something has changed for all. */
  ringAll(): void {
    for (const bell of this.#bells) bell.ring();
  }
}
