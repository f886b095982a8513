/**
 * Builds the native addon into build/millrace.node with the C++ compiler of this machine, without node-gyp and without a
 * download: the Node-API headers come from the npm package `node-api-headers`, simdjson's source from `@nozbe/simdjson`.
 * Run by `npm ci` (script "install"). Never fails an installation: without a compiler the portable scanner serves.
 * With --strict (a developer's build) it fails, and a warning in our own files is an error. With --sanitize it builds
 * build/sanitize/millrace.node for tests: AddressSanitizer, UndefinedBehaviorSanitizer and assertions.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sourceFolder = dirname(fileURLToPath(import.meta.url));
const isStrict = process.argv.includes('--strict');
const isSanitized = process.argv.includes('--sanitize');
const outputFolder = join(sourceFolder, '..', '..', 'build', isSanitized ? 'sanitize' : '');
const require = createRequire(import.meta.url);
const simdjsonFolder = join(dirname(require.resolve('@nozbe/simdjson/package.json')), 'src');
const headersFolder = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
const addonPath = join(outputFolder, 'millrace.node');

const compiler = process.env.CXX ?? 'c++';
const hardening = ['-fstack-protector-strong', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'];
const sanitizing = [
  ...['-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  '-fno-sanitize=vptr', // needs type information that we build without
];
const flags = [
  ...['-std=c++20', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti'],
  ...(isSanitized
    ? ['-O1', '-UNDEBUG', '-D_GLIBCXX_ASSERTIONS', ...sanitizing]
    : ['-O3', '-DNDEBUG', ...hardening]),
];
/** A user's compiler may know warnings that ours does not: they never fail an installation. */
const warnings = isStrict ? ['-Wall', '-Wextra', '-Werror'] : ['-w'];
/** Everything in the addon is bound when it is loaded, and its tables are read-only from then on. */
const linkHardening = process.platform === 'linux' ? ['-Wl,-z,relro', '-Wl,-z,now'] : [];
const includes = ['-isystem', headersFolder, '-isystem', simdjsonFolder];

const sources = readdirSync(sourceFolder).filter((name) => name.endsWith('.cc'));
const units = [
  { from: join(simdjsonFolder, 'simdjson.cpp'), to: 'simdjson.o' },
  ...sources.map((name) => ({ from: join(sourceFolder, name), to: name.replace(/\.cc$/, '.o') })),
];

/** What the objects were built with: other flags make all of them anew. */
const flagsPath = join(outputFolder, 'flags.txt');
const flagsText = `${[compiler, ...flags, ...warnings, ...linkHardening].join(' ')}\n`;
const hasSameFlags = existsSync(flagsPath) && readFileSync(flagsPath, 'utf8') === flagsText;

/** Newest change of anything that our own objects are made of. Headers count for every object. */
const headersChangedMs = Math.max(
  ...readdirSync(sourceFolder)
    .filter((name) => name.endsWith('.h') || name.endsWith('.mjs'))
    .map((name) => statSync(join(sourceFolder, name)).mtimeMs),
);

const isOurs = (unit) => unit.from.startsWith(sourceFolder);

function isFresh(unit) {
  const objectPath = join(outputFolder, unit.to);
  if (!hasSameFlags || !existsSync(objectPath)) return false;
  const builtMs = statSync(objectPath).mtimeMs;
  return builtMs > statSync(unit.from).mtimeMs && (!isOurs(unit) || builtMs > headersChangedMs);
}

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let problem = '';
    child.stderr.on('data', (chunk) => {
      problem += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve()
        : reject(new Error(problem.trim() || `${compiler} ended with exit code ${code}`)),
    );
  });
}

function compile(unit) {
  const quiet = isOurs(unit) ? warnings : ['-w'];
  return run([...flags, ...quiet, ...includes, '-c', unit.from, '-o', join(outputFolder, unit.to)]);
}

async function build() {
  mkdirSync(outputFolder, { recursive: true });
  const stale = units.filter((unit) => !isFresh(unit));
  if (stale.length === 0 && existsSync(addonPath)) return;
  rmSync(addonPath, { force: true });
  rmSync(flagsPath, { force: true });
  await Promise.all(stale.map(compile));
  const linkFlags =
    process.platform === 'darwin'
      ? ['-bundle', '-undefined', 'dynamic_lookup']
      : ['-shared', ...linkHardening];
  if (isSanitized) linkFlags.push('-fsanitize=address,undefined');
  else if (process.platform !== 'darwin') linkFlags.push('-s');
  const objects = units.map((unit) => join(outputFolder, unit.to));
  // Linked beside its place and moved there, so that a running process never loads half a file.
  const unfinished = `${addonPath}.${process.pid}`;
  await run([...linkFlags, ...objects, '-o', unfinished]);
  renameSync(unfinished, addonPath);
  writeFileSync(flagsPath, flagsText);
}

try {
  await build();
} catch (error) {
  const reason = String(error.message)
    .split('\n')
    .slice(0, process.argv.includes('--verbose') ? 200 : 1)
    .join('\n');
  console.error(`millrace: native addon not built (${reason}); the slower portable scanner serves instead.`);
  if (isStrict) process.exitCode = 1;
}
