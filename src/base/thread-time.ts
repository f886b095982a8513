/**
 * Thread time: what the calling thread has had of the processor.
 * Gives  milliseconds since its start: in which it worked, and in which it was ready to work and others had the processor, or a quota was used up.
 * Never  counts waiting, nor the time in which the whole process was stopped.
 */
import { readFileSync } from 'node:fs';

/** CPU time; before Node 23.9, which cannot tell, the time that has passed. */
export function threadCpuMs(): number {
  return process.threadCpuUsage === undefined ? performance.now() : threadWorkMs();
}

/** CPU time; before Node 23.9 nothing. */
export function threadWorkMs(): number {
  if (process.threadCpuUsage === undefined) return 0;
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Time without a processor; null where the system does not say (it is Linux that does). */
export function threadStarvedMs(): number | null {
  try {
    const [, waitedNs] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
    return waitedNs === undefined ? null : Number(waitedNs) / 1e6;
  } catch {
    return null;
  }
}
