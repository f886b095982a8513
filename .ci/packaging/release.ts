/**
 * Release: makes and tries what would be published, from the commit that is checked out.
 * Takes  --dry-run; --out FOLDER (default release/); --nodes 22,24,latest,24/arm64: on which Nodes the file is installed and tried,
 *        arm64 by emulation.
 * Gives  in the folder: the packed file, its notes (the version's part of CHANGELOG.md), SHA256SUMS, an SBOM, a provenance statement that nobody has
 *        signed yet. Ends with 1 and one line a problem where something is not as it must be.
 * Never  publishes: without --dry-run it asks for a tree without changes and a dated changelog, and last says the command that publishes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { notesOf } from './release-notes.ts';
import { type Built, provenanceOf, sbomOf } from './sbom.ts';
import { canEmulate, tryOn } from './try-package.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly repository?: { readonly url: string };
}

const { values: flags } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    out: { type: 'string', default: 'release' },
    nodes: { type: 'string', default: '22,24,latest,24/arm64' },
  },
});
const ROOT = join(import.meta.dirname, '..', '..');
const OUT = resolve(ROOT, flags.out);
const startedAt = new Date().toISOString();
const folder = mkdtempSync(join(tmpdir(), 'millrace-release-'));
const problems: string[] = [];

function call(command: string, args: readonly string[], cwd = ROOT): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

function say(text: string): void {
  console.log(`release: ${text}`);
}

/** What only a real release may not do. */
function must(isRight: boolean, problem: string): void {
  if (isRight) return;
  if (flags['dry-run']) say(`${problem} (a release would end here)`);
  else problems.push(problem);
}

function check(version: string): string {
  must(call('git', ['status', '--porcelain']) === '', 'the tree has changes that are not committed');
  must(
    call('git', ['tag', '--list', `v${version}`]) === '',
    `v${version} is released already: raise the version`,
  );
  const { notes, isDated } = notesOf(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), version);
  if (notes === '') problems.push(`CHANGELOG.md says nothing of ${version}`);
  must(isDated, `CHANGELOG.md calls ${version} unreleased: give it its date`);
  return notes;
}

/** As it is committed, and with all addons. @returns Name of the file in OUT. */
function pack(): { fileName: string; checkout: string } {
  const checkout = join(folder, 'checkout');
  call('git', ['clone', '--quiet', '--shared', ROOT, checkout]);
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  const environment = { ...process.env, MILLRACE_RELEASE: '1' };
  const args = ['pack', '--json', '--pack-destination', OUT];
  const said = execFileSync('npm', args, {
    cwd: checkout,
    env: environment,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const [{ filename, size, unpackedSize }] = JSON.parse(said);
  say(`${filename}: ${(size / 1e6).toFixed(1)} MB, unpacked ${(unpackedSize / 1e6).toFixed(1)} MB`);
  return { fileName: filename, checkout };
}

function describe(manifest: Manifest, fileName: string): Built {
  const { name, version } = manifest;
  const firstLine = (command: string) => call(command, ['--version']).split('\n')[0]!;
  return {
    ...{ name, version, fileName, startedAt, finishedAt: new Date().toISOString() },
    sha256: createHash('sha256')
      .update(readFileSync(join(OUT, fileName)))
      .digest('hex'),
    repository: manifest.repository?.url ?? 'urn:millrace:checkout',
    commit: call('git', ['rev-parse', 'HEAD']),
    tools: {
      node: process.version,
      'c++ for x64': firstLine(process.env.CXX ?? 'c++'),
      'c++ for arm64': firstLine(process.env.CXX_LINUX_ARM64 ?? 'aarch64-linux-gnu-g++'),
    },
  };
}

function writeAll(built: Built, notes: string, checkout: string): void {
  const read = (path: string) => JSON.parse(readFileSync(join(checkout, path), 'utf8'));
  const document = (name: string, content: object) => {
    writeFileSync(join(OUT, name), `${JSON.stringify(content, null, 1)}\n`);
    return name;
  };
  const names = [
    built.fileName,
    document('sbom.cdx.json', sbomOf(built, read('dist/packages.json'), read('package-lock.json'))),
    document('provenance.unsigned.json', provenanceOf(built)),
  ];
  writeFileSync(join(OUT, 'notes.txt'), notes);
  const sumOf = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(OUT, name)))
      .digest('hex');
  const lines = [...names, 'notes.txt'].map((name) => `${sumOf(name)}  ${name}`);
  writeFileSync(join(OUT, 'SHA256SUMS'), `${lines.join('\n')}\n`);
}

try {
  const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { version } = manifest;
  const notes = check(version);
  if (problems.length === 0) {
    rmSync(OUT, { recursive: true, force: true });
    mkdirSync(OUT, { recursive: true });
    const { fileName, checkout } = pack();
    for (const range of flags.nodes.split(',')) {
      if (range.endsWith('/arm64') && !canEmulate()) {
        must(
          false,
          'arm64 was not tried: qemu-user-static or the C library of g++-aarch64-linux-gnu is not here',
        );
        continue;
      }
      say(
        await tryOn(range, join(OUT, fileName), { folder, version }).catch((error: Error) => {
          problems.push(`on Node ${range}: ${error.message}`);
          return `Node ${range}: failed`;
        }),
      );
    }
    writeAll(describe(manifest, fileName), notes, checkout);
    say(`all of it is in ${OUT}`);
    if (problems.length === 0 && !flags['dry-run'])
      say(`to publish it: npm publish ${join(OUT, fileName)} --provenance`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(`release: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
