/**
 * Scanning: one scanner over a buffer of lines, for the benches that measure what is around it.
 * Owns  one lane, and a reader that empties it whenever it is full: as fast as can be.
 */
import { LANE_CELL } from '../src/ring/layout.ts';
import { createLane } from '../src/ring/producer.ts';
import type { RecordRules, ScanLanes, Scanner } from '../src/scan/scanner.ts';
import type { Workload } from './workloads/workloads.ts';

const BLOCK_BYTES = 1 << 20;
const SLICE_BYTES = 256 << 10;
const LANE_BYTES = 2 << 20;
const COORDINATE = Buffer.from('0123456789a');

/** Keyed by pointer, everything else as by default. */
export function rulesFor(partitionKey: string): RecordRules {
  return {
    partitionKey,
    explicitHashKey: null,
    onMissingKey: 'dead-letter',
    appendNewline: false,
    depthMax: 1024,
    recordBytesMax: 1 << 20,
    keyCharsMax: 256,
  };
}

export function oneLane(): ScanLanes {
  return { buffers: [createLane(LANE_BYTES)], starts: new BigUint64Array(2) };
}

/** Lines of a workload, seed 42, in shared memory, because that is where blocks lie. @param bytesMin At least so many bytes of them. */
export function linesOf(workload: Workload, bytesMin: number): { bytes: Buffer; lineCount: number } {
  const lineCount = Math.ceil(bytesMin / workload.lineBytes);
  const made = workload.generate({ seed: 42, lineCount });
  const bytes = Buffer.from(new SharedArrayBuffer(made.length));
  bytes.set(made);
  return { bytes, lineCount };
}

/** Scans block by block, in slices, as a parser does. @returns Records. */
export function scanAll(scanner: Scanner, { buffers }: ScanLanes, bytes: Buffer): number {
  const cells = new Int32Array(buffers[0]!);
  let records = 0;
  for (let start = 0; start < bytes.length; ) {
    const limit = start + BLOCK_BYTES;
    const end = limit < bytes.length ? bytes.lastIndexOf(10, limit - 1) + 1 : bytes.length;
    const lines = { end };
    while (start < end) {
      const sliceEnd = start + SLICE_BYTES < end ? bytes.lastIndexOf(10, start + SLICE_BYTES - 1) + 1 : end;
      const place = { bytes, start, end: sliceEnd, objectOffset: start };
      const piece = { ...place, slice: 1, coordinate: COORDINATE, lines };
      while (start < sliceEnd) {
        const result = scanner.scan(piece, start);
        records += result.records;
        start = result.next;
        cells[LANE_CELL.TAIL] = cells[LANE_CELL.HEAD]!;
      }
    }
  }
  return records;
}
