/** Hang watch: what strikes a thread that stands still in code of others, and what never does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHeartbeats } from '../../src/ring/heartbeat.ts';
import { HangWatch, stoppableFlags } from '../../src/run/hang-watch.ts';

const AWAITING = new URL('../../src/shape/awaiting.ts', import.meta.url).href;
const HEARTBEAT = new URL('../../src/ring/heartbeat.ts', import.meta.url).href;
const MESSAGES = 40;

let folder: string;
let worker: Worker | null = null;
let looking: NodeJS.Timeout | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-hang-'));
});
afterEach(async () => {
  clearInterval(looking);
  await worker?.terminate();
  rmSync(folder, { recursive: true });
});

/** Code of others, called behind an `await` by code that counts as ours; meanwhile messages come, each of which is worked on for some time. */
function start({ others = '', ours = '', handler = '' }) {
  writeFileSync(join(folder, 'others.mjs'), `export const others = (heart) => { ${others} };`);
  const own = join(folder, 'own.mjs');
  writeFileSync(
    own,
    `import { parentPort, workerData } from 'node:worker_threads';
     import { Heart } from ${JSON.stringify(HEARTBEAT)};
     import { Awaiting, Open } from ${JSON.stringify(AWAITING)};
     import { others } from './others.mjs';
     const heart = new Heart(workerData, 0);
     let taken = 0;
     parentPort.on('message', () => {
       ${handler}
       for (const start = performance.now(); performance.now() - start < 15; );
       taken++;
     });
     heart.isBusy = true;
     const begin = async () => {
       await null;
       others(heart);
       ${ours}
       parentPort.postMessage('came back');
       return null;
     };
     const isStopped = await new Awaiting(60_000, heart).all([new Open(begin(), new Float64Array())], 100);
     while (taken < ${MESSAGES}) await new Promise((resolve) => setTimeout(resolve, 20));
     parentPort.postMessage({ isStopped, taken });`,
  );
  const memory = createHeartbeats(1);
  const thread = new Worker(own, { workerData: memory, execArgv: stoppableFlags(process.execArgv) });
  worker = thread;
  for (let i = 0; i < MESSAGES; i++) thread.postMessage(i);
  const watch = new HangWatch(memory, (url) => !url.includes('/others.mjs'));
  looking = setInterval(() => watch.look(), 20);
  const told: unknown[] = [];
  return new Promise<unknown[]>((resolve, reject) => {
    thread.on('error', reject);
    thread.on('message', (message) => {
      told.push(message);
      if (message !== 'came back') resolve(told);
    });
  });
}

const LIMIT = { timeout: 30_000 };

it(
  'code of others that does not come back is stopped where it is, and its thread goes on',
  LIMIT,
  async () => {
    expect(await start({ others: 'for (;;);' })).toEqual([{ isStopped: true, taken: MESSAGES }]);
  },
);

it.each([
  { where: 'behind the await', ours: 'while (!heart.isStopped);' },
  {
    where: 'in a handler',
    handler: 'while (taken === 0 && !heart.isStopped);',
    ours: `while (taken < ${MESSAGES}) await new Promise((resolve) => setTimeout(resolve, 20));`,
  },
])(
  'where a stop lands on code of ours, $where, nothing is struck, and no handler is lost',
  LIMIT,
  async ({ where: _, ...given }) => {
    const told = await start(given);
    expect(told).toEqual(['came back', { isStopped: false, taken: MESSAGES }]);
  },
);
