/**
 * Clock: how the micro-benches measure: tinybench calls the work again and again; the median call counts. CPU-seconds of the process
 * stand beside wall time. Contenders take turns, round by round, so that a machine that slows down slows all of them down, and
 * ratios are taken within a round.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Bench } from 'tinybench';
import { loadAddon } from '../src/native/load.ts';

/** One round of one contender. */
export interface Measured {
  /** Nanoseconds of wall time per item, of the median call. */
  readonly ns: number;
  /** Nanoseconds of CPU time of the whole process per item, over all calls. */
  readonly cpuNs: number;
}

/** What is measured: one call of `run` deals with `itemsPerCall`. */
export interface Subject {
  readonly name: string;
  readonly itemsPerCall: number;
  readonly run: () => unknown;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const ROUNDS = 5;
const WARM_UP_MS = 100;
const ROUND_MS = 180;

/**
 * Measures every subject in every round.
 * @param isSmoke True measures one call each, to show that the bench still runs.
 * @returns By name, one result a round.
 */
export async function takeTurns(
  subjects: readonly Subject[],
  isSmoke: boolean,
): Promise<Map<string, Measured[]>> {
  const rounds = new Map<string, Measured[]>(subjects.map(({ name }) => [name, []]));
  for (const { run } of subjects) {
    await collect();
    calls(run, isSmoke ? 0 : WARM_UP_MS);
  }
  for (let round = 0; round < (isSmoke ? 1 : ROUNDS); round++) {
    for (const subject of subjects) {
      await collect();
      rounds.get(subject.name)!.push(measureRound(subject, isSmoke));
    }
  }
  return rounds;
}

/** What one contender leaves behind is not collected on the next one's time. Addons free theirs in the event loop's next turn. */
async function collect(): Promise<void> {
  collectGarbage();
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function measureRound({ itemsPerCall, run }: Subject, isSmoke: boolean): Measured {
  const cpuBefore = process.cpuUsage();
  // tinybench also calls without taking the time: that is CPU time, too.
  let callCount = 0;
  const counted = () => {
    callCount++;
    return run();
  };
  const samplesMs = calls(counted, isSmoke ? 0 : ROUND_MS).sort((one, other) => one - other);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    ns: (samplesMs[samplesMs.length >> 1]! * 1e6) / itemsPerCall,
    cpuNs: ((user + system) * 1000) / (callCount * itemsPerCall),
  };
}

/** Calls `run` for `timeMs`, at least once. @returns Milliseconds of each call. */
function calls(run: () => unknown, timeMs: number): number[] {
  const bench = new Bench({ time: timeMs, iterations: 1, warmup: false, retainSamples: true });
  bench.add('work', () => void run());
  const [task] = bench.runSync();
  const result = task?.result;
  if (!result || !('latency' in result) || result.latency.samples === undefined) {
    throw result && 'error' in result ? result.error : new Error('tinybench measured nothing');
  }
  return [...result.latency.samples];
}

/** Where and on what a figure was measured. Without the native addon every figure is another one: that is said with it. */
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
  const missing = loadAddon().addon === null ? ', WITHOUT THE NATIVE ADDON (npm run build:native)' : '';
  return `Node ${process.version}, ${cores.length} x ${cores[0]?.model.trim()}, commit ${commit}${missing}`;
}
