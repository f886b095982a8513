/**
 * Consumer: the reading end of a lane for JavaScript (the portable codec, tests). Native code reads lanes in src/native/drain.cc.
 * Takes  frames of one lane, in order.
 * Gives  a cursor over the current frame, without an object per frame.
 * Owns   TAIL of its lane: one consumer a lane, in one thread. With MILLRACE_DEBUG=1 a second reader is found and asserted.
 * Never  waits or notifies: see src/ring/wait.ts.
 */
import assert from 'node:assert/strict';
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { LANE_CELL, LANE_DATA_BYTE } from './layout.ts';

/** The reading end of one lane. PAD frames are skipped inside. */
export class LaneConsumer {
  /** The lane's data area; `frameStart`, `keyStart` and `dataStart` are indices into it. */
  readonly bytes: Uint8Array;
  readonly capacityBytes: number;
  /** The current frame, valid after `next()` answered true and until `release()`. */
  frameStart = 0;
  frameBytes = 0;
  kind = 0;

  readonly #cells: Int32Array;
  readonly #view: DataView;
  readonly #isDebug: boolean;
  #head: number;
  #position: number;
  #released: number;

  /** @param isDebug Whether to assert that nobody else writes TAIL; by default when MILLRACE_DEBUG is 1. */
  constructor(lane: SharedArrayBuffer, isDebug: boolean = process.env.MILLRACE_DEBUG === '1') {
    this.#cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
    this.bytes = new Uint8Array(lane, LANE_DATA_BYTE);
    this.#view = new DataView(lane, LANE_DATA_BYTE);
    this.capacityBytes = lane.byteLength - LANE_DATA_BYTE;
    this.#head = Atomics.load(this.#cells, LANE_CELL.HEAD) >>> 0;
    this.#position = Atomics.load(this.#cells, LANE_CELL.TAIL) >>> 0;
    this.#released = this.#position;
    this.#isDebug = isDebug;
  }

  get flags(): number {
    return this.#view.getUint8(this.frameStart + FRAME.FLAGS);
  }
  get keyStart(): number {
    return this.frameStart + FRAME.HEADER_BYTES;
  }
  get keyBytes(): number {
    return this.#view.getUint16(this.frameStart + FRAME.KEY_BYTES, true);
  }
  get dataStart(): number {
    return this.keyStart + this.keyBytes;
  }
  get dataBytes(): number {
    return this.#view.getUint32(this.frameStart + FRAME.DATA_BYTES, true);
  }
  get slice(): number {
    return this.#view.getUint32(this.frameStart + FRAME.SLICE, true);
  }
  /** Line offset of a RECORD, task sequence of a BEGIN or END. */
  get lineOffset(): number {
    const at = this.frameStart + FRAME.LINE_OFFSET;
    return this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }
  get hashHigh(): bigint {
    return this.#view.getBigUint64(this.frameStart + FRAME.HASH_HIGH, true);
  }
  get hashLow(): bigint {
    return this.#view.getBigUint64(this.frameStart + FRAME.HASH_LOW, true);
  }

  /** Moves to the next frame. @returns False when the writer has published no more; the frame before stays current. */
  next(): boolean {
    for (;;) {
      if (this.#position === this.#head) {
        this.#head = Atomics.load(this.#cells, LANE_CELL.HEAD) >>> 0;
        if (this.#position === this.#head) return false;
      }
      const start = this.#position & (this.capacityBytes - 1);
      const sizeBytes = this.#view.getUint32(start + FRAME.FRAME_BYTES, true);
      const kind = this.#view.getUint8(start + FRAME.KIND);
      this.#position = (this.#position + sizeBytes) >>> 0;
      if (kind !== FRAME_KIND.PAD) {
        this.frameStart = start;
        this.frameBytes = sizeBytes;
        this.kind = kind;
        return true;
      }
    }
  }

  /** Steps back so that `next()` gives the current frame again. Only once, and not after `release()`. */
  putBack(): void {
    this.#position = (this.#position - this.frameBytes) >>> 0;
  }

  /** Gives every frame up to and including the current one back to the writer. Notifying it is the caller's. */
  release(): void {
    if (this.#isDebug) {
      const seen = Atomics.load(this.#cells, LANE_CELL.TAIL) >>> 0;
      assert.equal(seen, this.#released, 'TAIL of a lane has a second writer');
    }
    Atomics.store(this.#cells, LANE_CELL.TAIL, this.#position | 0);
    this.#released = this.#position;
  }
}
