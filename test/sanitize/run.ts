/**
 * Sanitize: all tests of native code with an addon that stops at the first read or write out of bounds, use after free, undefined
 * behaviour or broken assertion; before them the lanes under ThreadSanitizer (lanes.cc). `npm run sanitize`; words behind `--` go to vitest.
 * Takes  a C++ compiler with AddressSanitizer and UndefinedBehaviorSanitizer (GCC's libasan), and Linux.
 * Owns   build/sanitize.
 * Never  passes where a sanitizer cannot be had: it says so and exits with 1.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NATIVE_TESTS } from '../native-tests.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ADDON = join(ROOT, 'build', 'sanitize', 'millrace.node');
/** A sanitized scanner is some twenty times slower. */
const FUZZ_CASES = 2_000;

const RACE_TIMEOUT_MS = 300_000;
const compiler = process.env.CXX ?? 'c++';

function fail(message: string): never {
  console.error(`sanitize: ${message}`);
  process.exit(1);
}

/** ThreadSanitizer wants memory where it expects it, so without the randomness of its addresses. */
function raceLanes(): void {
  const program = join(ROOT, 'build', 'sanitize', 'lanes');
  const headers = join(ROOT, 'node_modules', 'node-api-headers', 'include');
  const flags = [
    '-std=c++20',
    '-g',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fno-rtti',
    '-fsanitize=thread',
    '-pthread',
  ];
  const lanes = join(import.meta.dirname, 'lanes.cc');
  const made = spawnSync(compiler, [...flags, '-isystem', headers, '-o', program, lanes], {
    stdio: 'inherit',
  });
  if (made.status !== 0) fail('lanes.cc cannot be built');
  const run = spawnSync('setarch', ['-R', program], { stdio: 'inherit', timeout: RACE_TIMEOUT_MS });
  if (run.status !== 0) fail('lanes.cc found a fault under ThreadSanitizer');
}

const build = ['src/native/build.mjs', '--strict', '--verbose', '--sanitize'];
if (spawnSync(process.execPath, build, { cwd: ROOT, stdio: 'inherit' }).status !== 0)
  fail('the sanitized addon cannot be built');
raceLanes();
// Before everything else in the process, because Node itself is built without.
const libraries = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
if (!libraries.every((path) => path.startsWith('/') && existsSync(path)))
  fail(`${compiler} has no shared libasan and libubsan`);
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const chosen = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', ...(chosen.length > 0 ? chosen : NATIVE_TESTS)],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: libraries.join(' '),
      MILLRACE_ADDON: ADDON,
      MILLRACE_FUZZ_CASES: String(FUZZ_CASES),
      // V8 and Node leave what lives to the end of the process.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
);
process.exit(status ?? 1);
