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
