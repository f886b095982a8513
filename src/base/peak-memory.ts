/**
 * Peak memory: the most memory that this process has used, as its kernel knows.
 * Gives  bytes, 0 where it is unknown. Reads /proc where there is one.
 */
import { readFileSync } from 'node:fs';

/** The kernel's high-water mark of resident memory where it tells; the platform's otherwise counts what came before an exec, too. */
export function peakMemoryBytes(): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (line !== null && Number(line[1]) > 0) return Number(line[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
