/**
 * Builds the native addon with the C++ compiler of this machine, without node-gyp and without a download: the Node-API headers come
 * from the npm package `node-api-headers`, simdjson's source from `@nozbe/simdjson`. The addon lies in build/, with its size and
 * checksum beside it (load.ts). Run by `npm ci` of a checkout (script "prepare"), by hand where no prebuilt addon serves.
 * Never fails an installation: without a compiler the portable scanner serves.
 *   --strict     a developer's build: it fails, and a warning in our own files is an error
 *   --sanitize   build/sanitize/millrace.node for tests: AddressSanitizer, UndefinedBehaviorSanitizer and assertions
 *   --target T   for linux-x64 or linux-arm64, with a cross compiler (CXX_LINUX_X64, CXX_LINUX_ARM64), into build/<T>/
 * On Linux with glibc an addon is standalone: no libstdc++, no symbol newer than glibc 2.18, and the same bytes from the same compiler,
 * wherever the checkout lies. Elsewhere it is linked as the platform does.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sumOfSources } from './sources-sum.mjs';

const sourceFolder = dirname(fileURLToPath(import.meta.url));
const isStrict = process.argv.includes('--strict');
const isSanitized = process.argv.includes('--sanitize');
const host = `${process.platform}-${process.arch}`;
const target = process.argv.includes('--target') ? process.argv[process.argv.indexOf('--target') + 1] : host;
const CROSS_COMPILERS = { 'linux-x64': 'x86_64-linux-gnu-g++', 'linux-arm64': 'aarch64-linux-gnu-g++' };
const isCross = target !== host;
const rootFolder = resolve(sourceFolder, '..', '..');
const outputFolder = join(rootFolder, 'build', isSanitized ? 'sanitize' : isCross ? target : '');
const require = createRequire(import.meta.url);
const simdjsonFolder = join(packageFolder('@nozbe/simdjson'), 'src');
const headersFolder = join(packageFolder('node-api-headers'), 'include');
const addonPath = join(outputFolder, 'millrace.node');

const compiler = isCross
  ? (process.env[`CXX_${target.toUpperCase().replace('-', '_')}`] ?? CROSS_COMPILERS[target])
  : (process.env.CXX ?? 'c++');
const hasGlibc = () => process.report.getReport().header.glibcVersionRuntime !== undefined;
const isStandalone = !isSanitized && (isCross || (process.platform === 'linux' && hasGlibc()));
const standaloneFolder = join(sourceFolder, 'standalone');
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
const STRICT_WARNINGS = ['-Wall', '-Wextra', '-Werror'];
const warnings = isStrict ? STRICT_WARNINGS : ['-w'];
/** Everything in the addon is bound when it is loaded, and its tables are read-only from then on. */
const linkHardening = target.startsWith('linux-') ? ['-Wl,-z,relro', '-Wl,-z,now'] : [];
const linkStandalone = isStandalone
  ? [
      ...['-static-libgcc', '-Wl,--as-needed', '-Wl,--build-id=none'],
      `-Wl,--version-script=${join(standaloneFolder, 'exports.map')}`,
    ]
  : [];
const includes = ['-isystem', headersFolder, '-isystem', simdjsonFolder];

const sourcesOf = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.cc'))
    .sort() // the same order everywhere: it is the order of the code in the addon
    .map((name) => ({ from: join(folder, name), to: name.replace(/\.cc$/, '.o') }));
const units = [
  { from: join(simdjsonFolder, 'simdjson.cpp'), to: 'simdjson.o' },
  ...sourcesOf(sourceFolder),
  ...(isStandalone ? sourcesOf(standaloneFolder) : []),
];

/** What the objects were built with: other flags rebuild all of them. What a strict build has made serves every other one. */
const flagsPath = join(outputFolder, 'flags.txt');
const flagsTextWith = (warned) =>
  `${[compiler, ...flags, ...warned, ...linkHardening, ...linkStandalone].join(' ')}\n`;
const flagsText = flagsTextWith(warnings);
const builtWith = existsSync(flagsPath) ? readFileSync(flagsPath, 'utf8') : '';
const hasSameFlags = [flagsText, flagsTextWith(STRICT_WARNINGS)].includes(builtWith);

/** Newest change of anything that our own objects are made of. Headers count for every object. */
const headersChangedMs = Math.max(
  ...readdirSync(sourceFolder)
    .filter((name) => name.endsWith('.h') || name.endsWith('.mjs'))
    .map((name) => statSync(join(sourceFolder, name)).mtimeMs),
);

/** Here, or where npx has put it: it tells that by the path to its programs. */
function packageFolder(name) {
  const near = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((path) => path.endsWith(join('node_modules', '.bin')));
  try {
    return dirname(
      require.resolve(`${name}/package.json`, {
        paths: [sourceFolder, ...near.map((path) => dirname(dirname(path)))],
      }),
    );
  } catch {
    const { devDependencies } = JSON.parse(readFileSync(join(rootFolder, 'package.json'), 'utf8'));
    const wanted = ['@nozbe/simdjson', 'node-api-headers']
      .map((it) => `-p ${it}@${devDependencies[it]}`)
      .join(' ');
    console.error(
      `millrace: native addon not built; its sources are missing: npx -y ${wanted} node ${join(sourceFolder, 'build.mjs')}`,
    );
    process.exit(isStrict ? 1 : 0);
  }
}

const isOurs = (unit) => unit.from.startsWith(sourceFolder);

function isFresh(unit) {
  const objectPath = join(outputFolder, unit.to);
  if (!hasSameFlags || !existsSync(objectPath)) return false;
  const builtMs = statSync(objectPath).mtimeMs;
  return builtMs > statSync(unit.from).mtimeMs && (!isOurs(unit) || builtMs > headersChangedMs);
}

/** Whether the addon that lies there was compiled from these sources, whatever their times say. */
function isOf(sourcesSum) {
  return existsSync(`${addonPath}.sum`) && readFileSync(`${addonPath}.sum`, 'utf8').includes(sourcesSum);
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
  const sourcesSum = sumOfSources(sourceFolder);
  const changed = units.filter((unit) => !isFresh(unit));
  if (changed.length === 0 && existsSync(addonPath) && isOf(sourcesSum)) return;
  // Files may be older than what was built of others that stood in their places.
  const stale = changed.length > 0 ? changed : units.filter(isOurs);
  rmSync(addonPath, { force: true });
  rmSync(flagsPath, { force: true });
  await Promise.all(stale.map(compile));
  const linkFlags =
    process.platform === 'darwin'
      ? ['-bundle', '-undefined', 'dynamic_lookup']
      : ['-shared', ...linkHardening, ...linkStandalone];
  if (isSanitized) linkFlags.push('-fsanitize=address,undefined');
  else if (process.platform !== 'darwin') linkFlags.push('-s');
  const objects = units.map((unit) => join(outputFolder, unit.to));
  // Linked beside its place and moved there, so that a running process never loads half a file.
  const unfinished = `${addonPath}.${process.pid}`;
  await run([...linkFlags, ...objects, '-o', unfinished]);
  // The sum first: an addon never lies without one, and one whose sum is of another build counts as damaged.
  const bytes = readFileSync(unfinished);
  const sum = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(`${addonPath}.sum`, `${bytes.length} ${sum} ${sourcesSum}\n`);
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
