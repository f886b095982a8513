/**
 * Clock: how the micro-benches measure. One call is repeated for rounds of about equal length; the median round counts, the
 * spread is told with it. CPU-seconds of the process stand beside wall time.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

export interface Measured {
  /** Nanoseconds of wall time per item, median of the rounds. */
  readonly ns: number;
  /** Nanoseconds of CPU time of the whole process per item, over all rounds. */
  readonly cpuNs: number;
  /** Slowest round over fastest, minus 1. */
  readonly spread: number;
}

/**
 * @param itemsPerCall What one call of `work` deals with.
 * @param isSmoke True measures one call only, to show that the bench still runs.
 */
export function measure(itemsPerCall: number, isSmoke: boolean, work: () => void): Measured {
  const roundCount = isSmoke ? 1 : 9;
  const roundMs = isSmoke ? 0 : 100;
  for (const untilMs = performance.now() + roundMs; performance.now() < untilMs; ) work(); // warm-up
  const rounds: number[] = [];
  let items = 0;
  const cpuBefore = process.cpuUsage();
  for (let round = 0; round < roundCount; round++) {
    const startMs = performance.now();
    let calls = 0;
    do {
      work();
      calls++;
    } while (performance.now() - startMs < roundMs);
    rounds.push(((performance.now() - startMs) * 1e6) / (calls * itemsPerCall));
    items += calls * itemsPerCall;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  rounds.sort((a, b) => a - b);
  return {
    ns: rounds[rounds.length >> 1]!,
    cpuNs: ((user + system) * 1000) / items,
    spread: rounds.at(-1)! / rounds[0]! - 1,
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
