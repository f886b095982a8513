/**
 * Process cost: what a program of any language cost, told by the system and not by the program.
 * Takes  a command, and where it runs.
 * Gives  wall seconds; CPU seconds of the process and of all children that it waited for, from its start; the peak of resident memory of
 *        them together, looked at twenty times a second: a rise in the last twentieth is not seen.
 * Uses   bash, whose `times` has milliseconds of children that have ended; Node tells of itself alone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Cost } from './world.ts';

const SAMPLE_MS = 50;
const UNSEEN = { main: 0, workers: [], helpers: 0 };
const SCRIPT = '"$@"; code=$?; LC_ALL=C; times >&3; exit $code';

/** What a process has started and what still runs: each thread has children of its own. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/** High-water marks of all processes below one, together. */
function peakBelow(pid: number): number {
  try {
    return childrenOf(pid).reduce((sum, child) => {
      const own = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child}/status`, 'utf8'));
      return sum + Number(own?.[1] ?? 0) * 1024 + peakBelow(child);
    }, 0);
  } catch {
    // Ended meanwhile, or not Linux.
    return 0;
  }
}

/** Seconds of `0m1.234s`. */
function seconds(shown: string): number {
  const [, minutes, rest] = /^(\d+)m([\d.]+)s$/.exec(shown)!;
  return Number(minutes) * 60 + Number(rest);
}

/** @throws Where the program does not end with 0. */
export async function costOf(
  command: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Cost> {
  const startMs = performance.now();
  const child = spawn('bash', ['-c', SCRIPT, 'bash', ...command], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  let rssPeakBytes = 0;
  const sampler = setInterval(() => {
    rssPeakBytes = Math.max(rssPeakBytes, peakBelow(child.pid!));
  }, SAMPLE_MS);
  const [stdout, times, [exitCode]] = await Promise.all([
    text(child.stdout!),
    text(child.stdio[3] as NonNullable<typeof child.stdout>),
    once(child, 'exit'),
  ]).finally(() => clearInterval(sampler));
  const wallSeconds = (performance.now() - startMs) / 1000;
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${stdout}`);
  // The first line is of bash itself, the second one of its children.
  const [userSeconds, systemSeconds] = times.split('\n')[1]!.split(' ').map(seconds) as [number, number];
  const cpuSeconds = userSeconds + systemSeconds;
  return {
    ...{ wallSeconds, userSeconds, systemSeconds, cpuSeconds },
    ...{ rssPeakBytes, rssBytes: [], threads: UNSEEN, exitCode, stdout },
  };
}
