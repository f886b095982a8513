/**
 * Builds the native addon into build/millrace.node with the C++ compiler of this machine, without node-gyp and without a
 * download: the Node-API headers come from the npm package `node-api-headers`, simdjson's source from `@nozbe/simdjson`.
 * Run by `npm ci` (script "install"). Never fails an installation: without a compiler the portable scanner serves.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sourceFolder = dirname(fileURLToPath(import.meta.url));
const outputFolder = join(sourceFolder, '..', '..', 'build');
const require = createRequire(import.meta.url);
const simdjsonFolder = join(dirname(require.resolve('@nozbe/simdjson/package.json')), 'src');
const headersFolder = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
const addonPath = join(outputFolder, 'millrace.node');

const compiler = process.env.CXX ?? 'c++';
const flags = [
  '-std=c++20',
  '-O3',
  '-DNDEBUG',
  '-fPIC',
  '-fvisibility=hidden',
  '-fno-exceptions',
  '-fno-rtti',
  '-w',
];
const includes = ['-I', headersFolder, '-I', simdjsonFolder];

const sources = readdirSync(sourceFolder).filter((name) => name.endsWith('.cc'));
const units = [
  { from: join(simdjsonFolder, 'simdjson.cpp'), to: 'simdjson.o' },
  ...sources.map((name) => ({ from: join(sourceFolder, name), to: name.replace(/\.cc$/, '.o') })),
];

/** Newest change of anything that our own objects are made of. Headers count for every object. */
const headersChangedMs = Math.max(
  ...readdirSync(sourceFolder)
    .filter((name) => name.endsWith('.h') || name.endsWith('.mjs'))
    .map((name) => statSync(join(sourceFolder, name)).mtimeMs),
);

function isFresh(unit) {
  const objectPath = join(outputFolder, unit.to);
  if (!existsSync(objectPath)) return false;
  const builtMs = statSync(objectPath).mtimeMs;
  const isOurs = unit.from.startsWith(sourceFolder);
  return builtMs > statSync(unit.from).mtimeMs && (!isOurs || builtMs > headersChangedMs);
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

async function build() {
  mkdirSync(outputFolder, { recursive: true });
  const stale = units.filter((unit) => !isFresh(unit));
  if (stale.length === 0 && existsSync(addonPath)) return;
  rmSync(addonPath, { force: true });
  await Promise.all(
    stale.map((unit) => run([...flags, ...includes, '-c', unit.from, '-o', join(outputFolder, unit.to)])),
  );
  const linkFlags =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-s'];
  const objects = units.map((unit) => join(outputFolder, unit.to));
  // Linked beside its place and moved there, so that a running process never loads half a file.
  const unfinished = `${addonPath}.${process.pid}`;
  await run([...linkFlags, ...objects, '-o', unfinished]);
  renameSync(unfinished, addonPath);
}

try {
  await build();
} catch (error) {
  const reason = String(error.message)
    .split('\n')
    .slice(0, process.argv.includes('--verbose') ? 200 : 1)
    .join('\n');
  console.error(`millrace: native addon not built (${reason}); the slower portable scanner serves instead.`);
  if (process.argv.includes('--strict')) process.exitCode = 1;
}
