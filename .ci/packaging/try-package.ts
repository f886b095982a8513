/**
 * Try package: installs a packed file as a user does, and uses it.
 * Takes  a range of Node's versions, which npm brings as a package, and the packed file; `/arm64` behind the range: that processor, by emulation.
 * Gives  one line on what was tried. @throws Where anything of it is not as it must be.
 * Owns   a folder for each Node, below the one that it is given. The command finds nothing but Node on its path: no compiler, no make.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Trial {
  readonly folder: string;
  readonly version: string;
}

/** Debian's: an emulator, and the C library that comes with its cross compiler. */
const EMULATOR = ['/usr/bin/qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];

export function canEmulate(): boolean {
  return process.arch === 'arm64' || EMULATOR.every((part) => !part.startsWith('/') || existsSync(part));
}

export async function tryOn(name: string, file: string, { folder, version }: Trial): Promise<string> {
  const [range, arch = process.arch] = name.split('/');
  const home = join(folder, `node-${range}-${arch}`);
  const [bare, project] = [join(home, 'bare'), join(home, 'project')];
  for (const path of [bare, project]) mkdirSync(path, { recursive: true });
  for (const path of [home, project])
    writeFileSync(join(path, 'package.json'), '{"private":true,"type":"module"}');
  const npm = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  const platform = `node-${process.platform}-${arch}`;
  // npm would not install what runs on another processor.
  execFileSync('npm', ['install', ...npm, '--force', '--prefix', home, `${platform}@${range}`], {
    cwd: home,
  });
  const node = join(home, 'node_modules', platform, 'bin', 'node');
  symlinkSync(node, join(bare, 'node'));
  execFileSync('npm', ['install', ...npm, file], { cwd: project });
  const command = arch === process.arch ? [node] : [...EMULATOR, node];
  const run = (args: readonly string[]) =>
    execFileSync(command[0]!, [...command.slice(1), ...args], {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: bare, HOME: home },
      maxBuffer: 1 << 26,
    });
  const bin = join(project, 'node_modules', 'millrace', 'src', 'bin.mjs');
  const said = run([bin, '--version']).trim();
  if (!said.startsWith(`millrace/${version} `)) throw new Error(`it says that it is ${said}`);
  const demo = JSON.parse(run(['--single-threaded-gc', bin, 'demo', '--json', '--quiet']));
  const { missing, foreign } = demo.proof;
  if (missing !== 0 || foreign !== 0)
    throw new Error(`the demo left out ${missing} records and added ${foreign}`);
  if (demo.scanner !== 'native') throw new Error('the demo ran without the native addon');
  const use =
    "import { backfillOptions } from 'millrace'; console.log(backfillOptions(['s3://b/p'], { stream: 's' }).downloads)";
  if (run(['--input-type=module', '--eval', use]).trim() !== '16')
    throw new Error('the library cannot be used');
  return `${said}: installed, the demo proved itself (${demo.scanner}), the library answers`;
}
