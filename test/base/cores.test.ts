import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { availableCores } from '../../src/base/cores.ts';

describe('available cores', () => {
  let root: string;
  const lay = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'millrace-cores-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('are those that Node knows where there is no quota', () => {
    expect(availableCores(root)).toBe(availableParallelism());
    lay('proc/self/cgroup', '4:cpu:/\n0::/\n');
    lay('sys/fs/cgroup/cpu/cpu.cfs_quota_us', '-1\n');
    lay('sys/fs/cgroup/cpu/cpu.cfs_period_us', '100000\n');
    expect(availableCores(root)).toBe(availableParallelism());
  });

  it.each(['/', '/jobs/one'])(
    'are as many as the quota of a cgroup %s has whole ones, and at least one',
    (path) => {
      lay('proc/self/cgroup', `9:memory:/\n4:cpu:${path}\n`);
      lay('sys/fs/cgroup/cpu/cpu.cfs_quota_us', '50000\n');
      lay('sys/fs/cgroup/cpu/cpu.cfs_period_us', '100000\n');
      expect(availableCores(root)).toBe(1);
    },
  );

  /** A quota of one core: of one process among many that has two or more of them. */
  const ONE = { v1: ['100000\n', '100000\n'], v2: '100000 100000\n' } as const;
  const layV1 = (folder: string, [quota, period]: readonly [string, string] = ONE.v1) => {
    lay(`sys/fs/cgroup/${folder}/cpu.cfs_quota_us`, quota);
    lay(`sys/fs/cgroup/${folder}/cpu.cfs_period_us`, period);
  };
  const layV2 = (folder: string, text: string = ONE.v2) => lay(`sys/fs/cgroup/${folder}/cpu.max`, text);
  const none: readonly [string, string] = ['-1\n', '100000\n'];
  it.each([
    {
      name: 'of v1 above this one',
      lines: '4:cpu,cpuacct:/pod/one',
      laid: () => [layV1('cpu,cpuacct/pod/one', none), layV1('cpu,cpuacct/pod')],
    },
    {
      name: 'of v1 in a folder that has its controllers in another order',
      lines: '4:cpuacct,cpu:/one',
      laid: () => layV1('cpu/one'),
    },
    { name: 'of v1 that is all that a container sees', lines: '4:cpu:/host/one', laid: () => layV1('cpu') },
    { name: 'of v2', lines: '0::/one', laid: () => layV2('one') },
    {
      name: 'of v2 above this one',
      lines: '0::/slice/one',
      laid: () => [layV2('slice/one', 'max 100000\n'), layV2('slice', '150000 100000\n')],
    },
    { name: 'of v2 that is all that a container sees', lines: '0::/host/one', laid: () => layV2('') },
    { name: 'of v2 beside v1', lines: '1:name=systemd:/one\n0::/one', laid: () => layV2('unified/one') },
    { name: 'of a path with colons', lines: '0::/a:b/one', laid: () => layV2('a:b/one') },
  ])('are one under a quota of one core $name', ({ lines, laid }) => {
    lay('proc/self/cgroup', `9:memory:/one\n${lines}\n`);
    laid();
    expect(availableCores(root)).toBe(1);
  });

  it('are all where the quota is larger, is none, or is of other cgroups or controllers', () => {
    lay('proc/self/cgroup', '9:memory:/one\n4:cpu:/one\n0::/one\n');
    layV1('cpu/one', ['9900000\n', '100000\n']);
    layV1('cpu/other');
    layV1('memory/one');
    layV2('one', 'max 100000\n');
    layV2('unified/other');
    expect(availableCores(root)).toBe(availableParallelism());
  });

  const real = `/sys/fs/cgroup/cpu/millrace-test-${process.pid}`;
  const canLimit = (() => {
    try {
      accessSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us', constants.W_OK);
      return true;
    } catch {
      return false;
    }
  })();
  it.skipIf(!canLimit)(
    `are one under a quota of half a core${canLimit ? '' : ' (not run: no cgroup v1 here that we may write)'}`,
    () => {
      mkdirSync(real);
      try {
        writeFileSync(join(real, 'cpu.cfs_period_us'), '100000');
        writeFileSync(join(real, 'cpu.cfs_quota_us'), '50000');
        const cores = pathToFileURL(`${import.meta.dirname}/../../src/base/cores.ts`).href;
        const program = `import(${JSON.stringify(cores)}).then((it) => console.log(it.availableCores()))`;
        const script = 'echo $$ > "$1/tasks" && exec "$2" --eval "$3"';
        const said = execFileSync('sh', ['-c', script, 'sh', real, process.execPath, program], {
          encoding: 'utf8',
        });
        expect(said.trim()).toBe('1');
      } finally {
        rmdirSync(real);
      }
    },
  );
});
