/**
 * Cores: how many of them this process may keep busy.
 * Takes  what Node says, which knows the quota of cgroups v2, and of v1 where `cpu` shares its hierarchy; reads it itself where `cpu` has one of
 *        its own, as some hosts of containers have it.
 * Gives  a whole number, at least 1: half a core is one, and one and a half are one, as Node counts.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** @param root Where the system's files lie. */
export function availableCores(root = '/'): number {
  const known = availableParallelism();
  const quota = quotaOf(root);
  return quota === null ? known : Math.max(1, Math.min(known, Math.floor(quota)));
}

/** Of cgroups v1, in cores; null where there is none. */
function quotaOf(root: string): number | null {
  const lines = read(root, 'proc/self/cgroup')?.split('\n') ?? [];
  const [, controllers, path] =
    lines.map((line) => line.split(':')).find(([, of]) => of?.split(',').includes('cpu')) ?? [];
  if (controllers === undefined || path === undefined) return null;
  // In a container its own cgroup is all that is mounted.
  for (const folder of [join(controllers, path), controllers]) {
    const quota = Number(read(root, 'sys/fs/cgroup', folder, 'cpu.cfs_quota_us') ?? Number.NaN);
    const period = Number(read(root, 'sys/fs/cgroup', folder, 'cpu.cfs_period_us') ?? Number.NaN);
    if (!Number.isNaN(quota / period)) return quota > 0 ? quota / period : null;
  }
  return null;
}

function read(...parts: string[]): string | null {
  try {
    return readFileSync(join(...parts), 'utf8');
  } catch {
    return null; // not Linux, or no cgroups
  }
}
