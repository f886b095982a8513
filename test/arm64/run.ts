/**
 * ARM64: all tests of native code on 64-bit ARM, by emulation, with the addon that the cross compiler makes: base and NEON kernels, SHA-256, CRC
 * and base64 by that processor's instructions; and behind them how many instructions these take (bench/instructions.ts). `npm run arm64`; words
 * behind `--` go to vitest, and then nothing is counted.
 * Takes  qemu-user-static, qemu-user and g++-aarch64-linux-gnu of Debian. On such a processor itself `npm test` says all of this.
 * Owns   build/arm64 and build/linux-arm64.
 * Never  passes where the emulator or the compiler is missing: it says so and exits with 1.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { NATIVE_TESTS } from '../native-tests.ts';
import { missingForArm64, ROOT } from './emulator.ts';

/** Some ten times as slow as without emulation. */
const FUZZ_CASES = 500;

/** JavaScript alone; or about other processes, which the emulator is not told of: how they find an addon, what the kernel says of them. */
const OTHERS = [
  ...['decimal', 'exact-numbers', 'linear-pattern', 'schema', 'pointer', 'depth', 'guard'].map(
    (name) => `test/scan/${name}.test.ts`,
  ),
  'test/shape/prefix/plan.test.ts',
  ...['file-pages', 'hardening', 'load'].map((name) => `test/native/${name}.test.ts`),
];

const missing = missingForArm64();
if (missing !== null) {
  console.error(`arm64: ${missing} is not here; on Debian: apt-get install ${missing}`);
  process.exit(1);
}
const build = ['src/native/build.mjs', '--strict', '--verbose', '--target', 'linux-arm64'];
if (spawnSync(process.execPath, build, { cwd: ROOT, stdio: 'inherit' }).status !== 0) {
  console.error('arm64: the addon cannot be built');
  process.exit(1);
}
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const config = join(import.meta.dirname, 'vitest.config.ts');
const chosen = process.argv.slice(2);
const excluded = OTHERS.flatMap((path) => ['--exclude', path]);
const args = ['run', '--config', config, ...(chosen.length > 0 ? chosen : [...NATIVE_TESTS, ...excluded])];
const { status } = spawnSync(process.execPath, [vitest, ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: {
    ...process.env,
    MILLRACE_ADDON: join(ROOT, 'build', 'linux-arm64', 'millrace.node'),
    MILLRACE_FUZZ_CASES: String(FUZZ_CASES),
  },
});
if (status !== 0 || chosen.length > 0) process.exit(status ?? 1);
const count = spawnSync(process.execPath, [join(ROOT, 'bench', 'instructions.ts'), '--smoke'], {
  stdio: 'inherit',
});
process.exit(count.status ?? 1);
