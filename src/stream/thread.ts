/**
 * Read: what a reader thread of verify does: some shards of a stream, from frames to sums.
 * Takes  a task, plain data. Gives  a receipt; the buckets are in the task's shared memory.
 * Owns   its reader while the task runs.
 * Never  throws: an Error would lose its code on the way to the main thread, so it travels in the receipt.
 */
import type { AwsTarget } from '../aws/target.ts';
import { MillraceError, type WireError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { faultPoint } from '../base/fault-points.ts';
import { createDigester, type DigestSums } from '../digest/digest.ts';
import type { StartPosition } from './position.ts';
import type { ReadLimits } from './read-pace.ts';
import { readStreamAt } from './read-stream.ts';

export interface ReadTask {
  readonly target: AwsTarget;
  /** Name or ARN. */
  readonly stream: string;
  readonly shardIds: readonly string[];
  readonly start: StartPosition;
  readonly untilMs: number;
  readonly pollIntervalMs: number;
  readonly callsInFlight: number;
  readonly limits: ReadLimits;
  readonly wire: 'cbor' | 'json';
  readonly decoder: 'native' | 'portable' | null;
  readonly digestKey: Uint8Array;
  readonly bucketBits: number;
  /** `bucketTableBytes(bucketBits)` zeroed bytes that no other task has. */
  readonly buckets: SharedArrayBuffer;
  /** One u32 of all tasks together: records read so far, modulo 2^32, for progress. */
  readonly progress: SharedArrayBuffer;
}

export interface ReadReceipt {
  readonly sums: DigestSums;
  readonly outsideHashRange: number;
  readonly undecodable: number;
  readonly error: WireError | null;
}

/** An error as plain data; one that we did not expect is a failure of this thread. */
function wireOf(error: unknown): WireError {
  if (error instanceof MillraceError) return error.toWire();
  const message = `A reader thread failed: ${error instanceof Error ? error.message : String(error)}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: EXIT.resumable }).toWire();
}

export async function read(task: ReadTask): Promise<ReadReceipt> {
  const kind = task.decoder ?? undefined;
  const digester = createDigester(task.digestKey, {
    bucketBits: task.bucketBits,
    buckets: new Uint8Array(task.buckets),
    ...(kind && { kind }),
  });
  const progress = new Uint32Array(task.progress);
  const found = { outsideHashRange: 0, undecodable: 0 };
  let error: WireError | null = null;
  try {
    faultPoint('reader.task');
    const { stream, shardIds, start, untilMs, pollIntervalMs, callsInFlight, limits, wire } = task;
    const reader = readStreamAt(task.target, {
      ...{ stream, shardIds, start, untilMs, pollIntervalMs, callsInFlight, limits, wire },
      ...(kind && { decoder: kind }),
      onOutsideHashRange: ({ count }) => (found.outsideHashRange += count),
      onUndecodable: () => (found.undecodable += 1),
    });
    for await (const batch of reader) {
      for (const frames of batch.shownFrames()) digester.addFrames(frames);
      Atomics.add(progress, 0, batch.partCount);
    }
  } catch (failure) {
    error = wireOf(failure);
  }
  return { sums: digester.sums(), ...found, error };
}
