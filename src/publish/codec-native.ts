/**
 * Native codec: the byte work of a publisher in the addon (src/native/{drain,acknowledge}.cc).
 * Takes  arguments, and hands them on as typed arrays; the addon refuses sizes that do not fit.
 * Gives  results read from small number columns, because building an object in native code costs more than the work.
 * Never  called without an addon: see open-codec.ts.
 */
import assert from 'node:assert/strict';
import type { NativeAddon } from '../native/load.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import type { SliceCounters } from '../ring/slices.ts';
import type { Codec, DrainResult, ShardTable } from './codec.ts';

/** The functions of src/native/codec.h. `result` receives the numbers that the caller reads. */
interface CodecAddon {
  drain(
    lane: Uint8Array,
    starts: BigUint64Array,
    rows: Uint32Array,
    buffers: readonly (Uint8Array | null)[],
    result: Float64Array,
  ): void;
  acknowledge(
    frames: Uint8Array,
    count: number,
    verdicts: Uint8Array,
    verdict: number,
    acknowledged: Int32Array,
    settled: Int32Array,
  ): number;
  acknowledgeEntries(
    buffer: Uint8Array,
    count: number,
    acknowledged: Int32Array,
    settled: Int32Array,
  ): number;
  selectFrames(
    frames: Uint8Array,
    count: number,
    verdicts: Uint8Array,
    verdict: number,
    out: Uint8Array,
    result: Float64Array,
  ): void;
}

/** See src/native/constants.h. */
export const DRAIN_STATUS: readonly DrainResult['status'][] = ['empty', 'shard-full', 'begin', 'end'];

interface LaneView {
  readonly bytes: Uint8Array;
  readonly cells: Int32Array;
  /** TAIL as this codec left it, to find a second reader in a debug run. */
  released: number;
}

/** @param addon What `loadAddon` found. */
export function createNativeCodec(addon: NativeAddon): Codec {
  return new NativeCodec(addon as unknown as CodecAddon);
}

class NativeCodec implements Codec {
  readonly kind = 'native';
  readonly #addon: CodecAddon;
  readonly #lanes = new WeakMap<SharedArrayBuffer, LaneView>();
  readonly #isDebug = process.env.MILLRACE_DEBUG === '1';
  readonly #result = new Float64Array(5);

  constructor(addon: CodecAddon) {
    this.#addon = addon;
  }

  drain(lane: SharedArrayBuffer, table: ShardTable): DrainResult {
    const result = this.#result;
    const view = this.#viewOf(lane);
    if (this.#isDebug) {
      const tail = Atomics.load(view.cells, LANE_CELL.TAIL);
      assert.equal(tail, view.released, 'TAIL of a lane has a second writer');
    }
    this.#addon.drain(view.bytes, table.starts, table.rows, table.buffers, result);
    view.released = Atomics.load(view.cells, LANE_CELL.TAIL);
    return {
      status: DRAIN_STATUS[result[0]!]!,
      shardIndex: result[1]!,
      needBytes: result[2]!,
      sequence: result[3]!,
      records: result[4]!,
    };
  }

  acknowledge(
    frames: Uint8Array,
    count: number,
    frameVerdicts: Uint8Array,
    verdict: number,
    { acknowledged, settled }: Pick<SliceCounters, 'acknowledged' | 'settled'>,
  ): number {
    return this.#addon.acknowledge(frames, count, frameVerdicts, verdict, acknowledged, settled);
  }

  acknowledgeEntries(
    buffer: Uint8Array,
    count: number,
    { acknowledged, settled }: Pick<SliceCounters, 'acknowledged' | 'settled'>,
  ): number {
    return this.#addon.acknowledgeEntries(buffer, count, acknowledged, settled);
  }

  select(
    frames: Uint8Array,
    count: number,
    frameVerdicts: Uint8Array,
    verdict: number,
    out: Uint8Array,
  ): { bytes: number; count: number; payloadBytes: number } {
    const result = this.#result;
    this.#addon.selectFrames(frames, count, frameVerdicts, verdict, out, result);
    return { bytes: result[0]!, count: result[1]!, payloadBytes: result[2]! };
  }

  #viewOf(lane: SharedArrayBuffer): LaneView {
    let view = this.#lanes.get(lane);
    if (!view) {
      const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
      view = { bytes: new Uint8Array(lane), cells, released: Atomics.load(cells, LANE_CELL.TAIL) };
      this.#lanes.set(lane, view);
    }
    return view;
  }
}
