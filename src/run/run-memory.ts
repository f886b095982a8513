/**
 * Run memory: what the threads of one run share.
 * Takes  how many parsers and publishers there are, and how much a lane holds.
 * Gives  a lane from each parser to each publisher, and the cells in which threads ring, show life, and are told how far the run is.
 */
import { createParseShared } from '../parse/setup.ts';
import { createHeartbeats } from '../ring/heartbeat.ts';
import { laneBytes } from '../ring/layout.ts';
import { createDoorbells, Doorbell } from '../ring/wait.ts';

export interface RunMemorySize {
  readonly parserCount: number;
  /** 0 where nothing is sent. */
  readonly publisherCount: number;
  readonly laneCapacityBytes: number;
}

export class RunMemory {
  /** By parser, then by publisher. */
  readonly lanes: readonly (readonly SharedArrayBuffer[])[];
  readonly doorbells: SharedArrayBuffer;
  /** The parsers' come first. */
  readonly heartbeats: SharedArrayBuffer;
  /** One cell: the phase (src/ring/phases.ts). */
  readonly control = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly parseShared = createParseShared();

  constructor({ parserCount, publisherCount, laneCapacityBytes }: RunMemorySize) {
    this.lanes = Array.from({ length: parserCount }, () =>
      Array.from({ length: publisherCount }, () => new SharedArrayBuffer(laneBytes(laneCapacityBytes))),
    );
    this.doorbells = createDoorbells(publisherCount);
    this.heartbeats = createHeartbeats(parserCount + publisherCount);
  }

  /** The part that parser threads are started with. */
  get ofParsers() {
    const { lanes, doorbells, heartbeats, control, parseShared } = this;
    return { lanes, doorbells, heartbeats, control, shared: parseShared.buffer };
  }

  /** Tells all threads how far the run is. */
  setPhase(phase: number): void {
    Atomics.store(new Int32Array(this.control), 0, phase);
    new Doorbell(this.doorbells).ringAll();
  }
}
