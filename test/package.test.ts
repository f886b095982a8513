/**
 * The package: what `npm pack` makes of a clean checkout, unpacked in an empty folder elsewhere, without a compiler, python3 or make, and with no
 * other package beside it. Its command runs, its library too, with types.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './commands/fixture.ts';
import { IS_HEAVY } from './heavy.ts';

const ROOT = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'));
const checkout = join(folder, 'checkout');
const elsewhere = join(folder, 'elsewhere');
const installed = join(elsewhere, 'node_modules', 'millrace');
/** All that the command finds on its path. */
const bare = join(folder, 'bare');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

function call(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const platform = `${process.platform}-${process.arch}`;
const canCross = platform === 'linux-x64' && spawnSync('aarch64-linux-gnu-g++', ['--version']).status === 0;

/**
 * Lays the objects of one checkout's build into another checkout, so that only some are compiled there, which must come to the same bytes. All
 * of them take as long as the rest of this file, and are compiled under `npm run test:heavy`.
 */
function layObjects(from: string, to: string, target: string, stale: readonly string[]): void {
  const build = join(to, 'build', target);
  mkdirSync(build, { recursive: true });
  for (const name of readdirSync(join(from, 'build', target)))
    if (name.endsWith('.o') && !stale.includes(name))
      cpSync(join(from, 'build', target, name), join(build, name));
  // Which warnings are shown changes no byte.
  const flags = readFileSync(join(from, 'build', target, 'flags.txt'), 'utf8');
  const strict = flags.replaceAll(from, to).replace(' -w ', ' -Wall -Wextra -Werror ');
  writeFileSync(join(build, 'flags.txt'), strict);
}

beforeAll(() => {
  // What git knows or would take, as a clone has it: nothing that was built.
  for (const path of call('git', ['ls-files', '-co', '--exclude-standard'], ROOT).trim().split('\n')) {
    if (!existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    cpSync(join(ROOT, path), join(checkout, path));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  // Where arm64's addon is compiled from nothing, this machine's need not be, too.
  if (canCross && !IS_HEAVY) {
    call(process.execPath, ['src/native/build.mjs'], ROOT); // what `npm ci` has built: nothing to do
    layObjects(ROOT, checkout, '', ['addon.o', 'crc.o', 'encode.o', 'scan-sink.o', 'sha256.o']);
  }
  const [packed] = JSON.parse(call('npm', ['pack', '--json', '--pack-destination', folder], checkout));
  mkdirSync(installed, { recursive: true });
  call('tar', ['-xzf', join(folder, packed.filename), '--strip-components=1', '-C', installed], folder);
  mkdirSync(bare);
  symlinkSync(process.execPath, join(bare, 'node'));
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is all that an installation brings: under 15 MB, and no other package', () => {
  const own = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect([own.dependencies, own.optionalDependencies]).toEqual([undefined, undefined]);
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(installed, name),
  );
  expect(files.length).toBeGreaterThan(100);
  // As a disk counts it, in blocks of 4 KiB.
  const bytes = files.map((path) => Math.ceil(statSync(path).size / 4096) * 4096).reduce((a, b) => a + b);
  expect(bytes).toBeLessThan(15e6);
});

it('brings a map for each file with code of ours, and the licences of what is inside', () => {
  const dist = readdirSync(join(installed, 'dist'));
  const bundles = dist.filter((name) => /\.c?js$/.test(name));
  // A file that only hands something on has nothing to map, and one of other packages nobody to read it.
  const mapped = bundles.filter((name) =>
    readFileSync(join(installed, 'dist', name), 'utf8').includes('sourceMappingURL'),
  );
  const names = mapped.map((name) => name.replace(/(-[\w-]{8})?\.c?js$/, ''));
  expect(names).toEqual(expect.arrayContaining(['main', 'parse', 'publish']));
  expect(mapped.filter((name) => !dist.includes(`${name}.map`))).toEqual([]);
  const licences = readFileSync(join(installed, 'dist', 'THIRD-PARTY.txt'), 'utf8');
  for (const name of ['@aws-sdk/client-s3', '@oclif/core', 'piscina', '@nozbe/simdjson', 'fauxqs'])
    expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+, `, 'm'));
});

describe('its native addon', () => {
  const hasPrebuilt = ['linux-x64', 'linux-arm64'].includes(platform);
  const sumOf = (...path: string[]) => readFileSync(join(...path, 'millrace.node.sum'), 'utf8');

  it('is compiled by no installation', () => {
    const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(Object.keys(scripts)).toContain('prepare'); // of a checkout: npm does not run it for what comes from a registry
    expect(['preinstall', 'install', 'postinstall'].filter((name) => name in scripts)).toEqual([]);
  });

  it.skipIf(!hasPrebuilt)(
    `is byte for byte the one that is built in another folder${hasPrebuilt ? '' : ` (not run: none is prebuilt for ${platform})`}`,
    () => {
      // What `npm ci` has built here: which warnings are shown changes no byte.
      call(process.execPath, ['src/native/build.mjs'], ROOT);
      expect(sumOf(installed, 'prebuilt', platform)).toBe(sumOf(ROOT, 'build'));
    },
    300_000,
  );

  it.skipIf(!canCross)(
    `is there for arm64 too${canCross ? '' : ' (not run: no g++-aarch64-linux-gnu)'}, the same bytes each time`,
    () => {
      const again = join(folder, 'again');
      compileAgain(again, ['addon.o', 'encode.o', 'scan-base.o']);
      expect(sumOf(installed, 'prebuilt', 'linux-arm64')).toBe(sumOf(again, 'build', 'linux-arm64'));
    },
    300_000,
  );

  /** Builds in another folder, with the objects of the packed build but for some: all of them would take as long as the package itself. */
  function compileAgain(again: string, stale: readonly string[]): void {
    for (const path of ['package.json', join('src', 'native')])
      cpSync(join(checkout, path), join(again, path), { recursive: true, preserveTimestamps: true });
    symlinkSync(join(ROOT, 'node_modules'), join(again, 'node_modules'));
    layObjects(checkout, again, 'linux-arm64', stale);
    const to = join(again, 'build', 'linux-arm64');
    const kept = statSync(join(to, 'simdjson.o')).mtimeMs;
    call(process.execPath, ['src/native/build.mjs', '--strict', '--target', 'linux-arm64'], again);
    expect(stale.map((name) => existsSync(join(to, name)))).toEqual(stale.map(() => true));
    expect(statSync(join(to, 'simdjson.o')).mtimeMs, 'is not compiled again').toBe(kept);
  }

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

  it('names the packages that it is compiled from, where they are not here', () => {
    const { status, stderr } = spawnSync(process.execPath, ['src/native/build.mjs'], {
      ...{ cwd: installed, encoding: 'utf8', env: { PATH: bare } },
    });
    const version = manifest.devDependencies['@nozbe/simdjson'];
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining(`npx -y -p @nozbe/simdjson@${version} -p node-api`),
    ]);
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

  it('knows its commands without loading one', async () => {
    const known = JSON.parse(readFileSync(join(installed, 'dist', 'oclif.manifest.json'), 'utf8'));
    const ended = await runCommand(['--help'], { bin, cwd: elsewhere });
    expect([ended.exitCode, known.version]).toEqual([0, manifest.version]);
    expect(Object.keys(known.commands)).toContain('backfill');
    for (const name of Object.keys(known.commands))
      expect(ended.stdout).toMatch(new RegExp(`^ +${name} `, 'm'));
  });

  it.each([
    ['is missing', (path: string) => rmSync(path)],
    ['is cut off', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 5_000))],
  ])('says that it is not whole where a bundle %s', async (_how, damage) => {
    const dist = join(installed, 'dist');
    const path = join(dist, readdirSync(dist).find((name) => /^main-engine-.*\.cjs$/.test(name))!);
    const whole = readFileSync(path);
    damage(path);
    try {
      const args = ['backfill', 's3://bucket/', '--stream', 's', '--json'];
      const { exitCode, stdout, stderr } = await runCommand(args, { bin, cwd: elsewhere });
      expect([exitCode, JSON.parse(stdout)]).toMatchObject([2, { status: 'failed', exitCode: 2 }]);
      expect(stderr).toMatch(/^millrace: .*the installation is not whole: install it again.*\n$/);
    } finally {
      writeFileSync(path, whole);
    }
  });

  it('does the whole job, with threads and embedded servers', async () => {
    const ended = await runCommand(['demo', '--json', '--quiet'], {
      bin,
      cwd: elsewhere,
      env: { PATH: bare },
    });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ scanner: 'native', proof: { missing: 0, foreign: 0 } });
  });

  it('measures, with servers in processes of their own', async () => {
    const args = ['bench', '--size', '2MB', '--shards', '2', '--json', '--quiet'];
    const ended = await runCommand(args, { bin, cwd: elsewhere });
    expect([ended.exitCode, JSON.parse(ended.stdout).status], ended.stderr).toEqual([0, 'measured']);
  });

  it.each([
    ['beside the package', elsewhere],
    ['in a folder where no package is found', join(folder, 'far')],
  ])(
    'runs a pipeline of a module that imports its stages, in threads that have another copy of them: %s',
    async (_, home) => {
      mkdirSync(home, { recursive: true });
      const module = join(home, 'clean.mjs');
      // The first line of each object has no number.
      const code = `import { coerce, drop, map, pipe, where } from 'millrace/stages';
      const numbered = map((_, { offset }) => ({ n: offset === 0 ? 'none' : '7', extra: true }));
      export default pipe(numbered, where('record.extra'), drop('/extra'), coerce('/n', 'number'));`;
      writeFileSync(module, code);
      const args = [
        'bench',
        '--size',
        '2MB',
        '--shards',
        '1',
        '--on-missing-key',
        'coordinates',
        '--json',
        '--quiet',
      ];
      const ended = await runCommand([...args, '--transform', module], { bin, cwd: home });
      const { status, records, rejected } = JSON.parse(ended.stdout);
      expect([status, records > 1000, rejected > 0], ended.stderr).toEqual(['measured', true, true]);
    },
  );
});

const canContain =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status === 0;
const whyNot = canContain ? '' : ' (not run: not root, or no namespaces)';

describe.skipIf(!canContain)(
  `as the first process of a container, without an account, on a root that is read-only${whyNot}`,
  () => {
    const contain = (name: string, args: readonly string[]) => {
      const root = join(folder, name);
      mkdirSync(root);
      const box = [join(ROOT, 'test', 'packaging', 'container.sh'), root, process.execPath, installed];
      return spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', ...box, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    };

    it('it proves itself', async () => {
      const child = contain('proof', ['demo', '--json', '--quiet']);
      const [stdout, stderr, [exitCode]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ]);
      expect(exitCode, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ scanner: 'native', proof: { missing: 0, foreign: 0 } });
    });

    it('it ends in good order when it is told to', async () => {
      const child = contain('signal', ['demo', '--keep', '--json']);
      const said = text(child.stderr);
      const exited = once(child, 'exit');
      // The report is there: the servers stay up until a signal comes.
      await Promise.race([once(child.stdout, 'data'), exited]);
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      process.kill(Number(children), 'SIGTERM');
      const [exitCode] = await exited;
      expect([exitCode, await said]).toEqual([143, expect.stringContaining('SIGTERM: finishing')]);
    });
  },
);

it('its library is called with types', () => {
  writeFileSync(join(elsewhere, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(elsewhere, 'use.ts'),
    `import { backfill, type BackfillReport, backfillOptions, MillraceError, OptionsError, readStatus, readStream } from 'millrace';
import { drop, map, pipe, type Stage } from 'millrace/stages';
import { defineTransform, type Transform } from 'millrace/transform';
const transform: Transform = defineTransform({ record: (value, { key, offset }) => [value, key.length + offset] });
// @ts-expect-error: it has no record
defineTransform({ open() {} });
const second: Stage = map<{ b: number }>(({ b }) => ({ b: b + 1 }));
const piped = pipe(drop('/a'), second)({ a: 1, b: 2 });
const { stages } = backfillOptions({ sources: 's3://bucket/prefix', stream: 'events', stages: pipe(drop('/a')) });
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
console.log(JSON.stringify({ downloads, wrong, problems: problems.length, types: [typeof readStream, typeof readStatus, typeof transform.record], piped, stages }));
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
    ...{
      downloads: 16,
      wrong: 16,
      problems: 2,
      types: ['function', 'function', 'function'],
      piped: { b: 3 },
      stages: [{ kind: 'drop', pointer: '/a' }],
    },
  });
});
