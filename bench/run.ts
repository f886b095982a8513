/**
 * Run: the whole suite, one program after the other.
 * `node bench/run.ts`         all programs in full; figures are kept in bench/runs/<date>-<machine>/
 * `node bench/run.ts smoke`   all programs with --smoke; nothing is kept
 * `node bench/run.ts report`  writes report.html beside the newest kept run (or into the folder that is named)
 * Ends with 1 where a program failed, and names it. Names of programs after `full` or `smoke` run only those.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { page } from './plots.ts';
import type { KeptProgram } from './report.ts';

/** The programs of the suite; `keeps` tells which write figures, of the others the output is kept. */
const PROGRAMS: readonly { readonly name: string; readonly keeps: boolean }[] = [
  { name: 'scan', keeps: false },
  { name: 'codec', keeps: false },
  { name: 'lanes', keeps: false },
  { name: 'gunzip', keeps: true },
  { name: 'journal', keeps: false },
  { name: 'local-s3', keeps: false },
  { name: 'local-kinesis', keeps: false },
  { name: 'stream-reader', keeps: false },
  { name: 'publish', keeps: false },
  { name: 'throttle-storm', keeps: false },
  { name: 'verify-memory', keeps: false },
  { name: 'end-to-end', keeps: true },
  { name: 'small-objects', keeps: true },
  { name: 'giant-object', keeps: true },
  { name: 'scaling', keeps: true },
  { name: 'memory', keeps: true },
];

const folder = fileURLToPath(new URL('.', import.meta.url));
const runs = join(folder, 'runs');

/** E.g. `2026-01-31-2x-amd-epyc`: says what the machine is, and nothing about whose it is. */
function runName(): string {
  const cores = cpus();
  const model = `${cores.length}x-${cores[0]?.model ?? 'unknown'}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${new Date().toISOString().slice(0, 10)}-${model.replace(/^-|-$/g, '')}`;
}

function runAll(isSmoke: boolean, only: readonly string[]): string[] {
  const keep = join(runs, runName());
  const failed: string[] = [];
  for (const { name, keeps } of PROGRAMS) {
    const script = join(folder, `${name}.ts`);
    if ((only.length > 0 && !only.includes(name)) || !existsSync(script)) continue;
    const flags = isSmoke ? ['--smoke'] : keeps ? ['--keep', keep] : [];
    console.log(`\n=== ${name} ${flags.join(' ')}`);
    const { status, stdout } = spawnSync(process.execPath, [script, ...flags], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 64 << 20,
    });
    process.stdout.write(stdout);
    if (status !== 0) failed.push(name);
    else if (!isSmoke && !keeps) {
      mkdirSync(keep, { recursive: true });
      writeFileSync(join(keep, `${name}.txt`), stdout);
    }
  }
  return failed;
}

/** @returns The file it wrote. */
function writeReport(name = readdirSync(runs).sort().at(-1)): string {
  if (name === undefined) throw new Error('No kept run: start `npm run bench` first');
  const kept = join(runs, name);
  const files = readdirSync(kept).sort();
  const programs = files
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(kept, file), 'utf8')) as KeptProgram);
  const texts = files
    .filter((file) => file.endsWith('.txt'))
    .map((file) => ({ program: file.slice(0, -4), output: readFileSync(join(kept, file), 'utf8') }));
  const path = join(kept, 'report.html');
  writeFileSync(path, page(`Millrace benches, ${name}`, programs, texts));
  return path;
}

const [mode = 'full', ...rest] = process.argv.slice(2);
if (mode === 'report') console.log(`Wrote ${writeReport(rest[0])}`);
else if (mode === 'full' || mode === 'smoke') {
  const failed = runAll(mode === 'smoke', rest);
  if (failed.length > 0) {
    console.error(`Failed: ${failed.join(', ')}`);
    process.exitCode = 1;
  }
} else {
  console.error(`Expected full, smoke or report, but received ${mode}`);
  process.exitCode = 2;
}
