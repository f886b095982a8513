/** Thread time: work counts, waiting does not, and what others take of the processor is told where the system knows it. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { threadCpuMs, threadStarvedMs, threadWorkMs } from '../../src/base/thread-time.ts';
import { standStill } from './stand-still.ts';

it('counts work and not waiting', () => {
  const before = threadWorkMs();
  standStill(300);
  const waited = threadWorkMs() - before;
  while (threadCpuMs() - before - waited < 60);
  expect([waited < 100, threadWorkMs() - before - waited >= 60]).toEqual([true, true]);
});

const isTold = existsSync('/proc/thread-self/schedstat');

it.skipIf(isTold)(
  `knows nothing of others where the system does not say${isTold ? ' (not run: this one says)' : ''}`,
  () => {
    expect(threadStarvedMs()).toBeNull();
  },
);

it.skipIf(!isTold)(
  `counts what others take of the processor${isTold ? '' : ' (not run: the system does not say)'}`,
  async () => {
    const code = 'for (;;);';
    const before = threadStarvedMs()!;
    const others = Array.from({ length: 2 * availableParallelism() }, () => new Worker(code, { eval: true }));
    while (threadStarvedMs()! - before < 20) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(others.map((other) => other.terminate()));
    expect(threadStarvedMs()! - before).toBeGreaterThan(20);
  },
);
