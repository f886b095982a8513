/** Completion, by the shells themselves: what they offer at a place of the command line. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionFor } from '../../src/options/completion.ts';
import { inGroups } from '../../src/options/flag.ts';
import { MANUAL } from '../../src/options/manual.ts';
import { runCommand } from '../commands/fixture.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-completion-'));
  for (const name of ['run one.journal', 'other.txt']) writeFileSync(join(folder, name), '');
  for (const shell of ['bash', 'zsh'] as const)
    writeFileSync(join(folder, `_${shell}`), completionFor(shell));
});
afterAll(() => rmSync(folder, { recursive: true }));

const COMMANDS = Object.keys(MANUAL);
const flagsOf = (name: keyof typeof MANUAL) =>
  inGroups(MANUAL[name].flags).flatMap(([, flags]) => flags.map((flag) => `--${flag.name}`));

/** What bash offers for the last of these words, as its readline asks. */
function offeredByBash(words: readonly string[]): string[] {
  const script = `source ./_bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  return output
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}

describe('bash', () => {
  it.each([
    { words: ['millrace', ''], offers: [...COMMANDS, '--help', '--version'] },
    { words: ['millrace', 'ba'], offers: ['backfill'] },
    { words: ['millrace', 'backfill', '--'], offers: [...flagsOf('backfill'), '--help'] },
    { words: ['millrace', 'status', '--'], offers: ['--journal', '--json', '--help'] },
    { words: ['millrace', 'backfill', 's3://b/', '--wi'], offers: ['--wire'] },
    { words: ['millrace', 'backfill', '--wire', ''], offers: ['cbor', 'json'] },
    { words: ['millrace', 'backfill', '--wire', '='], offers: ['cbor', 'json'] },
    { words: ['millrace', 'backfill', '--compression', '=', 'z'], offers: ['zstd'] },
    { words: ['millrace', 'verify', '--from', ''], offers: ['journal', 'trim-horizon'] },
    { words: ['millrace', 'verify', '--journal', 'r'], offers: ['run one.journal'] },
    { words: ['millrace', 'redrive', 'o'], offers: ['other.txt'] },
    { words: ['millrace', 'backfill', '--stream', ''], offers: [] },
    { words: ['millrace', 'backfill', '--dry-run', ''], offers: [] },
    { words: ['millrace', 'completion', ''], offers: ['bash', 'zsh'] },
    { words: ['millrace', 'nonsense', '--'], offers: [] },
  ])('offers $offers after $words', ({ words, offers }) => {
    expect(offeredByBash(words)).toEqual(offers.toSorted());
  });
});

const hasZsh = (() => {
  try {
    return execFileSync('zsh', ['-c', 'echo yes'], { encoding: 'utf8' }) === 'yes\n';
  } catch {
    return false;
  }
})();
const whyNoZsh = hasZsh ? '' : ' (not run: no zsh)';

/** What zsh's own _arguments and _describe are asked, for a line that ends in these words. */
function askedByZsh(words: readonly string[]): string {
  const script = [
    `compdef() { :; }; _describe() { print -l -- "\${(@P)4}"; }; _arguments() { print -l -- "$@"; }`,
    'source ./_zsh; words=("$@"); CURRENT=$#; _millrace',
  ].join('\n');
  return execFileSync('zsh', ['-f', '-c', script, 'zsh', ...words], { cwd: folder, encoding: 'utf8' });
}

describe('zsh', () => {
  it.skipIf(!hasZsh)(`describes every command${whyNoZsh}`, () => {
    const lines = askedByZsh(['millrace', '']).trim().split('\n');
    expect(lines).toEqual(Object.entries(MANUAL).map(([name, { summary }]) => `${name}:${summary}`));
  });

  it.skipIf(!hasZsh).each(COMMANDS as (keyof typeof MANUAL)[])(`knows the flags of %s${whyNoZsh}`, (name) => {
    const asked = askedByZsh(['millrace', name, '']);
    expect([...asked.matchAll(/^\*?(--[a-z0-9-]+)[=[]/gm)].map(([, flag]) => flag).toSorted()).toEqual(
      [...flagsOf(name), '--help'].toSorted(),
    );
  });

  it.skipIf(!hasZsh)(`knows values, files, and what may be given more than once${whyNoZsh}`, () => {
    const lines = askedByZsh(['millrace', 'verify', '']).split('\n');
    expect(lines).toContain(
      '--wire=[protocol of reading the stream; falls back to JSON where CBOR is refused]:cbor|json:(cbor json)',
    );
    expect(lines).toContain('--dead-letter=[dead letters of the run]:FILE:_files');
    expect(lines.find((line) => line.startsWith('*--include='))).toBeDefined();
  });
});

describe('the command', () => {
  it.each(['bash', 'zsh'] as const)('prints the script of %s', async (shell) => {
    const { exitCode, stdout, stderr } = await runCommand(['completion', shell]);
    expect([exitCode, stderr, stdout]).toEqual([0, '', completionFor(shell)]);
  });

  it.each([[], ['fish'], ['bash', 'zsh'], ['bash', '--json']])(
    'ends with 2 for other words: %j',
    async (...words) => {
      const { exitCode, stdout, stderr } = await runCommand(['completion', ...words]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('bash or zsh')]);
      expect(stdout).not.toContain('compgen');
    },
  );
});
