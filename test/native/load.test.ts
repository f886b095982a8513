import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** What a fresh process is told, because the answer is kept. */
function reasonWith(env: Record<string, string>): string | null {
  const program = `import { loadAddon } from ${JSON.stringify(new URL('../../src/native/load.ts', import.meta.url).href)};
    console.log(JSON.stringify(loadAddon().reason));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.toString()) as string | null;
}

it('loads nothing when asked for the portable scanner', () => {
  expect(reasonWith({ MILLRACE_SCANNER: 'portable' })).toBe('MILLRACE_SCANNER=portable');
});

it('says why an addon cannot be loaded, instead of throwing', () => {
  expect(reasonWith({ MILLRACE_ADDON: '/nowhere/millrace.node' })).toMatch(/^it cannot be loaded: /);
  expect(reasonWith({ MILLRACE_ADDON: import.meta.filename })).toMatch(/^it cannot be loaded: /);
});
