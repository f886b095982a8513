/** Signals at the moment when what they do changes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NODE_FLAGS } from '../../bench/node-flags.ts';
import { BIN, CLEAN_ENV } from './fixture.ts';

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

it('a command that waits for a pipe with its flags is ended by a signal, with its exit code', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-signals-'));
  try {
    const pipe = join(folder, 'flags.yaml');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const args = ['backfill', 's3://bucket/', '--config', pipe, '--json'];
    const child = spawn(process.execPath, [...NODE_FLAGS, BIN, ...args], { env: CLEAN_ENV });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    // A writer can open the pipe as soon as it is read: the command stands at its first file then.
    const writer = await open(pipe, 'w');
    child.kill('SIGTERM');
    const [exitCode, signal] = await once(child, 'close');
    await writer.close();
    expect([exitCode, signal]).toEqual([143, null]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'interrupted', exitCode: 143 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
