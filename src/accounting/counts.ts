/** Counts: the sums of one process, as the accounting keeps them. */
import { tally as newTally, type Tally } from '../journal/tally.ts';

export interface Counts {
  objectsDone: number;
  objectsFailed: number;
  /** Of the finished ones: how many matched the checksum that the source holds, and how many others this process has read. */
  objectsProven: number;
  objectsUnproven: number;
  objectsSkipped: number;
  /** Stored bytes of objects that this process closed or skipped, and those of them that earlier processes had done. */
  objectBytesDone: number;
  objectBytesBefore: number;
  /** Bytes of the (decompressed) source in slices that are settled, and the records in them. */
  settledBytes: number;
  settledRecords: number;
  readonly tally: Tally;
}

export function newCounts(): Counts {
  return {
    objectsDone: 0,
    objectsFailed: 0,
    objectsProven: 0,
    objectsUnproven: 0,
    objectsSkipped: 0,
    objectBytesDone: 0,
    objectBytesBefore: 0,
    settledBytes: 0,
    settledRecords: 0,
    tally: newTally(),
  };
}
