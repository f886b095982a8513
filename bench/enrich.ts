/**
 * Question: what does a lookup table cost, to make, to hold and to ask?
 * Workload: a CSV of six columns, 200 MB (--smoke: 200 KB), keys in their order; it is read as a run reads it. Keys are asked for in a
 * shuffled order, so that most of them miss the caches; half of a second list is not there.
 * Contenders: the table, asked for rows as they are written and as values; the stage that puts them into lines of 684 bytes; a Map of the
 * same rows as objects, which each thread would have to hold for itself.
 * Held once: a process of its own starts four threads, each of which reads all of the table; what it grows by, beside one whose threads ask a
 * table of one row as often, is what they hold of it.
 * Run: `node bench/enrich.ts [--megabytes 200] [--keep FOLDER] [--smoke]`.
 */
import { ok, strictEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createRandom } from '../src/base/random.ts';
import type { RunningStage } from '../src/shape/stage.ts';
import { openEnrich } from '../src/shape/stages/enrich.ts';
import { enrichSpec } from '../src/shape/stages/enrich-spec.ts';
import { loadTable } from '../src/shape/table/load.ts';
import { openLocalTable } from '../src/shape/table/local-file.ts';
import { tableName, wishOf } from '../src/shape/table/name.ts';
import { Table } from '../src/shape/table/table.ts';
import { type Measured, takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';
import { linesOf } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    megabytes: { type: 'string', default: '200' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    // Of the processes that this program starts.
    threads: { type: 'string' },
    asked: { type: 'string', default: '0' },
  },
});
const MEGABYTE = 1e6;
const ROW_BYTES = 120;
const rows = Math.round(((flags.smoke ? 0.2 : Number(flags.megabytes)) * MEGABYTE) / ROW_BYTES);
const BYTES_MAX = 16e9;
const BY_ID = { key: null, member: 'id' };
const THREADS = 4;
const ASKED = flags.smoke ? 500 : 200_000;

const keyOf = (row: number) => `user-${String(row).padStart(9, '0')}`;

function* csv(count: number): Generator<string> {
  yield 'id,name,mail,plan,country,since\n';
  for (let from = 0; from < count; from += 1000) {
    let text = '';
    for (let row = from; row < Math.min(count, from + 1000); row++)
      text += `${keyOf(row)},"Name of user ${row}, the ${row % 97}th",user.number.${row}@mail.example.com,${row % 3 ? 'free' : 'gold'},CH,2026-01-${String(1 + (row % 28)).padStart(2, '0')}T00:00:00Z\n`;
    yield text;
  }
}

/** Resident memory of a process with a table, when threads have read all of it. */
async function residentBytes(path: string, threads: number, asked: number): Promise<number> {
  const { memory } = await loadTable(await openLocalTable(path), BY_ID, BYTES_MAX);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ Table }) => {
      const table = new Table(workerData.memory);
      let found = 0;
      for (let row = 0; row < workerData.asked; row++)
        if (table.findJson('user-' + String(row).padStart(9, '0')) !== undefined) found++;
      parentPort.postMessage(found);
      parentPort.once('message', () => {});
    });`;
  const module = new URL('../src/shape/table/table.ts', import.meta.url).href;
  const { rowCount } = new Table(memory);
  const workerData = { memory, module, asked };
  const workers = Array.from({ length: threads }, () => new Worker(code, { eval: true, workerData }));
  const answers = workers.map(
    (worker) =>
      new Promise<number>((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
      }),
  );
  for (const found of await Promise.all(answers)) strictEqual(found, Math.min(asked, rowCount));
  const { rss } = process.memoryUsage();
  for (const worker of workers) await worker.terminate();
  return rss;
}

function residentElsewhere(path: string, threads: number): number {
  const self = fileURLToPath(import.meta.url);
  const output = execFileSync(
    process.execPath,
    [self, path, '--threads', String(threads), '--asked', String(rows)],
    {
      encoding: 'utf8',
    },
  );
  return Number(output);
}

async function main(folder: string): Promise<void> {
  const path = join(folder, 'users.csv');
  const smallPath = join(folder, 'small.csv');
  await pipeline(Readable.from(csv(rows)), createWriteStream(path));
  await pipeline(Readable.from(csv(1)), createWriteStream(smallPath));
  for await (const _ of createReadStream(path)); // so that the disk is no part of it
  const beganMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const file = await openLocalTable(path);
  const { memory } = await loadTable(file, BY_ID, BYTES_MAX);
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - beganMs) / 1000;
  const name = `a table of ${rows} rows, ${(file.sizeBytes / MEGABYTE).toFixed(1)} MB of CSV`;
  const load = { case: name, contender: 'loaded' };
  const figures: Figure[] = [
    { ...load, metric: 'wall s', values: [seconds] },
    { ...load, metric: 'CPU s', values: [(user + system) / 1e6] },
    { ...load, metric: 'MB in memory', values: [memory.byteLength / MEGABYTE] },
    { ...load, metric: 'bytes a row', values: [memory.byteLength / rows] },
    { ...load, metric: 'of them in the file', values: [file.sizeBytes / rows] },
    ...(await lookups(memory, name)),
  ];
  const grown = (threads: number) => residentElsewhere(path, threads) - residentElsewhere(smallPath, threads);
  const alone = grown(0);
  const shared = grown(THREADS);
  const held = { case: `${name}, held`, metric: 'MB more than with a table of one row' };
  figures.push(
    { ...held, contender: 'by the main thread alone', values: [alone / MEGABYTE] },
    { ...held, contender: `by it and ${THREADS} threads that read all of it`, values: [shared / MEGABYTE] },
  );
  const share = (shared - alone) / memory.byteLength;
  if (!flags.smoke) ok(share < 0.5, 'threads hold copies of the table');
  const notes = [`${THREADS} threads hold ${(share * 100).toFixed(0)} % of a table more than none`];
  report('what does a lookup table cost?', figures, { keep: flags.keep, notes });
}

async function lookups(memory: SharedArrayBuffer, name: string): Promise<Figure[]> {
  const table = new Table(memory);
  const random = createRandom(42);
  const asked = Array.from({ length: ASKED }, () => keyOf(Math.floor(random() * rows)));
  const halfThere = asked.map((key, i) => (i % 2 === 0 ? key : `${key}?`));
  const map = new Map(asked.map((key) => [key, table.find(key)]));
  const workload = WORKLOADS.find((known) => known.name === 'github-684')!;
  const { bytes } = linesOf(workload, flags.smoke ? 20_000 : 4 << 20);
  const lines = Buffer.from(bytes).toString().trimEnd().split('\n');
  const texts = asked.map((key, i) => lines[i % lines.length]!.replace('{', `{"user":"${key}",`));
  const spec = enrichSpec({ table: 'users.csv', on: '/user', into: '/profile', key: 'id' });
  const tables = { [tableName(wishOf(spec))]: memory };
  const stage = openEnrich(spec, '1 enrich', { tables }) as RunningStage;
  const place = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };
  const count = (find: (key: string) => unknown, keys: readonly string[]) => () => {
    let found = 0;
    for (const key of keys) if (find(key) !== undefined) found++;
    return found;
  };
  const subjects = [
    { name: 'row as it is written', run: count((key) => table.findJson(key), asked) },
    { name: 'row as a value', run: count((key) => table.find(key), asked) },
    { name: 'row as it is written, half are not there', run: count((key) => table.findJson(key), halfThere) },
    { name: 'a Map of objects, in one thread', run: count((key) => map.get(key), asked) },
    {
      name: 'the stage, into lines of 684 bytes',
      run: count((text) => stage.runText!({ text, value: undefined }, place) ?? undefined, texts),
    },
    {
      name: 'JSON.parse, the value, JSON.stringify of the same lines',
      run: count((text) => {
        const value = JSON.parse(text) as { user: string; profile?: unknown };
        value.profile = table.find(value.user);
        return JSON.stringify(value);
      }, texts),
    },
  ].map((subject) => ({ ...subject, itemsPerCall: ASKED }));
  for (const { name: title, run } of subjects)
    strictEqual(run(), title.includes('half') ? ASKED / 2 : ASKED, title); // right, then fast
  const rounds = await takeTurns(subjects, flags.smoke);
  const valuesOf = (own: readonly Measured[], of: (one: Measured) => number) => own.map(of);
  return [...rounds].flatMap(([contender, own]) => {
    const row = { case: `lookups in ${name}`, contender };
    return [
      { ...row, metric: 'million a CPU-second', values: valuesOf(own, ({ cpuNs }) => 1e3 / cpuNs) },
      { ...row, metric: 'CPU-ns each', values: valuesOf(own, ({ cpuNs }) => cpuNs) },
      { ...row, metric: 'ns each', values: valuesOf(own, ({ ns }) => ns) },
    ];
  });
}

const [tablePath] = positionals;
if (flags.threads !== undefined && tablePath !== undefined)
  console.log(await residentBytes(tablePath, Number(flags.threads), Number(flags.asked)));
else {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-enrich-'));
  try {
    await main(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
