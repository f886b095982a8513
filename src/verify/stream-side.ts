/**
 * Stream side: the stream as verify reads it.
 * Takes  a stream, where to begin, a time to read up to.
 * Gives  its digest, computed in reader threads that share out the shards; its records, for the second pass, in this thread.
 * Owns   the reader threads while it digests, and the list of shards: it is made anew until no shard is new.
 * Never  cares for order: a multiset has none, so children are read beside their parents.
 */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { AwsTarget } from '../aws/target.ts';
import { availableCores } from '../base/cores.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { entryFile } from '../base/package-root.ts';
import { threadHeap } from '../base/thread-heap.ts';
import { addBuckets } from '../digest/buckets.ts';
import { addSums, bucketTableBytes, type DigestSums } from '../digest/digest.ts';
import { openStreamClient } from '../stream/client.ts';
import { listShards, streamNameOf } from '../stream/list-shards.ts';
import type { StartPosition } from '../stream/position.ts';
import { classifyReadFailure } from '../stream/read-failure.ts';
import type { ReadLimits } from '../stream/read-pace.ts';
import { readStreamAt } from '../stream/read-stream.ts';
import type { ReadReceipt, ReadTask } from '../stream/thread.ts';
import type { DigestSpec, Locate, SideDigest, StreamExtent, StreamSide } from './sides.ts';

export interface StreamSideOptions {
  readonly target: AwsTarget;
  /** Name or ARN. */
  readonly stream: string;
  /** Default TRIM_HORIZON. */
  readonly start?: StartPosition;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
  /** Default: one a core and for every SHARDS_A_THREAD shards, 4 at most. */
  readonly threads?: number;
  /** Default 250: verify waits for the tip, not for news. */
  readonly pollIntervalMs?: number;
  /** Answers in memory, of all threads together, up to 10 MiB each. Default 16. */
  readonly callsInFlight?: number;
  readonly limits?: ReadLimits;
  readonly wire?: 'cbor' | 'json';
  readonly decoder?: 'native' | 'portable';
  /** Records that this reading has brought so far, parts of aggregates one by one; a few times a second. */
  readonly onProgress?: (records: number) => void;
}

const PROGRESS_INTERVAL_MS = 250;
/** They give 64 MiB/s at most, a fraction of what a thread digests; each further thread would cost a start. */
const SHARDS_A_THREAD = 32;
const THREADS_MAX = 4;

export function createStreamSide(options: StreamSideOptions): StreamSide {
  const common = {
    stream: options.stream,
    start: options.start ?? ({ type: 'TRIM_HORIZON' } as const),
    untilMs: options.untilMs,
    pollIntervalMs: options.pollIntervalMs ?? 250,
    limits: options.limits ?? {},
    wire: options.wire ?? 'cbor',
  };
  return {
    digest: (spec, signal) => digestStream(options, common, spec, signal),
    async scan(onFrames: (frames: Uint8Array, locate: Locate) => void, signal: AbortSignal): Promise<void> {
      let records = 0;
      const reader = readStreamAt(options.target, {
        ...common,
        callsInFlight: options.callsInFlight ?? 16,
        signal,
        ...(options.decoder && { decoder: options.decoder }),
      });
      for await (const batch of reader) {
        const locate: Locate = (unit) => ({
          shardId: batch.shardId,
          sequenceNumber: batch.sequenceNumber(unit),
        });
        for (const frames of batch.shownFrames()) onFrames(frames, locate);
        records += batch.partCount;
        options.onProgress?.(records);
      }
    },
  };
}

type Common = Pick<ReadTask, 'stream' | 'start' | 'untilMs' | 'pollIntervalMs' | 'limits' | 'wire'>;

async function digestStream(
  options: StreamSideOptions,
  common: Common,
  spec: DigestSpec,
  signal: AbortSignal,
): Promise<SideDigest & StreamExtent> {
  const client = openStreamClient(options.target);
  const threads = options.threads ?? Math.min(THREADS_MAX, availableCores());
  const pool = new Piscina<ReadTask, ReadReceipt>({
    filename: fileURLToPath(entryFile('read')),
    minThreads: 0,
    maxThreads: threads,
    recordTiming: false, // nobody asks Piscina for its histograms, which take memory and time to make
    resourceLimits: threadHeap('values'),
  });
  const progress = new SharedArrayBuffer(4);
  const timer = setInterval(
    () => options.onProgress?.(Atomics.load(new Uint32Array(progress), 0)),
    PROGRESS_INTERVAL_MS,
  );
  const buckets = new Uint8Array(bucketTableBytes(spec.bucketBits));
  const seen = new Set<string>();
  let sums: DigestSums = { count: 0, bytes: 0, sumA: 0n, sumB: 0n };
  const found = { outsideHashRange: 0, undecodable: 0 };
  try {
    for (;;) {
      const added = (await shardIdsOf(client, common.stream, signal)).filter((shardId) => !seen.has(shardId));
      // Shards that appeared while others were read; records from before `untilMs` may be in them as well.
      if (added.length === 0) {
        options.onProgress?.(sums.count);
        return { sums, buckets, shards: seen.size, ...found };
      }
      for (const shardId of added) seen.add(shardId);
      const wanted = options.threads ?? Math.ceil(added.length / SHARDS_A_THREAD);
      const shares = shareOut(added, Math.min(threads, wanted));
      const tasks = shares.map((shardIds) => ({
        ...common,
        target: options.target,
        shardIds,
        callsInFlight: Math.max(1, Math.floor((options.callsInFlight ?? 16) / shares.length)),
        decoder: options.decoder ?? null,
        digestKey: spec.key,
        bucketBits: spec.bucketBits,
        buckets: new SharedArrayBuffer(buckets.byteLength),
        progress,
      }));
      const receipts = await Promise.all(tasks.map((task) => pool.run(task, { signal })));
      for (const [i, receipt] of receipts.entries()) {
        if (receipt.error) throw MillraceError.fromWire(receipt.error);
        addBuckets(buckets, new Uint8Array(tasks[i]!.buckets));
        sums = addSums(sums, receipt.sums);
        found.outsideHashRange += receipt.outsideHashRange;
        found.undecodable += receipt.undecodable;
      }
    }
  } finally {
    clearInterval(timer);
    client.close();
    await pool.destroy();
  }
}

/** @throws {MillraceError} */
async function shardIdsOf(
  client: Parameters<typeof listShards>[0],
  stream: string,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    return (await listShards(client, stream, signal)).map(({ shardId }) => shardId);
  } catch (error) {
    signal.throwIfAborted();
    const name = streamNameOf(stream);
    const failure = classifyReadFailure(error, name);
    if (failure.kind === 'fatal' || failure.kind === 'denied') throw failure.error;
    const message = `Cannot list the shards of stream ${name}: ${(error as Error).message}`;
    throw new MillraceError('MILLRACE_SERVICE_AWAY', message, { exitCode: EXIT.resumable, cause: error });
  }
}

/** Deals the shards out like cards: neighbours, which often hold similar amounts, go to different threads. */
function shareOut(shardIds: readonly string[], shareCount: number): string[][] {
  const shares = Array.from({ length: Math.min(shareCount, shardIds.length) }, () => [] as string[]);
  for (const [i, shardId] of shardIds.entries()) shares[i % shares.length]!.push(shardId);
  return shares;
}
