/**
 * Cores: how many of them this process may keep busy.
 * Takes  what Node says, which knows which cores the process may run on, and most quotas of cgroups; reads these itself, because Node misses those of
 *        v1 where `cpu` has a hierarchy of its own, of the cgroups above this one in v1, and of v2 beside v1.
 * Gives  a whole number, at least 1: half a core is one, and one and a half are one, as Node counts.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** @param root Where the system's files lie. */
export function availableCores(root = '/'): number {
  const known = availableParallelism();
  const quota = Math.min(known, ...quotas(root));
  return Math.max(1, Math.floor(quota));
}

/** All that hold for this process, in cores: its cgroup's, and those of the cgroups above it. */
function quotas(root: string): number[] {
  const lines = read(root, 'proc/self/cgroup')?.split('\n') ?? [];
  return lines.flatMap((line) => {
    // The path may hold colons.
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    const inAll = (mounts: readonly string[], quotaIn: (folder: string) => number | null) =>
      mounts.flatMap((mount) =>
        upwards(path).flatMap((folder) => quotaIn(join(root, 'sys/fs/cgroup', mount, folder)) ?? []),
      );
    // The controllers of v2 have no name there. Beside v1 it is mounted in a folder of its own.
    if (controllers === '') return inAll(['', 'unified'], quotaOfV2);
    // Some systems name the folder in another order than the line; `cpu` is a link to it.
    return controllers.split(',').includes('cpu') ? inAll([controllers, 'cpu'], quotaOfV1) : [];
  });
}

/** A path and those above it. In a container its own cgroup is all that is mounted, as the topmost one. */
function upwards(path: string): string[] {
  return path === '/' ? [path] : [path, ...upwards(dirname(path))];
}

function quotaOfV1(folder: string): number | null {
  return shareOf(read(folder, 'cpu.cfs_quota_us'), read(folder, 'cpu.cfs_period_us'));
}

function quotaOfV2(folder: string): number | null {
  const [quota, period] = read(folder, 'cpu.max')?.trim().split(' ') ?? [];
  return shareOf(quota, period);
}

/** Without a quota v1 says -1, and v2 `max`. */
function shareOf(quota: string | null | undefined, period: string | null | undefined): number | null {
  const share = Number(quota ?? Number.NaN) / Number(period ?? Number.NaN);
  return Number.isFinite(share) && share > 0 ? share : null;
}

function read(...parts: string[]): string | null {
  try {
    return readFileSync(join(...parts), 'utf8');
  } catch {
    return null; // not Linux, no such cgroup, or no quotas in it
  }
}
