/** A process of its own: makes a table, lets threads ask for all of it, and prints what it holds then. Arguments: rows, questions, threads. */
import { Worker } from 'node:worker_threads';
import { TableBuilder } from '../../../src/shape/table/build.ts';

const [rows, questions, threads] = process.argv.slice(2).map(Number);
const builder = new TableBuilder(2 ** 30);
const filler = 'x'.repeat(150);
for (let row = 0; row < rows; row++) builder.add(`user-${row}`, `{"row":${row},"filler":"${filler}"}`);
const memory = builder.finish();

const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.module).then(({ Table }) => {
    const table = new Table(workerData.memory);
    let found = 0;
    for (let row = 0; row < workerData.questions; row++)
      if (table.findJson('user-' + row) !== undefined) found++;
    parentPort.postMessage(found);
    parentPort.once('message', () => {});
  });`;
const module = new URL('../../../src/shape/table/table.ts', import.meta.url).href;
const workers = Array.from(
  { length: threads },
  () => new Worker(code, { eval: true, workerData: { memory, module, questions } }),
);
const found = await Promise.all(
  workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  ),
);
console.log(JSON.stringify({ tableBytes: memory.byteLength, found, rssBytes: process.memoryUsage.rss() }));
await Promise.all(workers.map((worker) => worker.terminate()));
