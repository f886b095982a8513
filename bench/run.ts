/**
 * Run: the whole suite, one program after the other.
 * `node bench/run.ts`         all programs in full; figures are kept in bench/runs/<date>-<machine>/
 * `node bench/run.ts smoke`   all programs with --smoke; nothing is kept
 * `node bench/run.ts report`  writes report.html beside the newest kept run (or into the folder that is named): every kept figure
 * Ends with 1 where a program failed, and names it. Names of programs after `full` or `smoke` run only those.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { page } from './plots.ts';
import { programNames } from './programs.ts';
import type { KeptProgram } from './report.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const runs = join(folder, 'runs');

/** E.g. `2026-01-31-2x-amd-epyc`: says what the machine is, and nothing about whose it is. */
function runName(): string {
  const cores = cpus();
  const model = `${cores.length}x-${cores[0]?.model ?? 'unknown'}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${new Date().toISOString().slice(0, 10)}-${model.replace(/^-|-$/g, '')}`;
}

function runAll(isSmoke: boolean, only: readonly string[]): string[] {
  const programs = programNames();
  const unknown = only.filter((name) => !programs.includes(name));
  if (unknown.length > 0) throw new Error(`No such programs: ${unknown.join(', ')}`);
  const keep = join(runs, runName());
  const failed: string[] = [];
  for (const name of programs) {
    if (only.length > 0 && !only.includes(name)) continue;
    const flags = isSmoke ? ['--smoke'] : ['--keep', keep];
    console.log(`\n=== ${name}${isSmoke ? ' --smoke' : ''}`);
    const { status } = spawnSync(process.execPath, [join(folder, `${name}.ts`), ...flags], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) failed.push(name);
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
