/**
 * Lane digest: the digest of the records that one scan wrote.
 * Takes  the lanes of one parser, before and after a scan.
 * Gives  the sums of the frames in between; and all of them in buckets, where a table is given.
 * Owns   nothing of the lanes: only this thread writes them, so what it has just written stays there until it writes again, even
 *        after the publisher has taken it.
 */
import { LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import { bucketBitsOf, createDigester, type Digester, type DigestSums } from './digest.ts';

interface Lane {
  readonly cells: Int32Array;
  readonly bytes: Uint8Array;
  head: number;
}

export class LaneDigest {
  readonly #lanes: readonly Lane[];
  readonly #digester: Digester;
  #before: DigestSums;

  /** @param buckets A table that no other thread writes to. */
  constructor(lanes: readonly SharedArrayBuffer[], key: Uint8Array, buckets?: SharedArrayBuffer) {
    const table = buckets && new Uint8Array(buckets);
    this.#digester = createDigester(key, table && { buckets: table, bucketBits: bucketBitsOf(table) });
    this.#before = this.#digester.sums();
    this.#lanes = lanes.map((lane) => ({
      cells: new Int32Array(lane, 0, LANE_DATA_BYTE / 4),
      bytes: new Uint8Array(lane, LANE_DATA_BYTE),
      head: 0,
    }));
  }

  /** Remembers where the lanes end. */
  begin(): void {
    this.#before = this.#digester.sums();
    for (const lane of this.#lanes) lane.head = Atomics.load(lane.cells, LANE_CELL.HEAD);
  }

  /** The sums of every record written since `begin()`. */
  end(): { readonly sumA: bigint; readonly sumB: bigint } {
    for (const frames of this.written()) this.#digester.addFrames(frames);
    const { sumA, sumB } = this.#digester.sums();
    return {
      sumA: BigInt.asUintN(64, sumA - this.#before.sumA),
      sumB: BigInt.asUintN(64, sumB - this.#before.sumB),
    };
  }

  /** The frames written since `begin()`, in order: two runs for a lane that has wrapped around. */
  *written(): Generator<Uint8Array> {
    for (const { cells, bytes, head } of this.#lanes) {
      const written = (Atomics.load(cells, LANE_CELL.HEAD) - head) >>> 0;
      const start = (head >>> 0) % bytes.byteLength;
      const end = start + written;
      if (written > 0) yield bytes.subarray(start, Math.min(end, bytes.byteLength));
      if (end > bytes.byteLength) yield bytes.subarray(0, end - bytes.byteLength);
    }
  }

  /** Makes the lanes empty: for a parser that reads its lanes itself. */
  release(): void {
    for (const { cells } of this.#lanes)
      Atomics.store(cells, LANE_CELL.TAIL, Atomics.load(cells, LANE_CELL.HEAD));
  }
}
