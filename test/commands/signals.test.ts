/** Signals at the moment when what they do changes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const SIGNALS = join(import.meta.dirname, '..', '..', 'src', 'commands', 'signals.ts');

/** A command begins to listen while a signal that has come is not heard yet: its event loop has not turned since. */
const PROGRAM = `
  import { spawnSync } from 'node:child_process';
  const { abortOnSignals, exitOnSignals } = await import(${JSON.stringify(SIGNALS)});
  exitOnSignals();
  const { status } = spawnSync('kill', ['-TERM', String(process.pid)]);
  const signal = abortOnSignals((text) => console.error(text));
  const end = setTimeout(() => console.log('lost'), 10_000);
  signal.addEventListener('abort', () => {
    clearTimeout(end);
    console.log(JSON.stringify([status, signal.reason.exitCode]));
    process.exit();
  });
`;

it('a signal that comes while a command begins is heard by the command', () => {
  const program = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' });
  expect([program.stdout, program.signal], program.stderr).toEqual(['[0,143]\n', null]);
  expect(program.stderr).toContain('SIGTERM: finishing what is on its way');
});
