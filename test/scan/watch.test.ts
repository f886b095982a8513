/** Watch: work that is stopped by the addon, in all the places where it may be stopped, and threads that end within it. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { Watch } from '../../src/scan/watch.ts';

const { addon } = loadAddon();
const open = () => Watch.open(addon!)!;
const LONG_MS = 600_000;

function forever(): void {
  for (;;);
}

/** Runs this in a thread that has a `watch`; `meanwhile` once it has rung. @returns How the thread ended, and what it has said. */
async function inThread(body: string, meanwhile?: (worker: Worker) => unknown) {
  const urlOf = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url));
  const code = `
    const { parentPort } = require('node:worker_threads');
    const say = (what) => parentPort.postMessage(what);
    const bell = new Int32Array(require('node:worker_threads').workerData);
    Promise.all([import(${urlOf('scan/watch.ts')}), import(${urlOf('native/load.ts')})]).then(([{ Watch }, { loadAddon }]) => {
      const watch = Watch.open(loadAddon().addon);
      ${body}
    });`;
  const shared = new SharedArrayBuffer(4);
  const cells = new Int32Array(shared);
  const worker = new Worker(code, { eval: true, workerData: shared });
  const said: unknown[] = [];
  let error: unknown = null;
  worker.on('message', (what) => said.push(what)).on('error', (what) => (error = what));
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve));
  const arrived = Atomics.waitAsync(cells, 0, 0).value;
  if (meanwhile !== undefined) {
    await arrived;
    await meanwhile(worker);
  }
  const exitCode = await ended;
  return { exitCode, said, error: error as NodeJS.ErrnoException | null, bell: cells[0]! };
}

describe.skipIf(addon === null)('a watch (skipped where there is no addon)', () => {
  it('stops work wherever it is, and the thread goes on with what it had begun', async () => {
    const watch = open();
    const heard: string[] = [];
    const early = Promise.resolve().then(() => heard.push('a microtask'));
    const works = [
      forever,
      () => [1].forEach(forever),
      () => JSON.parse('[1]', forever),
      () => JSON.stringify({ toJSON: forever }),
      () => 'a'.replace('a', () => `${forever()}`),
      () => Object.keys(new Proxy({}, { ownKeys: forever as unknown as () => string[] })),
      () => {
        void Promise.resolve().then(() => heard.push('another'));
        forever();
      },
    ];
    expect(works.map((work) => watch.run(work, 5))).toEqual(works.map(() => false));
    expect(watch.run(() => heard.push('work'), LONG_MS)).toBe(true);
    await early;
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(heard).toEqual(['work', 'a microtask', 'another']);
  });

  it('throws on what work throws, and refuses to run within itself', () => {
    const watch = open();
    const error = new Error('no');
    const thrower = () => {
      throw error;
    };
    expect(() => watch.run(thrower, LONG_MS)).toThrow(error);
    expect(() => watch.run(() => watch.run(forever, 1), LONG_MS)).toThrow(/it is in use/);
    expect(watch.run(() => {}, LONG_MS)).toBe(true);
  });

  it('stops what is due within another watch, and the other one as well', () => {
    const [outer, inner] = [open(), open()];
    const answers: boolean[] = [];
    answers.push(outer.run(() => answers.push(inner.run(forever, 5)), LONG_MS));
    answers.push(outer.run(() => answers.push(inner.run(forever, LONG_MS)), 5));
    // Both at the same time, again and again: where the inner one takes what the outer one has struck for its own, it is struck again.
    const always = () => {
      for (;;) inner.run(forever, 5);
    };
    for (let i = 0; i < 4; i++) answers.push(outer.run(always, 15));
    expect(answers).toEqual([false, true, false, ...Array.from({ length: 4 }, () => false)]);
  });

  it('strikes nobody who has just come to the end', () => {
    const watch = open();
    let stopped = 0;
    let after = 0;
    const work = () => {
      const endMs = performance.now() + 1;
      while (performance.now() < endMs);
    };
    for (let i = 0; i < 300; i++) {
      if (!watch.run(work, 1)) stopped++;
      for (let turn = 0; turn < 1000; turn++) after++;
    }
    expect(stopped).toBeGreaterThan(0);
    expect(after).toBe(300_000);
  });

  it('lets a thread be ended from outside while it watches', async () => {
    const body = `
      Atomics.store(bell, 0, 1);
      Atomics.notify(bell, 0);
      watch.run(() => { for (;;); }, ${LONG_MS});
      for (;;);`;
    const { exitCode, said, error } = await inThread(body, (worker) => worker.terminate());
    expect({ exitCode, said, error }).toEqual({ exitCode: 1, said: [], error: null });
  });

  it('does not keep a thread alive that is ended while its work is being stopped', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watch-'));
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Opening waits for a writer, in a call that nothing stops, until both have happened.
    const body = `
      const { openSync } = require('node:fs');
      const work = () => {
        Atomics.store(bell, 0, 1);
        Atomics.notify(bell, 0);
        openSync(${JSON.stringify(pipe)}, 'r');
      };
      watch.run(work, 50);
      Atomics.store(bell, 0, 2);
      say('alive');`;
    const { exitCode, bell } = await inThread(body, (worker) => {
      void worker.terminate();
      expect(open().run(forever, 250)).toBe(false);
      closeSync(openSync(pipe, 'r+'));
    });
    expect({ exitCode, bell }).toEqual({ exitCode: 1, bell: 1 });
    rmSync(folder, { recursive: true });
  });

  it('lets a thread end itself within work', async () => {
    const leaving = await inThread(`watch.run(() => process.exit(7), ${LONG_MS}); say('alive');`);
    expect(leaving).toMatchObject({ exitCode: 7, said: [], error: null });
  });

  const whyNoTasks = existsSync('/proc/self/task') ? '' : ' (not run: this system does not list threads)';
  it.skipIf(whyNoTasks !== '')(`leaves no thread behind when its own has ended${whyNoTasks}`, async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const body = `
      const own = threads();
      watch.run(() => {}, ${LONG_MS});
      say(threads() - own);`;
    const count = `const threads = () => require('node:fs').readdirSync('/proc/self/task').length;`;
    // Node's own threads are there from the first time on.
    await inThread(count);
    const before = threads();
    const { exitCode, said } = await inThread(count + body);
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: [0] });
    expect(threads()).toBeLessThanOrEqual(before);
  });
});
