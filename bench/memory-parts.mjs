/**
 * Memory parts: loaded with --import into a contender, it tells the bench what the resident memory of the process was made of at its peak.
 * Gives  one JSON file, whose name is in MILLRACE_BENCH_PARTS, at exit: /proc/self/smaps, and the heap of each isolate in the order of their start, or
 *        null of one that ended or stood still while it was asked.
 * Looks twenty times a second, and takes a full look where the memory has grown by a MB: it costs some MB itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 50;
const GROWTH_BYTES = 1e6;
/** A thread that stands still answers when it goes on. */
const ANSWER_MS = 1_000;

const file = process.env.MILLRACE_BENCH_PARTS;
if (isMainThread && file !== undefined) {
  const workers = new Set();
  process.on('worker', (worker) => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  });
  const heapOf = (worker) => {
    const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MS, null).unref());
    return Promise.race([worker.getHeapStatistics().catch(() => null), late]);
  };
  const rssBytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  let best = null;
  let peakBytes = 0;
  let isLooking = false;
  setInterval(async () => {
    const bytes = rssBytes();
    if (isLooking || bytes < peakBytes + GROWTH_BYTES) return;
    isLooking = true;
    peakBytes = bytes;
    const smaps = readFileSync('/proc/self/smaps', 'utf8');
    const heaps = [getHeapStatistics(), ...(await Promise.all([...workers].map(heapOf)))];
    best = { smaps, heapBytes: heaps.map((heap) => heap?.total_physical_size || null) };
    isLooking = false;
  }, LOOK_MS).unref();
  process.on('exit', () => writeFileSync(file, JSON.stringify(best)));
}
