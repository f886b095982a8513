/**
 * Prebuilt: lays the addons that the package brings into prebuilt/<platform>/, before npm packs it.
 * Takes  --strict, or MILLRACE_RELEASE=1: each of them, or none (a release); without it a platform whose compiler is not here is left out, with one line.
 *        --clean: takes them away again, so that a checkout runs what it built itself.
 * Gives  millrace.node and its sum for each platform.
 * Never  lays one there that asks for libstdc++ or for a symbol that glibc 2.28 has not.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Debian 10, RHEL 8, Amazon Linux 2023: the oldest that Node 22 itself runs on. */
const GLIBC_MAX = '2.28';
const PLATFORMS = ['linux-x64', 'linux-arm64'];
const ROOT = join(import.meta.dirname, '..', '..');
const OUTPUT = join(ROOT, 'prebuilt');
const isStrict = process.argv.includes('--strict') || process.env.MILLRACE_RELEASE === '1';

/** What an addon asks of the system that is not everywhere, as one text; empty where there is nothing. */
function newerNeeds(path) {
  const dynamic = execFileSync('readelf', ['-dW', path], { encoding: 'utf8' });
  const libraries = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
  const foreign = libraries.filter((name) => !/^(libc\.so\.6|ld-linux-[\w-]+\.so\.\d)$/.test(name));
  const versions = execFileSync('readelf', ['-VW', path], { encoding: 'utf8' });
  const asked = [...versions.matchAll(/Name: (GLIBC\w*)_([\d.]+)/g)];
  const newer = asked.filter(([, kind, version]) => kind !== 'GLIBC' || isNewer(version, GLIBC_MAX));
  return [...foreign, ...newer.map(([, kind, version]) => `${kind}_${version}`)].join(', ');
}

function isNewer(one, other) {
  return one.localeCompare(other, 'en', { numeric: true }) > 0;
}

function lay(platform) {
  const isHost = platform === `${process.platform}-${process.arch}`;
  const flags = [...(isHost ? [] : ['--target', platform]), '--strict', '--verbose'];
  const build = spawnSync(process.execPath, [join(ROOT, 'src', 'native', 'build.mjs'), ...flags], {
    encoding: 'utf8',
  });
  if (build.status !== 0) return build.stderr.trim().split('\n')[0];
  const built = join(ROOT, 'build', isHost ? '' : platform, 'millrace.node');
  const needs = newerNeeds(built);
  if (needs !== '') return `it needs ${needs}`;
  mkdirSync(join(OUTPUT, platform), { recursive: true });
  for (const end of ['', '.sum']) {
    copyFileSync(built + end, join(OUTPUT, platform, `millrace.node${end}`));
  }
  return null;
}

rmSync(OUTPUT, { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  for (const platform of PLATFORMS) {
    const problem = lay(platform);
    if (problem === null) continue;
    console.error(`millrace: the package brings no addon for ${platform}: ${problem}`);
    if (isStrict) process.exitCode = 1;
  }
}
