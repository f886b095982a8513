/**
 * Question: what does the journal cost a run, and what do ten million finished objects cost at resume?
 * Workload: segments of 16 MiB journaled one by one with a commit for every 8 (a busy machine: 2 GB/s at 16 commits a second);
 * then objects of one line each, written and read back. Real disk, real fdatasync, in a temporary folder that is removed.
 * Run: `node bench/journal.ts [--objects 1000000] [--keep FOLDER] [--smoke]`. --smoke: 200 segments, 2,000 objects.
 */
import { strictEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Journal } from '../src/journal/journal.ts';
import { tally } from '../src/journal/tally.ts';
import { type Figure, report } from './report.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '1000000' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const segmentCount = values.smoke ? 200 : 8000;
const objectCount = values.smoke ? 2000 : Number(values.objects);
const SEGMENT_BYTES = 16 << 20;
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-journal-'));
const identity = { stream: 'bench' };
const open = (name: string) =>
  Journal.open({ path: join(folder, name), run: 'bench', identity, digestKey: '' });
const cpuMs = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

try {
  const journal = await open('segments');
  const id = journal.pin({
    bucket: 'bucket',
    key: 'year=2024/month=01/day=01/part-00000.jsonl',
    etag: '"0123456789abcdef0123456789abcdef"',
    size: segmentCount * SEGMENT_BYTES,
  });
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  for (let n = 0; n < segmentCount; n += 1) {
    const part = tally({
      lines: 24_527,
      records: 24_527,
      bytes: SEGMENT_BYTES,
      sumA: 0x0123456789abcdefn * BigInt(n),
      sumB: BigInt(n),
    });
    // Every other segment first: ranges do not merge at once, as with downloads that overtake each other.
    const place = n % 2 === 0 ? n + 1 : n - 1;
    journal.append({
      kind: 'segment',
      id,
      start: place * SEGMENT_BYTES,
      end: (place + 1) * SEGMENT_BYTES,
      tally: part,
    });
    if (n % 8 === 7) await journal.commit();
  }
  const segments = {
    cpuUs: (cpuMs(cpu) * 1000) / segmentCount,
    wallUs: ((performance.now() - startMs) * 1000) / segmentCount,
  };
  await journal.close({ status: 'delivered', complete: true });

  const many = await open('objects');
  const object = (n: number) => ({
    bucket: 'bucket',
    key: `year=2024/month=01/day=01/hour=13/events-${n}.jsonl.gz`,
    etag: `"${n.toString(16).padStart(32, '0')}"`,
    size: 1000 + n,
  });
  const writeCpu = process.cpuUsage();
  for (let n = 0; n < objectCount; n += 1) {
    many.append({
      kind: 'object-done',
      object: object(n),
      tally: tally({ lines: 10, records: 10, bytes: 6840, sumA: BigInt(n), sumB: BigInt(n) }),
    });
    if (n % 1000 === 999) await many.commit();
  }
  const writeCpuUs = (cpuMs(writeCpu) * 1000) / objectCount;
  await many.close(null);
  const journalBytes = statSync(join(folder, 'objects')).size;

  globalThis.gc?.();
  const rssBefore = process.memoryUsage().rss;
  const readStartMs = performance.now();
  const resumed = await open('objects');
  const readMs = performance.now() - readStartMs;
  const { rss } = process.memoryUsage();
  strictEqual(resumed.before.objectsDone, objectCount);
  strictEqual(resumed.before.tally.records, 10 * objectCount);
  const lookupCpu = process.cpuUsage();
  for (let n = 0; n < objectCount; n += 1) strictEqual(resumed.state.lookup(object(n)).kind, 'settled');
  const lookupCpuUs = (cpuMs(lookupCpu) * 1000) / objectCount;
  await resumed.close(null);
  const segmentRow = { case: 'segments of 16 MiB', contender: `${segmentCount} journaled` };
  const objectRow = { case: 'objects of one line', contender: `${objectCount} journaled` };
  const figures: Figure[] = [
    { ...segmentRow, metric: 'CPU us each', values: [segments.cpuUs] },
    { ...segmentRow, metric: 'wall us each', values: [segments.wallUs] },
    {
      ...segmentRow,
      metric: '% of the CPU at 300 MB per CPU-s',
      values: [(segments.cpuUs / ((SEGMENT_BYTES / 300e6) * 1e6)) * 100],
    },
    { ...objectRow, metric: 'journal bytes each', values: [journalBytes / objectCount] },
    { ...objectRow, metric: 'CPU us to write', values: [writeCpuUs] },
    { ...objectRow, metric: 'wall us to read at resume', values: [(readMs * 1000) / objectCount] },
    { ...objectRow, metric: 'CPU us to look up', values: [lookupCpuUs] },
    // A collection in between can make it shrink.
    { ...objectRow, metric: 'memory held at resume, MB', values: [Math.max(0, rss - rssBefore) / 1e6] },
  ];
  report('what does the journal cost, while a run works and at resume?', figures, { keep: values.keep });
} finally {
  rmSync(folder, { recursive: true });
}
