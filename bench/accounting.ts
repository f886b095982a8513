/**
 * Question: what does the accounting by slices cost at full speed?
 * Workload: slices of 256 KiB with 383 records each (684 bytes a record), window of 192 of them, as one main thread takes them: receipt, look, entry,
 * release; the looks at the engine's interval, so many as fall into the time that the slices would take at 800 MB/s. The receipts cross a
 * message port on the way, as they do in the engine. Slices are smaller only where the run is slow (src/accounting/window.ts).
 * Run: `node bench/accounting.ts [--slices 40000] [--runs 5] [--keep FOLDER] [--smoke]`. --smoke: 2,000 slices, one run.
 */
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { Accounting } from '../src/accounting/accounting.ts';
import type { JournalEntry } from '../src/journal/entries.ts';
import type { SliceReceipt } from '../src/parse/setup.ts';
import { addAcknowledged, countersOf, SLICE_BYTES_MAX, SliceLender } from '../src/ring/slices.ts';
import type { Segment, SourceObject } from '../src/source/object.ts';
import { type Figure, format, median, report } from './report.ts';

const { values } = parseArgs({
  options: {
    slices: { type: 'string', default: '40000' },
    runs: { type: 'string', default: '5' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const sliceCount = values.smoke ? 2_000 : Number(values.slices);
const runCount = values.smoke ? 1 : Number(values.runs);
const BYTES_PER_SECOND = 800e6;
const WINDOW_BYTES = 48 << 20;
const LOOK_SECONDS = 0.005;
const COMMIT_SECONDS = 0.01;
const RECORD_BYTES = 684;
const SHARE_PERCENT_MAX = 1;

/** @returns CPU microseconds a slice. */
function measure(sliceBytes: number): number {
  const object: SourceObject = {
    ...{ bucket: 'b', key: 'k', etag: '"e"', size: sliceBytes * sliceCount },
    ...{ lastModifiedMs: 0, storageClass: 'STANDARD' },
  };
  const segment: Segment = {
    object,
    objectIndex: 0,
    index: 0,
    start: 0,
    end: object.size,
    format: 'plain',
    only: null,
  };
  let entries = 0;
  const append = (entry: JournalEntry) => {
    entries += entry.kind === 'segment' ? 1 : 0;
  };
  const accounting = new Accounting({
    journal: { append, pin: () => 1 },
    parserCount: 1,
    onDeadLetter: () => {},
    digestOf: () => ({ sumA: 0n, sumB: 0n }),
    isDryRun: false,
  });
  const counters = countersOf(accounting.slices.memory);
  const lender = new SliceLender(accounting.slices.memory, 0, 1);
  accounting.beginSegment(segment);
  const records = Math.floor(sliceBytes / RECORD_BYTES);
  const open: SliceReceipt[] = [];
  const slicesPerLook = Math.max(1, Math.round((BYTES_PER_SECOND * LOOK_SECONDS) / sliceBytes));
  const looksPerCommit = Math.round(COMMIT_SECONDS / LOOK_SECONDS);
  const windowSlices = Math.floor(WINDOW_BYTES / sliceBytes);
  const since = process.cpuUsage();
  for (let at = 0, look = 0; at < sliceCount; look++) {
    const receipts: SliceReceipt[] = [];
    for (let n = 0; n < slicesPerLook && at < sliceCount; n++, at++) {
      if (!lender.mayOpen(sliceBytes)) throw new Error('no slice can be opened');
      const counts = {
        lines: records,
        blank: 0,
        filtered: 0,
        added: 0,
        rejected: 0,
        records,
        recordBytes: sliceBytes,
      };
      const range = { start: at * sliceBytes, end: (at + 1) * sliceBytes, bytes: sliceBytes };
      const sums = { codes: null, digestA: BigInt(at), digestB: BigInt(at) };
      receipts.push({ slice: lender.open(sliceBytes), piece: 0, ...counts, ...range, ...sums });
    }
    for (const receipt of deserialize(serialize(receipts)) as SliceReceipt[]) {
      accounting.addSlice(object, receipt);
      open.push(receipt);
    }
    // The stream acknowledges what leaves the window.
    while (open.length > windowSlices) {
      const { slice } = open.shift()!;
      addAcknowledged(counters, slice, records);
    }
    accounting.takeSettled();
    if (look % looksPerCommit === 0) accounting.release(accounting.writeEntries());
  }
  const { user, system } = process.cpuUsage(since);
  if (entries === 0 && sliceCount > windowSlices) throw new Error('nothing was journaled');
  return (user + system) / sliceCount;
}

measure(SLICE_BYTES_MAX);
const costs = Array.from({ length: runCount }, () => measure(SLICE_BYTES_MAX));
const shares = costs.map((microseconds) => (microseconds / 1e6 / (SLICE_BYTES_MAX / BYTES_PER_SECOND)) * 100);
const row = { case: `slices of ${SLICE_BYTES_MAX >> 10} KiB`, contender: 'accounting' };
const figures: Figure[] = [
  { ...row, metric: 'CPU us a slice', values: costs },
  { ...row, metric: '% of a core at 800 MB/s', values: shares },
];
const verdict = median(shares) < SHARE_PERCENT_MAX ? 'reached' : 'NOT REACHED';
const note = `${format(median(shares))} % of a core at full speed, aim under ${SHARE_PERCENT_MAX} %: ${verdict}`;
report('What does the accounting by slices cost at full speed?', figures, {
  keep: values.keep,
  notes: [note],
});
