import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { isMusl } from '../../src/native/addon-file.ts';
import { loadAddon } from '../../src/native/load.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** What a fresh process is told, because the answer is kept. */
function reasonWith(env: Record<string, string>, root = ROOT): string | null {
  const load = pathToFileURL(join(root, 'src', 'native', 'load.ts')).href;
  const program = `import { loadAddon } from ${JSON.stringify(load)};
    console.log(JSON.stringify(loadAddon().reason));`;
  // Sanitizers name their own addon for this process.
  const { MILLRACE_ADDON: _, ...inherited } = process.env;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...inherited, ...env },
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

const { addon } = loadAddon();
describe.skipIf(!addon)('an installed package (skipped where there is no addon)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-load-'));
  const prebuilt = join(folder, 'prebuilt', `${process.platform}-${process.arch}`, 'millrace.node');
  const built = join(folder, 'build', 'millrace.node');
  const lay = (path: string) => {
    mkdirSync(join(path, '..'), { recursive: true });
    for (const end of ['', '.sum']) cpSync(join(ROOT, 'build', `millrace.node${end}`), path + end);
  };
  beforeEach(() => {
    rmSync(folder, { recursive: true });
    for (const name of [
      'native/load.ts',
      'native/addon-file.ts',
      'native/sources-sum.mjs',
      'base/package-root.ts',
    ]) {
      cpSync(join(ROOT, 'src', name), join(folder, 'src', name));
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('names the platform and the command that builds an addon, where it brings none', () => {
    const reason = reasonWith({}, folder);
    expect(reason).toContain(`no prebuilt addon for ${process.platform}-${process.arch}`);
    expect(reason).toContain(`node ${join(folder, 'src', 'native', 'build.mjs')}`);
    expect(reason).not.toContain('\n');
  });

  it('loads the prebuilt addon', () => {
    lay(prebuilt);
    expect(reasonWith({}, folder)).toBe(null);
  });

  it('does not load an addon that was cut, which would end the process with SIGBUS', () => {
    lay(prebuilt);
    truncateSync(prebuilt, 100_000);
    expect(reasonWith({}, folder)).toMatch(/it has 100000 bytes and not \d+: it was cut/);
  });

  it('does not load an addon of which one byte was changed, nor one without a sum', () => {
    lay(prebuilt);
    const bytes = readFileSync(prebuilt);
    writeFileSync(prebuilt, bytes.fill(bytes[5000]! ^ 1, 5000, 5001));
    expect(reasonWith({}, folder)).toContain('its checksum is not the one of the build');
    rmSync(`${prebuilt}.sum`);
    expect(reasonWith({}, folder)).toContain('ENOENT');
  });

  it('takes the prebuilt addon where the one that was built here is damaged, and the other way round', () => {
    lay(prebuilt);
    lay(built);
    truncateSync(built, 10);
    expect(reasonWith({}, folder)).toBe(null);
    lay(built);
    truncateSync(prebuilt, 10);
    expect(reasonWith({}, folder)).toBe(null);
  });

  it('does not load an addon that was built here from other sources than those beside it', () => {
    lay(built);
    const sources = join(folder, 'src', 'native');
    for (const name of readdirSync(join(ROOT, 'src', 'native')).filter((name) => /\.(cc|h)$/.test(name)))
      cpSync(join(ROOT, 'src', 'native', name), join(sources, name));
    cpSync(join(ROOT, 'src', 'native', 'standalone'), join(sources, 'standalone'), { recursive: true });
    expect(reasonWith({}, folder)).toBe(null);
    appendFileSync(join(sources, 'frame.h'), '\n');
    expect(reasonWith({}, folder)).toContain('it was built from other sources than these; to build it: ');
  });

  /** What a thread is told that is started when another one has loaded the addon, and something has happened since. */
  function reasonInThread(happening: string): string | null {
    const load = JSON.stringify(pathToFileURL(join(folder, 'src', 'native', 'load.ts')).href);
    const thread = `import(${load}).then(({ loadAddon }) =>
      require('node:worker_threads').parentPort.postMessage(loadAddon().reason));`;
    const program = `import { renameSync, rmSync, writeFileSync } from 'node:fs';
      import { Worker } from 'node:worker_threads';
      import { loadAddon } from ${load};
      const path = ${JSON.stringify(prebuilt)};
      if (loadAddon().addon === null) throw new Error(loadAddon().reason);
      ${happening}
      new Worker(${JSON.stringify(thread)}, { eval: true, execArgv: [] }).on('message', (it) => console.log(JSON.stringify(it)));`;
    const { MILLRACE_ADDON: _, ...env } = process.env;
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    const args = ['--input-type=module', '--eval', program];
    return JSON.parse(execFileSync(process.execPath, args, { env, stdio: [...stdio] }).toString());
  }

  it('is read once: threads take the word of the one that has started them', () => {
    lay(prebuilt);
    expect(reasonInThread("rmSync(path + '.sum');")).toBe(null);
  });

  it('is read again by a thread where another file has taken its place', () => {
    lay(prebuilt);
    const change = "writeFileSync(path + '.new', 'short'); renameSync(path + '.new', path);";
    expect(reasonInThread(change)).toMatch(/it has 5 bytes and not \d+: it was cut/);
  });

  it('knows a Node that is linked to musl, and this one', () => {
    const executable = join(folder, 'node');
    writeFileSync(executable, `\u007fELF${'\0'.repeat(700)}/lib/ld-musl-x86_64.so.1\0${'\0'.repeat(5000)}`);
    expect([isMusl(executable), isMusl(join(folder, 'nowhere')), isMusl()]).toEqual([true, false, false]);
  });
});
