/**
 * Unwritten: records that there was no room for any more when the run was stopped, while others of their line are on their way.
 * Takes  them as the outputs of stages. Gives  where they come from, their sums and bytes, as if they had been written.
 * Owns   the lane that they are written to for that, and that nobody reads.
 */
import { LaneDigest } from '../digest/lane-digest.ts';
import type { RecordsLeft } from '../ring/ranges.ts';
import { openScanner } from '../scan/open.ts';
import { OUTPUT_COLUMNS, type ScanPiece } from '../scan/scanner.ts';
import type { ParseSetup } from './setup.ts';

/** @param laneBytes As large as the lanes of the run: every record fits. */
export function unwrittenOf(
  pieces: readonly ScanPiece[],
  { rules, digestKey, isPortable }: Pick<ParseSetup, 'rules' | 'digestKey' | 'isPortable'>,
  laneBytes: number,
): RecordsLeft {
  const lane = new SharedArrayBuffer(laneBytes);
  const lanes = { buffers: [lane], starts: new BigUint64Array(2) };
  const scanner = openScanner(rules, lanes, { portable: isPortable });
  const digest = new LaneDigest([lane], digestKey);
  const sums = { count: 0, bytes: 0, sumA: 0n, sumB: 0n };
  const offsets: number[] = [];
  const outputs: number[] = [];
  for (const piece of pieces) {
    for (let at = piece.start, isDone = false; !isDone; ) {
      digest.begin();
      const result = scanner.scan(piece, at);
      const { sumA, sumB } = digest.end();
      digest.release();
      sums.count += result.records;
      sums.bytes += result.recordBytes;
      sums.sumA = BigInt.asUintN(64, sums.sumA + sumA);
      sums.sumB = BigInt.asUintN(64, sums.sumB + sumB);
      isDone = result.status === 'done';
      at = result.next;
    }
    const { rows } = (piece.outputs ?? piece.values)!;
    for (let at = 0; at < rows.length; at += OUTPUT_COLUMNS) {
      if (rows[at]! < piece.start || rows[at]! >= piece.end) continue;
      offsets.push(rows[at + 1]!);
      outputs.push(rows[at + 2]!);
    }
  }
  return { ...sums, offsets, outputs };
}
