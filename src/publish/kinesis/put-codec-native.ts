/**
 * Native put codec: PutRecords requests in the addon (src/native/{encode,aggregate,result}.cc).
 * Takes  arguments, and hands them on as typed arrays; the addon refuses sizes that do not fit.
 * Gives  results read from small number columns, because building an object in native code costs more than the work.
 * Never  called without an addon: see open-put-codec.ts.
 */
import type { Wire } from '../../aws/wire.ts';
import type { NativeAddon } from '../../native/load.ts';
import { bodySuffix, encodedBytesMax } from './body.ts';
import type { AggregatedRequest, PutCodec, PutVerdict } from './put-codec.ts';
import { readPutResult as readPutResultPortable } from './put-result.ts';

/** The functions of src/native/codec.h. `isJson` is 0 or 1; `result` receives the numbers that the caller reads. */
interface PutCodecAddon {
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
    sliceRuns: Uint32Array,
    sums: Uint32Array,
    result: Float64Array,
  ): void;
  sumAggregates(bodies: readonly Uint8Array[], sums: readonly Uint32Array[]): void;
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
}

/** Places in the texts of `readPutResult`, as src/native/constants.h has them. */
export const TEXT = { CODE: 0, MESSAGE: 1, MISROUTED_SHARDS: 2 } as const;

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

/** @param addon What `loadAddon` found. */
export function createNativePutCodec(addon: NativeAddon): PutCodec {
  return new NativePutCodec(addon as unknown as PutCodecAddon);
}

class NativePutCodec implements PutCodec {
  readonly kind = 'native';
  readonly #addon: PutCodecAddon;
  readonly #result = new Float64Array(6);
  readonly #suffix = {
    cbor: new LastText((arn) => bodySuffix('cbor', arn)),
    json: new LastText((arn) => bodySuffix('json', arn)),
  };
  readonly #shardId = new LastText((text) => Buffer.from(text, 'utf8'));

  constructor(addon: PutCodecAddon) {
    this.#addon = addon;
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
    sliceRuns: Uint32Array,
    sums: Uint32Array,
  ): AggregatedRequest {
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
      sliceRuns,
      sums,
      result,
    );
    return {
      bytes: result[0]!,
      entries: result[1]!,
      frames: result[2]!,
      framesBytes: result[3]!,
      sliceRuns: result[4]!,
      sums: result[5]!,
    };
  }

  sumAggregates(bodies: readonly Uint8Array[], sums: readonly Uint32Array[]): void {
    this.#addon.sumAggregates(bodies, sums);
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
}
