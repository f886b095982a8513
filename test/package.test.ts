/**
 * The package: what `npm pack` makes of a clean checkout, unpacked in an empty folder elsewhere. Its command runs, its library too, with
 * types. Nothing of it but what `dependencies` name is linked to it, so that a package that is missing there is missed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './commands/fixture.ts';

const ROOT = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'));
const checkout = join(folder, 'checkout');
const elsewhere = join(folder, 'elsewhere');
const installed = join(elsewhere, 'node_modules', 'millrace');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

function call(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  // What git knows or would take, as a clone has it: nothing that was built.
  for (const path of call('git', ['ls-files', '-co', '--exclude-standard'], ROOT).trim().split('\n')) {
    if (!existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    cpSync(join(ROOT, path), join(checkout, path));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  const [packed] = JSON.parse(call('npm', ['pack', '--json', '--pack-destination', folder], checkout));
  mkdirSync(installed, { recursive: true });
  call('tar', ['-xzf', join(folder, packed.filename), '--strip-components=1', '-C', installed], folder);
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(elsewhere, 'node_modules', name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(elsewhere, 'node_modules', name));
  }
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('its native addon', () => {
  const platform = `${process.platform}-${process.arch}`;
  const hasPrebuilt = ['linux-x64', 'linux-arm64'].includes(platform);
  const sumOf = (...path: string[]) => readFileSync(join(...path, 'millrace.node.sum'), 'utf8');

  it('is compiled by no installation', () => {
    const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(Object.keys(scripts)).toContain('prepare'); // of a checkout: npm does not run it for what comes from a registry
    expect(['preinstall', 'install', 'postinstall'].filter((name) => name in scripts)).toEqual([]);
  });

  it.skipIf(!hasPrebuilt)('is byte for byte the one that is built in another folder', () => {
    call(process.execPath, ['src/native/build.mjs', '--strict'], ROOT);
    expect(sumOf(installed, 'prebuilt', platform)).toBe(sumOf(ROOT, 'build'));
  });

  const canCross = platform === 'linux-x64' && spawnSync('aarch64-linux-gnu-g++', ['--version']).status === 0;
  it.skipIf(!canCross)(
    `is there for arm64 too${canCross ? '' : ' (not run: no g++-aarch64-linux-gnu)'}, the same bytes each time`,
    () => {
      call(process.execPath, ['src/native/build.mjs', '--strict', '--target', 'linux-arm64'], ROOT);
      expect(sumOf(installed, 'prebuilt', 'linux-arm64')).toBe(sumOf(ROOT, 'build', 'linux-arm64'));
    },
  );

  it('is built by the command that a platform without one is told, which never fails', () => {
    const output = execFileSync(process.execPath, ['src/native/build.mjs'], {
      cwd: installed,
      encoding: 'utf8',
      env: { ...process.env, CXX: '/nowhere/c++' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(output).not.toContain('    at ');
    expect(existsSync(join(installed, 'src', 'native', 'addon.cc'))).toBe(true);
  });
});

describe('its command', () => {
  const bin = join(installed, manifest.bin.millrace);

  it('says its version', async () => {
    const ended = await runCommand(['--version'], { bin, cwd: elsewhere });
    expect([ended.exitCode, ended.stdout]).toEqual([
      0,
      expect.stringContaining(`millrace/${manifest.version}`),
    ]);
  });

  it('does the whole job, with threads and embedded servers', async () => {
    const ended = await runCommand(['demo', '--json', '--quiet'], { bin, cwd: elsewhere });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ proof: { missing: 0, foreign: 0 } });
  });

  it('measures, with servers in processes of their own', async () => {
    const args = ['bench', '--size', '2MB', '--shards', '2', '--json', '--quiet'];
    const ended = await runCommand(args, { bin, cwd: elsewhere });
    expect([ended.exitCode, JSON.parse(ended.stdout).status], ended.stderr).toEqual([0, 'measured']);
  });
});

it('its library is called with types', () => {
  writeFileSync(join(elsewhere, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(elsewhere, 'use.ts'),
    `import { backfill, type BackfillReport, backfillOptions, MillraceError, OptionsError, readStatus, readStream } from 'millrace';
const options = backfillOptions(['s3://bucket/prefix'], { stream: 'events' });
const downloads: number = options.downloads;
// @ts-expect-error: it is a number
const wrong: string = options.downloads;
export const run = (): Promise<BackfillReport> => backfill(options, { signal: AbortSignal.timeout(1) });
let problems: readonly string[] = [];
try {
  backfillOptions([], {});
} catch (error) {
  if (error instanceof OptionsError && error instanceof MillraceError) problems = error.problems;
}
console.log(JSON.stringify({ downloads, wrong, problems: problems.length, types: [typeof readStream, typeof readStatus] }));
`,
  );
  const flags = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--strict',
    '--skipLibCheck',
    '--types',
    'node',
  ];
  const roots = ['--typeRoots', join(ROOT, 'node_modules', '@types')];
  call(
    process.execPath,
    [join(ROOT, 'node_modules', '.bin', 'tsc'), ...flags, ...roots, 'use.ts'],
    elsewhere,
  );
  expect(JSON.parse(call(process.execPath, ['use.js'], elsewhere))).toEqual({
    ...{ downloads: 16, wrong: 16, problems: 2, types: ['function', 'function'] },
  });
});
