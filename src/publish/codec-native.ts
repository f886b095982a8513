/**
 * Native codec: the byte work of a publisher in the addon (src/native/{drain,encode,aggregate,result,acknowledge}.cc).
 * Takes  arguments, and hands them on as typed arrays; the addon refuses sizes that do not fit.
 * Gives  results read from small number columns, because building an object in native code costs more than the work.
 * Never  called without an addon: see open-codec.ts.
 */

import assert from 'node:assert/strict';
import type { NativeAddon } from '../native/load.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import type { SliceCounters } from '../ring/slices.ts';
import { bodySuffix, encodedBytesMax } from './body.ts';
import type { Codec, DrainResult, PutVerdict, ShardTable, Wire } from './codec.ts';
import { readPutResult as readPutResultPortable } from './kinesis/put-result.ts';

/** The functions of src/native/codec.h. `isJson` is 0 or 1; `result` receives the numbers that the caller reads. */
interface CodecAddon {
  drain(
    lane: Uint8Array,
    starts: BigUint64Array,
    rows: Uint32Array,
    buffers: readonly (Uint8Array | null)[],
    result: Float64Array,
  ): void;
  encodeEntries(
    frames: Uint8Array,
    count: number,
    isJson: number,
    suffix: Uint8Array,
    out: Uint8Array,
  ): number;
  encodeAggregated(
    frames: Uint8Array,
    count: number,
    isJson: number,
    suffix: Uint8Array,
    explicitHashKey: Uint8Array,
    aggregateBytesMax: number,
    requestBytesMax: number,
    out: Uint8Array,
    entryCounts: Uint32Array,
    result: Float64Array,
  ): void;
  /** @returns False for a body that it leaves to the portable reader. `texts` receives code, message, and the shard of each misrouted record. */
  readPutResult(
    body: Uint8Array,
    isJson: number,
    entries: number,
    expectedShardId: Uint8Array,
    verdicts: Uint8Array,
    counts: Float64Array,
    texts: (string | undefined)[],
  ): boolean;
  acknowledge(
    frames: Uint8Array,
    count: number,
    verdicts: Uint8Array,
    verdict: number,
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

/** Places in the texts of `readPutResult`. This and the next: src/native/constants.h. */
export const TEXT = { CODE: 0, MESSAGE: 1, MISROUTED_SHARDS: 2 } as const;

export const DRAIN_STATUS: readonly DrainResult['status'][] = ['empty', 'shard-full', 'begin', 'end'];

/** The bytes of the last text, so that the same ARN or shard id is not encoded for every request. */
class LastText {
  #text: string | null = null;
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #encode: (text: string) => Uint8Array;
  constructor(encode: (text: string) => Uint8Array) {
    this.#encode = encode;
  }
  bytes(text: string): Uint8Array {
    if (text !== this.#text) {
      this.#bytes = this.#encode(text);
      this.#text = text;
    }
    return this.#bytes;
  }
}

const NO_BYTES = new Uint8Array(0);

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
  readonly #suffix = {
    cbor: new LastText((arn) => bodySuffix('cbor', arn)),
    json: new LastText((arn) => bodySuffix('json', arn)),
  };
  readonly #shardId = new LastText((text) => Buffer.from(text, 'utf8'));

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
      frameBytes: result[2]!,
      sequence: result[3]!,
      records: result[4]!,
    };
  }

  encodedBytesMax(frames: Uint8Array, count: number, wire: Wire): number {
    return encodedBytesMax(frames, count, wire);
  }

  encode(frames: Uint8Array, count: number, wire: Wire, stream: string, out: Uint8Array): number {
    const suffix = this.#suffix[wire].bytes(stream);
    return this.#addon.encodeEntries(frames, count, wire === 'json' ? 1 : 0, suffix, out);
  }

  encodeAggregated(
    frames: Uint8Array,
    count: number,
    wire: Wire,
    stream: string,
    explicitHashKey: string,
    aggregateBytesMax: number,
    requestBytesMax: number,
    out: Uint8Array,
    entryCounts: Uint32Array,
  ): { bytes: number; entries: number; frames: number; framesBytes: number } {
    const result = this.#result;
    this.#addon.encodeAggregated(
      frames,
      count,
      wire === 'json' ? 1 : 0,
      this.#suffix[wire].bytes(stream),
      Buffer.from(explicitHashKey, 'latin1'),
      aggregateBytesMax,
      requestBytesMax,
      out,
      entryCounts,
      result,
    );
    return { bytes: result[0]!, entries: result[1]!, frames: result[2]!, framesBytes: result[3]! };
  }

  readPutResult(
    body: Uint8Array,
    wire: Wire,
    entries: number,
    expectedShardId: string | null,
    verdicts: Uint8Array,
  ): PutVerdict {
    const expected = expectedShardId === null ? NO_BYTES : this.#shardId.bytes(expectedShardId);
    const counts = this.#result;
    const texts: (string | undefined)[] = [];
    const isJson = wire === 'json' ? 1 : 0;
    if (!this.#addon.readPutResult(body, isJson, entries, expected, verdicts, counts, texts)) {
      return readPutResultPortable(body, wire, entries, expectedShardId, verdicts);
    }
    return {
      counts: [counts[0]!, counts[1]!, counts[2]!, counts[3]!],
      misroutedShardIds: texts.slice(TEXT.MISROUTED_SHARDS) as string[],
      failedCode: texts[TEXT.CODE] ?? null,
      failedMessage: texts[TEXT.MESSAGE] ?? null,
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
