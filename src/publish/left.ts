/**
 * Left: what an orderly stop leaves unsent. One look at every record that a publisher still has.
 * Takes  runs of RECORD frames, and lanes that nobody writes to any more.
 * Gives  for each slice its records that are not acknowledged: where they are, and their sums.
 * Owns   nothing of what it looks at. A lane is left empty.
 */

import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { LaneConsumer } from '../ring/consumer.ts';
import { outputOf, SLICE_MASK } from '../ring/slices.ts';
import type { LeftRecords } from './setup.ts';

/** Sums of the digests of all records of a run of frames. */
export type DigestFrames = (frames: Uint8Array) => { readonly sumA: bigint; readonly sumB: bigint };

interface Found {
  count: number;
  bytes: number;
  sumA: bigint;
  sumB: bigint;
  readonly offsets: number[];
  readonly outputs: number[];
}

export class LeftCollector {
  readonly #digest: DigestFrames;
  readonly #slices = new Map<number, Found>();

  constructor(digest: DigestFrames) {
    this.#digest = digest;
  }

  /** Looks at `count` frames, one behind the other. */
  addFrames(frames: Uint8Array, count: number): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    let runStart = 0;
    let runSlice = -1;
    let at = 0;
    for (let index = 0; index < count; index++) {
      const word = view.getUint32(at + FRAME.SLICE, true);
      const slice = word & SLICE_MASK;
      if (slice !== runSlice) {
        this.#addDigest(runSlice, frames.subarray(runStart, at));
        runStart = at;
        runSlice = slice;
      }
      const found = this.#of(slice);
      found.count++;
      found.bytes += view.getUint32(at + FRAME.DATA_BYTES, true) + view.getUint16(at + FRAME.KEY_BYTES, true);
      found.offsets.push(Number(view.getBigUint64(at + FRAME.LINE_OFFSET, true)));
      found.outputs.push(outputOf(word));
      at += view.getUint32(at + FRAME.FRAME_BYTES, true);
    }
    this.#addDigest(runSlice, frames.subarray(runStart, at));
  }

  /** Takes every frame out of a lane. */
  addLane(lane: SharedArrayBuffer): void {
    const consumer = new LaneConsumer(lane);
    while (consumer.next()) {
      if (consumer.kind === FRAME_KIND.RECORD) {
        const { bytes, frameStart, frameBytes } = consumer;
        this.addFrames(bytes.subarray(frameStart, frameStart + frameBytes), 1);
      }
      consumer.release();
    }
  }

  result(): LeftRecords[] {
    return [...this.#slices].map(([slice, found]) => ({ slice, ...found }));
  }

  #of(slice: number): Found {
    let found = this.#slices.get(slice);
    if (found === undefined) {
      found = { count: 0, bytes: 0, sumA: 0n, sumB: 0n, offsets: [], outputs: [] };
      this.#slices.set(slice, found);
    }
    return found;
  }

  #addDigest(slice: number, frames: Uint8Array): void {
    if (frames.byteLength === 0) return;
    const { sumA, sumB } = this.#digest(frames);
    const found = this.#of(slice);
    found.sumA = BigInt.asUintN(64, found.sumA + sumA);
    found.sumB = BigInt.asUintN(64, found.sumB + sumB);
  }
}

/** What several publishers have left, by slice. */
export function joinLeft(lists: readonly (readonly LeftRecords[])[]): Map<number, LeftRecords> {
  const joined = new Map<number, LeftRecords>();
  for (const one of lists.flat()) {
    const other = joined.get(one.slice);
    joined.set(
      one.slice,
      other === undefined
        ? one
        : {
            slice: one.slice,
            count: one.count + other.count,
            bytes: one.bytes + other.bytes,
            sumA: BigInt.asUintN(64, one.sumA + other.sumA),
            sumB: BigInt.asUintN(64, one.sumB + other.sumB),
            offsets: [...other.offsets, ...one.offsets],
            outputs: [...other.outputs, ...one.outputs],
          },
    );
  }
  return joined;
}
