/**
 * Process end: the end of a process of which a thread cannot be ended: Node waits for each, and one that collects a full heap again and
 * again, or stands in a call of the system, takes minutes or for ever.
 * Takes  the exit code. Never returns. Without an addon Node's own way serves.
 */
import { loadAddon } from './load.ts';

interface NativeProcessEnd {
  endProcess?(exitCode: number): never;
}

export function endProcess(exitCode: number): never {
  const native = loadAddon().addon as NativeProcessEnd | null;
  native?.endProcess?.(exitCode);
  process.exit(exitCode);
}
