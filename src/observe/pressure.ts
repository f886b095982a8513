/**
 * Pressure: how full every queue is at one moment of a run. What a run waits for shows in what is full in front of it.
 * Takes  the lanes, the window of slices, the publishers' counters, the parsers' backlog, and how busy the threads with event loops are.
 * Gives  one sample a call, as shares from 0 to 1; src/observe/limit.ts interprets them.
 * Never  keeps a sample or touches what it looks at.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { STAT, statsRow } from '../publish/stats.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import type { Pressure } from './limit.ts';

/** Since a thread's start. */
export type Utilization = Pick<EventLoopUtilization, 'idle' | 'active'>;

export interface PressureParts {
  /** Per parser its lanes, one per publisher. */
  readonly lanes: readonly (readonly SharedArrayBuffer[])[];
  /** Parsers that wait for the window of slices. */
  readonly windowWaiting: () => number;
  /** Open shards of the stream. */
  readonly shardCount: () => number;
  readonly stats: SharedArrayBuffer;
  readonly publisherCount: number;
  /** Requests in flight per publisher. */
  readonly inFlightMax: number;
  /** Pieces of work that the parsers have been given and not finished. */
  readonly backlog: () => number;
  /** Bytes of the source that have arrived since the start. */
  readonly receivedBytes: () => number;
  /** Of every publisher thread. */
  readonly publisherLoads: () => readonly Utilization[];
  /** Of this thread; default: what the platform says. */
  readonly ownLoad?: () => Utilization;
  readonly nowMs: () => number;
}

export class PressureGauge {
  readonly #parts: PressureParts;
  #readAtMs: number;
  #receivedBytes = 0;
  #own: Utilization;
  #publishers: readonly Utilization[];

  constructor(parts: PressureParts) {
    this.#parts = parts;
    this.#readAtMs = parts.nowMs();
    this.#own = this.#ownLoad();
    this.#publishers = parts.publisherLoads();
  }

  /** How things are now, and how busy threads were since the last call. */
  read(): Pressure {
    const { lanes, publisherCount, inFlightMax, backlog, publisherLoads } = this.#parts;
    const { windowWaiting, shardCount } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const own = this.#ownLoad();
    const publishers = publisherLoads();
    const receivedBytes = this.#parts.receivedBytes();
    const rows = Array.from({ length: publisherCount }, (_, i) => statsRow(this.#parts.stats, i));
    const laneWaiting = lanes.filter((own) => own.some(hasWaiter)).length;
    const heldShards = rows.reduce((sum, row) => sum + row[STAT.HELD_SHARDS]!, 0);
    const pressure: Pressure = {
      overMs: nowMs - this.#readAtMs,
      receivedBytes: receivedBytes - this.#receivedBytes,
      parsersBusy: Math.min(1, backlog() / Math.max(1, lanes.length)),
      // A parser stands at one place at a time; the two looks may be a moment apart.
      parsersWaiting: Math.min(1, (laneWaiting + windowWaiting()) / Math.max(1, lanes.length)),
      requestsOut: mean(rows.map((row) => row[STAT.IN_FLIGHT]! / inFlightMax)),
      publishersHeld: mean(rows.map((row) => (row[STAT.HELD_SHARDS]! > 0 ? 1 : 0))),
      shardsHeld: Math.min(1, heldShards / Math.max(1, shardCount())),
      rateHeld: mean(rows.map((row) => (row[STAT.RATE_HELD_SHARDS]! > 0 ? 1 : 0))),
      publishersBusy: mean(publishers.map((now, i) => busyShare(this.#publishers[i], now))),
      mainBusy: busyShare(this.#own, own),
    };
    this.#readAtMs = nowMs;
    this.#receivedBytes = receivedBytes;
    this.#own = own;
    this.#publishers = publishers;
    return pressure;
  }

  #ownLoad(): Utilization {
    return this.#parts.ownLoad?.() ?? performance.eventLoopUtilization();
  }
}

/** Whether the lane's parser stands before it until there is room (src/ring/wait.ts). */
function hasWaiter(lane: SharedArrayBuffer): boolean {
  const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / Int32Array.BYTES_PER_ELEMENT);
  return Atomics.load(cells, LANE_CELL.WANT) > 0;
}

function busyShare(before: Utilization | undefined, now: Utilization): number {
  const active = now.active - (before?.active ?? 0);
  const idle = now.idle - (before?.idle ?? 0);
  return active + idle > 0 ? active / (active + idle) : 0;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
