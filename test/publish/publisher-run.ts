/** Publisher run: records in one lane, flushed, through a publisher into any sink. Ten times as fast as the wall. */
import { createRandom } from '../../src/base/random.ts';
import { createDigester } from '../../src/digest/digest.ts';
import type { Batch } from '../../src/publish/batch.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { Publisher } from '../../src/publish/publisher.ts';
import type { PublishNotice, PublishSetup } from '../../src/publish/setup.ts';
import { type Sink, VERDICT } from '../../src/publish/sink.ts';
import { statsRow } from '../../src/publish/stats.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { countersOf } from '../../src/ring/slices.ts';
import { Doorbell } from '../../src/ring/wait.ts';
import { portable } from './codecs.ts';
import { answerOf } from './publishing.ts';

export interface PublisherOutcome {
  readonly error: { code: string; exitCode: number; message: string } | null;
  readonly stats: Float64Array;
  readonly notices: PublishNotice[];
  readonly acknowledged: number;
}

/** @param random Chance. Default: seeded. */
export async function runPublisher(
  setup: PublishSetup,
  sink: Omit<Sink, 'close'>,
  pool: BufferPool,
  random = createRandom(7),
): Promise<PublisherOutcome> {
  const notices: PublishNotice[] = [];
  const failed = Promise.withResolvers<void>();
  const publisher = new Publisher(setup, {
    codec: portable,
    pool,
    sink,
    post: (notice) => {
      notices.push(notice);
      if (notice.kind === 'failed') failed.resolve();
    },
    // Ten times as fast as the wall: the waits between tries are real, and short.
    nowMs: () => performance.now() * 10,
    random,
    digest: digestOf,
  });
  Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
  const run = publisher.run();
  // A publisher that has failed stays until it is asked what is left.
  await Promise.race([run, failed.promise]);
  Atomics.store(new Int32Array(setup.control), 0, PHASE.LEAVE);
  new Doorbell(setup.doorbells).ringAll();
  await run;
  const failure = notices.find((notice) => notice.kind === 'failed');
  const error = failure?.kind === 'failed' ? failure.error : null;
  const acknowledged = countersOf(setup.slices).acknowledged.reduce((sum, n) => sum + n, 0);
  return { error, stats: statsRow(setup.stats, 0), notices, acknowledged };
}

/** A publisher whose sink stores everything, when the test says so, and whose clock is the wall's. @returns What lets the oldest request go. */
export function stalledPublisher(
  setup: PublishSetup,
  sink: Partial<Omit<Sink, 'close'>> & { readonly onPut?: (batch: Batch) => void } = {},
) {
  const { onPut, ...rest } = sink;
  const waiting: (() => void)[] = [];
  const publisher = new Publisher(setup, {
    codec: portable,
    pool: new BufferPool(setup.bufferBytesMax),
    sink: {
      ...rest,
      async put(batch) {
        onPut?.(batch);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return answerOf(batch, new Array(batch.count).fill(VERDICT.STORED));
      },
      classify: () => null,
      partitions: () => Promise.reject(new Error('not asked for')),
    },
    post: () => {},
    nowMs: () => performance.now(),
    random: createRandom(7),
    digest: digestOf,
  });
  return { publisher, waiting };
}

/** Sums of the digests of a run of frames. */
export function digestOf(frames: Uint8Array) {
  const digester = createDigester(new Uint8Array(16));
  digester.addFrames(frames);
  return digester.sums();
}
