/**
 * Terminal: a command that has one, by Python's pty module.
 * Takes  the arguments of the command. Gives  what it showed, and how it ended.
 * Owns   the process. `hasPython` says whether there is any: tests are skipped by it, in sight, with `whyNoTerminal` in their names.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { BIN, CLEAN_ENV } from './fixture.ts';

export const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;
export const whyNoTerminal = hasPython ? '' : ' (not run: no python3 with pty)';

export interface Terminal {
  /** What was shown so far. */
  shown(): string;
  /** Types a line of terminal.py: `hangup` or `^C`. */
  type(what: 'hangup' | '^C' | `say ${string}`): void;
  /** Resolves as soon as it holds. @throws Where the command ends first. */
  until(condition: () => boolean): Promise<void>;
  /** `exit N` or `signal N`. */
  ended(): Promise<string>;
}

export function openTerminal(args: readonly string[], cwd: string): Terminal {
  const command = [join(import.meta.dirname, 'terminal.py'), process.execPath, BIN, ...args];
  const child = spawn('python3', command, { cwd, env: { HOME: tmpdir(), TERM: 'xterm', ...CLEAN_ENV } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const closed = once(child, 'close');
  return {
    shown: () => output.stdout,
    type: (what) => child.stdin.write(`${what}\n`),
    async until(condition) {
      while (!condition()) {
        if (child.exitCode !== null) throw new Error(`It ended first: ${output.stderr}\n${output.stdout}`);
        await wait(5);
      }
    },
    async ended() {
      await closed;
      return output.stderr;
    },
  };
}
