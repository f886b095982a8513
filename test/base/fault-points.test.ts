import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULT_POINTS, parseFault } from '../../src/base/fault-points.ts';

const root = join(import.meta.dirname, '..', '..');
const moduleUrl = new URL('../../src/base/fault-points.ts', import.meta.url).href;

it('names exactly the points that the code passes, each at one place', () => {
  const used: string[] = [];
  for (const folder of ['src', 'workers']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name === 'fault-points.ts') continue;
      const text = readFileSync(join(root, folder, name), 'utf8');
      for (const match of text.matchAll(/faultPoint\('([^']+)'\)/g)) used.push(match[1]!);
    }
  }
  expect(used.sort()).toEqual([...FAULT_POINTS].sort());
});

/** Passes a point five times in a process of its own. */
function run(fault: string, more: Record<string, string> = {}, args: string[] = []) {
  const script = `import { faultPoint } from '${moduleUrl}';
    for (let n = 1; n <= 5; n += 1) { faultPoint('journal.before-write'); console.log(n); }`;
  return spawnSync(process.execPath, ['--no-warnings', ...args, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, MILLRACE_FAULT: fault, ...more },
    timeout: fault.endsWith('hang') ? 2000 : 20_000,
  });
}

describe('a fault', () => {
  it.each([
    { fault: '', status: 0, signal: null, printed: 5 },
    { fault: 'journal.before-sync:1:kill', status: 0, signal: null, printed: 5 },
    { fault: 'journal.before-write:6:kill', status: 0, signal: null, printed: 5 },
    { fault: 'journal.before-write:3:kill', status: null, signal: 'SIGKILL', printed: 2 },
    { fault: 'journal.before-write:5:exit', status: 70, signal: null, printed: 4 },
    { fault: 'journal.before-write:1:throw', status: 1, signal: null, printed: 0 },
    { fault: 'journal.before-write:2:hang', status: null, signal: 'SIGTERM', printed: 1 },
  ])('"$fault" ends with $status, $signal after $printed passages', ({ fault, status, signal, printed }) => {
    const child = run(fault);
    expect([child.status, child.signal, child.stdout.split('\n').length - 1]).toEqual([
      status,
      signal,
      printed,
    ]);
  });

  it('of memory ends the process', () => {
    const child = run('journal.before-write:1:oom', {}, ['--max-old-space-size=20']);
    expect(child.stderr).toContain('heap out of memory');
    expect(child.stdout).toBe('');
  });

  it('writes its log when it happens, and does not happen again with the same log', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-fault-'));
    try {
      const log = { MILLRACE_FAULT_LOG: join(folder, 'log') };
      expect(run('journal.before-write:1:exit', log).status).toBe(70);
      expect(readFileSync(log.MILLRACE_FAULT_LOG, 'utf8')).toMatch(/^journal\.before-write exit \d+\n$/);
      expect(run('journal.before-write:1:exit', log).status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    'x',
    'nowhere:1:kill',
    'journal.before-write:0:kill',
    'journal.before-write:1:sing',
    'journal.before-write:1:kill:x',
  ])('"%s" is refused, so that no test passes without its fault', (text) => {
    expect(() => parseFault(text)).toThrow(/MILLRACE_FAULT/);
    expect(run(text).status).toBe(1);
  });
});
