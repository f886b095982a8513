/**
 * Fuzz: every fuzzer for some seconds, one after the other. `npm run fuzz -- --seconds 30 [--seed N] [name...]`
 * Takes  clang with libFuzzer for the C++ targets (test/fuzz/native), nothing for the JavaScript ones (targets.ts).
 * Gives  one line a fuzzer; exit code 1 at the first fault, with the input that shows it.
 * Owns   build/fuzz. The kept corpus, test/fuzz/corpus, is only read.
 * Never  passes where clang is missing: it says so and exits with 1.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz } from './guided.ts';
import { TARGETS } from './targets.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NATIVE = join(ROOT, 'src', 'native');
const OUT = join(ROOT, 'build', 'fuzz');
const SIMDJSON = join(ROOT, 'node_modules', '@nozbe', 'simdjson', 'src');
const FLAGS = [
  ...['-std=c++20', '-g', '-O1', '-w', '-fno-rtti', '-fno-exceptions', '-D_GLIBCXX_ASSERTIONS'],
  ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-sanitize=vptr'],
  ...[
    '-isystem',
    join(ROOT, 'node_modules', 'node-api-headers', 'include'),
    '-isystem',
    SIMDJSON,
    '-I',
    NATIVE,
  ],
];
const SCANNER = [
  ...['json-line.cc', 'scan-setup.cc', 'scan-sink.cc', 'scan-shape.cc'],
  ...['scan-base.cc', 'scan-avx2.cc', 'scan-avx512.cc', 'scan-neon.cc'],
  ...[
    'shape-edit.cc',
    'shape-hash.cc',
    'shape-line.cc',
    'shape-pattern.cc',
    'shape-program.cc',
    'shape-where.cc',
  ],
  ...['sha256.cc', 'sha256-x86.cc', 'sha256-arm.cc'],
];
/** C++ targets, each with the files that it needs besides its own. */
const NATIVE_TARGETS: Readonly<Record<string, readonly string[]>> = {
  scan: SCANNER,
  'cut-values': SCANNER,
  cbor: [],
  aggregate: [],
  'put-records': [],
  'get-records': ['md5-many.cc'],
  gunzip: ['crc-instructions.cc'],
};

/** What a target is held against: the system's zlib, whose header is not needed. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = { gunzip: ['-l:libz.so.1'] };

function fail(message: string): never {
  console.error(`fuzz: ${message}`);
  process.exit(1);
}

function compile(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('clang++', [...FLAGS, ...args], { encoding: 'utf8' });
  if (status !== 0) fail(`clang++ cannot build the fuzzers: ${error?.message ?? stderr}`);
}

/** simdjson takes half a minute and never changes. */
function simdjson(): string {
  const object = join(OUT, 'simdjson.o');
  if (!existsSync(object))
    compile(['-fsanitize=fuzzer-no-link', '-c', join(SIMDJSON, 'simdjson.cpp'), '-o', object]);
  return object;
}

function runNative(name: string, seconds: number, seed: number): void {
  const program = join(OUT, name);
  const sources = NATIVE_TARGETS[name]!.map((file) => join(NATIVE, file));
  // Functions of Node-API are named by the files under test and never called here.
  const link = ['-fuse-ld=lld', '-Wl,--unresolved-symbols=ignore-all', ...(LIBRARIES[name] ?? [])];
  compile([
    ...['-fsanitize=fuzzer', join(import.meta.dirname, 'native', `${name}.cc`), ...sources],
    ...[simdjson(), ...link, '-o', program],
  ]);
  const found = join(OUT, 'found', name);
  mkdirSync(found, { recursive: true });
  const corpus = join(import.meta.dirname, 'corpus', name);
  const limits = [
    `-max_total_time=${seconds}`,
    `-seed=${seed}`,
    '-timeout=20',
    '-max_len=8192',
    '-verbosity=0',
  ];
  const output = ['-print_final_stats=1', `-artifact_prefix=${found}/`];
  const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
  const { status, stderr } = spawnSync(program, [...limits, ...output, found, corpus], {
    encoding: 'utf8',
    env,
  });
  if (status !== 0) fail(`${name}: ${stderr}`);
  const inputs = /number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? '?';
  const added = /new_units_added: +(\d+)/.exec(stderr)?.[1] ?? '?';
  console.log(`${name}: ${seconds} s, ${inputs} inputs, ${added} kept, nothing found`);
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!(seconds > 0) || !Number.isSafeInteger(seed))
  fail('--seconds takes a number over 0, --seed a whole number');
const isWanted = (name: string) => positionals.length === 0 || positionals.includes(name);
if (spawnSync('clang++', ['--version']).status !== 0)
  fail('there is no clang++; on Debian: apt-get install clang lld');
mkdirSync(OUT, { recursive: true });
for (const name of Object.keys(NATIVE_TARGETS)) if (isWanted(name)) runNative(name, seconds, seed);
for (const target of TARGETS) {
  if (!isWanted(target.name)) continue;
  const { inputs, kept, blocks } = await fuzz(target, seconds, seed);
  console.log(
    `${target.name}: ${seconds} s, ${inputs} inputs, ${kept} kept, ${blocks} blocks, nothing found`,
  );
}
