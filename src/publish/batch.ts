/**
 * Batch: records of one shard that travel in one request.
 * Owns  the shape of a batch. Its memory is the queues' (shard-queues.ts).
 */
import type { Suspicion } from './refusals.ts';

/** A run of RECORD frames for one shard, or the same records as entries of a request (entries.ts). */
export interface Batch {
  buffer: Uint8Array;
  /** Of frames, or of entries with what stands in front of them. */
  bytes: number;
  /** Default false: frames. */
  isEntries?: boolean;
  count: number;
  payloadBytes: number;
  /** How often its records ended in a failure of the service. */
  failures: number;
  /** Whether its records have been sent before. */
  isRetry: boolean;
  /** The refused request that its records are from, while it is unknown which of them caused the refusal. */
  suspicion?: Suspicion | null;
  /** What its sink has worked out ahead about the request that it will be (`Sink.prepare`); null where that is nothing. */
  prepared?: string | null;
  /** How often its only record was refused by itself. */
  refusals?: number;
}

export interface BatchLimits {
  readonly recordCountMax: number;
  readonly payloadBytesMax: number;
}
