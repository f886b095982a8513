/** The addon of a release is hardened and runs on systems older than this one, and our own C++ has no warning: what a developer's and a user's build ask of the compiler. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const ADDON = join(ROOT, 'build', 'millrace.node');
const canRead = existsSync(ADDON) && spawnSync('readelf', ['--version']).status === 0;
const why = canRead ? '' : ' (not run: no addon, or no readelf)';
const readelfOf = (path: string, ...flags: string[]) =>
  execFileSync('readelf', [...flags, path], { encoding: 'utf8' });
const readelf = (...flags: string[]) => readelfOf(ADDON, ...flags);

/** Libraries, and versions of symbols, that an addon asks its system for. */
function needsOf(path: string): { libraries: string[]; newestGlibc: number; others: string[] } {
  const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);
  const versions = all(readelfOf(path, '-VW'), /Name: ([A-Z]+_[\d.]+)/g);
  const glibc = versions.filter((name) => /^GLIBC_2\./.test(name));
  return {
    libraries: all(readelfOf(path, '-dW'), /\(NEEDED\).*\[(.*)\]/g),
    newestGlibc: Math.max(...glibc.map((name) => Number(name.split('.')[1]))),
    others: versions.filter((name) => !glibc.includes(name)),
  };
}

describe.skipIf(!canRead)(`the addon of a release${why}`, () => {
  it('is bound as a whole when it is loaded, and its tables are read-only from then on', () => {
    expect(readelf('-lW')).toContain('GNU_RELRO');
    expect(readelf('-dW')).toMatch(/\(FLAGS\)\s+BIND_NOW/);
  });

  it('has no stack that code could run from', () => {
    expect(readelf('-lW')).toMatch(/GNU_STACK(\s+0x0+)+\s+RW\s/);
  });

  it('guards its stack frames and its copies of unknown length', () => {
    const symbols = readelf('-sW', '--dyn-syms');
    expect(symbols).toContain('__stack_chk_fail');
    expect(symbols).toContain('__memcpy_chk');
  });
});

describe.skipIf(!canRead || process.platform !== 'linux')(`the addon of a release, elsewhere${why}`, () => {
  it('asks its system for nothing but the C library, and for nothing in it that glibc 2.28 has not', () => {
    const { libraries, newestGlibc, others } = needsOf(ADDON);
    expect(libraries.filter((name) => !/^(libc\.so\.6|ld-linux-.*)$/.test(name))).toEqual([]);
    expect(newestGlibc).toBeGreaterThan(0);
    expect(newestGlibc).toBeLessThanOrEqual(28);
    expect(others).toEqual([]);
  });

  it('shows Node its two entries and keeps its own operator new to itself', () => {
    const shown = readelf('-sW', '--dyn-syms').matchAll(/ GLOBAL DEFAULT +\d+ (\S+)/g);
    expect(new Set([...shown].map((match) => match[1]))).toEqual(
      new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1']),
    );
  });
});

const hasCompiler = spawnSync(process.env.CXX ?? 'c++', ['--version']).status === 0;
const whyNot = hasCompiler ? '' : ' (not run: no C++ compiler)';

describe.skipIf(!hasCompiler)(`a build with a warning in our own files${whyNot}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-warning-'));
  const native = join(folder, 'src', 'native');
  beforeAll(() => {
    for (const name of ['build.mjs', 'sources-sum.mjs'])
      cpSync(join(ROOT, 'src', 'native', name), join(native, name));
    cpSync(join(ROOT, 'src', 'native', 'args.h'), join(native, 'args.h'));
    cpSync(join(ROOT, 'src', 'native', 'standalone'), join(native, 'standalone'), { recursive: true });
    const headers = join('node_modules', 'node-api-headers');
    const simdjson = join(folder, 'node_modules', '@nozbe', 'simdjson');
    mkdirSync(join(simdjson, 'src'), { recursive: true });
    symlinkSync(join(ROOT, headers), join(folder, headers));
    // Empty: it is not ours, and takes long.
    writeFileSync(join(simdjson, 'package.json'), '{}');
    writeFileSync(join(simdjson, 'src', 'simdjson.cpp'), '');
    const source = '#include "args.h"\nNAPI_MODULE_INIT() { int unused; (void)env; return exports; }\n';
    writeFileSync(join(native, 'addon.cc'), source);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const build = (...flags: string[]) => {
    return spawnSync(process.execPath, [join(native, 'build.mjs'), ...flags], { encoding: 'utf8' });
  };

  it('fails for a developer, who is told where it is', () => {
    const { status, stderr } = build('--strict', '--verbose');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/addon\.cc:2.*unused.*\[-Werror/)]);
  });

  it('does not fail an installation', () => {
    expect(build()).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(join(folder, 'build'))).toContain('millrace.node');
    expect(readFileSync(join(folder, 'build', 'flags.txt'), 'utf8')).toContain(' -w ');
  });
});
