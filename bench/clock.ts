/**
 * Clock: how the micro-benches measure: tinybench calls the work again and again; the median call counts, the spread is told with
 * it. CPU-seconds of the process stand beside wall time.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { Bench } from 'tinybench';

export interface Measured {
  /** Nanoseconds of wall time per item, of the median call. */
  readonly ns: number;
  /** Nanoseconds of CPU time of the whole process per item, over all calls. */
  readonly cpuNs: number;
  /** The slow quarter's call over the fast quarter's, minus 1. */
  readonly spread: number;
}

const WARM_UP_MS = 100;
const MEASURE_MS = 900;

/**
 * @param itemsPerCall What one call of `work` deals with.
 * @param isSmoke True measures one call only, to show that the bench still runs.
 */
export function measure(itemsPerCall: number, isSmoke: boolean, work: () => void): Measured {
  const warmUp = new Bench({ time: isSmoke ? 0 : WARM_UP_MS, iterations: 1, warmup: false });
  warmUp.add('warm-up', work).runSync();
  const bench = new Bench({
    time: isSmoke ? 0 : MEASURE_MS,
    iterations: 1,
    warmup: false,
    retainSamples: true,
  });
  bench.add('work', work);
  const cpuBefore = process.cpuUsage();
  const [task] = bench.runSync();
  const { user, system } = process.cpuUsage(cpuBefore);
  const result = task?.result;
  if (!result || !('latency' in result) || result.latency.samples === undefined) {
    const error = result && 'error' in result ? result.error : new Error('tinybench measured nothing');
    throw error;
  }
  const samples = [...result.latency.samples].sort((one, other) => one - other);
  const at = (share: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]!;
  return {
    ns: (at(0.5) * 1e6) / itemsPerCall,
    cpuNs: ((user + system) * 1000) / (samples.length * itemsPerCall),
    spread: at(0.75) / at(0.25) - 1,
  };
}

/** Where and on what a figure was measured. */
export function machineLine(): string {
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  } catch {
    // Not in a checkout; the figure stands without it.
  }
  const cores = cpus();
  return `Node ${process.version}, ${cores.length} x ${cores[0]?.model.trim()}, commit ${commit}`;
}
