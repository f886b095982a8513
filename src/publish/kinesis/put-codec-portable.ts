/**
 * Portable put codec: PutRecords requests in JavaScript, for machines where the addon cannot be built. Same results as
 * put-codec-native.ts, byte for byte; slower.
 * Takes, gives, never: see put-codec.ts.
 */
import type { Wire } from '../../aws/wire.ts';
import { KINESIS } from '../../base/limits.ts';
import { AGGREGATE_KEY, Aggregate } from '../../record/aggregate.ts';
import { SLICE_MASK } from '../../ring/slices.ts';
import { FrameCursor } from '../frame-cursor.ts';
import { bodySuffix, bodyWriter, encodedBytesMax } from './body.ts';
import type { AggregatedRequest, PutCodec } from './put-codec.ts';
import { readPutResult } from './put-result.ts';

/** @returns The codec that needs no addon. */
export function createPortablePutCodec(): PutCodec {
  return { kind: 'portable', encodedBytesMax, encode, encodeAggregated, sumAggregates, readPutResult };
}

function encode(frames: Uint8Array, count: number, wire: Wire, stream: string, out: Uint8Array): number {
  const cursor = new FrameCursor(frames);
  const body = bodyWriter(wire, out);
  body.open();
  for (let i = 0; i < count; i++, cursor.next()) body.entry(cursor);
  return body.close(bodySuffix(wire, stream));
}

function encodeAggregated(
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
): AggregatedRequest {
  const body = bodyWriter(wire, out);
  body.open();
  const payloadBytesMax = Math.min(aggregateBytesMax, requestBytesMax);
  const cursor = new FrameCursor(frames);
  let entries = 0;
  let framesDone = 0;
  let framesBytes = 0;
  let requestBytes = 0;
  const entriesMax = Math.min(entryCounts.length, KINESIS.putRecordsCountMax);
  while (framesDone < count && entries < entriesMax) {
    const aggregate = new Aggregate();
    const first = { key: cursor.key, explicitHashKey: cursor.explicitHashKey, data: cursor.data };
    while (
      framesDone + aggregate.count < count &&
      aggregate.tryAdd(cursor.key, cursor.explicitHashKey, cursor.data, payloadBytesMax)
    ) {
      cursor.next();
    }
    const isAlone = aggregate.count === 1;
    const entryBytes = isAlone ? first.data.length + first.key.length : aggregate.payloadBytes;
    if (entries > 0 && requestBytes + entryBytes > requestBytesMax) break;
    body.entry(isAlone ? first : { key: AGGREGATE_KEY, explicitHashKey, data: aggregate.encode() });
    entryCounts[entries++] = aggregate.count;
    requestBytes += entryBytes;
    framesDone += aggregate.count;
    framesBytes = cursor.at;
  }
  const bytes = body.close(bodySuffix(wire, stream));
  return {
    bytes,
    entries,
    frames: framesDone,
    framesBytes,
    sliceRuns: runsOf(frames, framesDone, sliceRuns),
    sums: 0,
  };
}

/** Nothing is left out here: many checksums cost as much as each of them. */
function sumAggregates(): void {}

/** Tells slices of neighbouring frames in pairs. @returns How many pairs; 0 where there are too many. */
function runsOf(frames: Uint8Array, count: number, out: Uint32Array): number {
  const cursor = new FrameCursor(frames);
  let pairs = 0;
  for (let i = 0; i < count; i++, cursor.next()) {
    const slice = cursor.slice & SLICE_MASK;
    if (pairs === 0 || out[2 * (pairs - 1)] !== slice) {
      if (2 * (pairs + 1) > out.length) return 0;
      out.set([slice, 0], 2 * pairs++);
    }
    out[2 * pairs - 1]!++;
  }
  return pairs;
}
