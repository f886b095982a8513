/** Threads have a bounded heap, and one that fills it is told apart from one that failed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../src/base/limits.ts';
import { heapReason, threadHeap } from '../../src/base/thread-heap.ts';

const MIB = 1024 * 1024;
const moduleUrl = new URL('../../src/base/thread-heap.ts', import.meta.url).href;
const [firstLine] = readFileSync(new URL('../../src/bin.mjs', import.meta.url), 'utf8').split('\n', 1);
const PROGRAM_FLAGS = firstLine!.split(' ').filter((word) => word.startsWith('--'));

/** The limits of a thread's heap, in MiB, in a process with these flags: what is old, and what is young and old. */
function heapsWith(flags: readonly string[]): { bytes: number; values: number } {
  const script = `
    import { Worker } from 'node:worker_threads';
    import { threadHeap } from '${moduleUrl}';
    const limitOf = async (resourceLimits) => {
      const worker = new Worker('setInterval(() => {}, 1000)', { eval: true, resourceLimits });
      await new Promise((resolve) => worker.once('online', resolve));
      const { heap_size_limit } = await worker.getHeapStatistics();
      await worker.terminate();
      return heap_size_limit / ${MIB};
    };
    const found = { bytes: await limitOf(threadHeap('bytes')), values: await limitOf(threadHeap('values')) };
    console.log(JSON.stringify(found));`;
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

describe('the heap of a thread', () => {
  it.each([
    { who: 'the program', flags: PROGRAM_FLAGS },
    { who: 'a process of others', flags: [] },
  ])('is bounded in $who, young generation included', ({ flags }) => {
    const { bytes, values } = heapsWith(flags);
    expect(bytes).toBe(ENGINE.threadHeapMib + ENGINE.threadYoungMib);
    expect(values).toBeGreaterThan(bytes);
    expect(values).toBeLessThan(2 * ENGINE.threadHeapMib);
  });

  it('has the young generation that others have chosen for their process, where they have', () => {
    expect(heapsWith(['--max-semi-space-size=8']).bytes).toBe(ENGINE.threadHeapMib + 3 * 8);
  });

  it('that is full ends the thread with an error that says so', async () => {
    const script = 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length));';
    const worker = new Worker(script, {
      eval: true,
      resourceLimits: { ...threadHeap('bytes'), maxOldGenerationSizeMb: 16 },
    });
    const error = await new Promise<Error>((resolve) => worker.once('error', resolve));
    expect(heapReason(error)).toBe('it ran out of memory (512 MiB of JavaScript heap)');
    expect(heapReason(new Error('bad'))).toBeNull();
  });
});
