/**
 * KinesisState: everything that the embedded Kinesis knows: account, streams, limits, faults, counters, clock.
 * Owns   the streams by name and the way from a name or an ARN to one of them.
 * Never  knows HTTP. Operations get it as their first argument.
 */
import { KINESIS } from '../../base/limits.ts';
import { Faults, type FaultWhen, type Rule } from './faults.ts';
import { invalidArgument, ServiceError } from './service-error.ts';
import type { Shard, Stream } from './stream-store.ts';
import { TokenBucket } from './token-bucket.ts';

/** Per-record kinds: refuse a record inside a PutRecords or PutRecord that else goes well. */
export const RECORD_FAULTS = ['throttle', 'internal-failure', 'record-error'] as const;
/**
 * Request kinds. `error` answers with `code`, `status` and `message`; `reset` cuts the connection; `delay` waits `delayMs`; `stall`
 * never answers; `garble` answers 200 with a body that is not an answer.
 */
export const REQUEST_FAULTS = ['error', 'reset', 'delay', 'stall', 'garble'] as const;

export interface KinesisFault
  extends Rule<(typeof RECORD_FAULTS)[number] | (typeof REQUEST_FAULTS)[number]>,
    FaultWhen {
  /** For `error` (default InternalFailure; empty: an answer without one, as a proxy's) and `record-error`. */
  readonly code?: string;
  readonly message?: string;
  /** For `error`. Default 500 for InternalFailure, 503 for ServiceUnavailable, else 400. */
  readonly status?: number;
  /** For `delay`; for `error`, before it is answered. */
  readonly delayMs?: number;
  /** For `reset`, `delay` and `stall`: before the request has had its effect (default) or after. `garble` is always after. */
  readonly when?: 'before' | 'after';
}

export interface ShardLimits {
  /** Per shard and second. `Infinity` switches one off. */
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Seconds' worth that a rested shard takes at once. Default 1. */
  readonly burstSeconds?: number;
  /** GetRecords calls and bytes per shard and second; unlimited unless given. */
  readonly readsPerSecond?: number;
  readonly readBytesPerSecond?: number;
}

/** The limits of a provisioned shard, reads included. */
export const REAL_LIMITS: ShardLimits = {
  recordsPerSecond: KINESIS.shardRecordsPerSecond,
  bytesPerSecond: KINESIS.shardBytesPerSecond,
  readsPerSecond: KINESIS.shardReadsPerSecond,
  readBytesPerSecond: KINESIS.shardReadBytesPerSecond,
};

interface Buckets {
  readonly records: TokenBucket;
  readonly bytes: TokenBucket;
  readonly reads: TokenBucket;
  readonly readBytes: TokenBucket;
}

export interface KinesisOptions {
  readonly accountId: string;
  readonly region: string;
  readonly nowMs: () => number;
  readonly limits: ShardLimits | 'off';
  readonly discard: boolean;
  readonly heldBytesMax: number;
  /** How long a stream stays CREATING, UPDATING or DELETING. */
  readonly transitionMs: number;
}

export class KinesisState {
  readonly options: KinesisOptions;
  readonly streams = new Map<string, Stream>();
  readonly faults = new Faults<KinesisFault>('PutRecords');
  readonly counters = {
    requests: 0,
    requestsByOperation: {} as Record<string, number>,
    refusedRequests: 0,
    putRequestsInFlightMax: 0,
    bytesReceived: 0,
    recordsStored: 0,
    /** Data plus partition keys of stored records, as the service counts them. */
    bytesStored: 0,
    recordsRefusedByCode: {} as Record<string, number>,
    recordsRead: 0,
  };
  limits: ShardLimits | null;
  #buckets = new WeakMap<Shard, Buckets>();

  constructor(options: KinesisOptions) {
    this.options = options;
    this.limits = options.limits === 'off' ? null : options.limits;
  }

  now(): number {
    return this.options.nowMs();
  }

  setLimits(limits: ShardLimits | 'off' | 'real'): void {
    this.limits = limits === 'off' ? null : limits === 'real' ? REAL_LIMITS : limits;
    this.#buckets = new WeakMap();
  }

  /** The buckets of a shard; full at first sight. Only where limits are on. */
  bucketsOf(shard: Shard, nowMs: number): Buckets {
    let buckets = this.#buckets.get(shard);
    if (buckets === undefined) {
      const limits = this.limits!;
      const burst = limits.burstSeconds ?? 1;
      const bucket = (perSecond = Number.POSITIVE_INFINITY, seconds = burst) =>
        new TokenBucket(perSecond, nowMs, perSecond * seconds);
      buckets = {
        records: bucket(limits.recordsPerSecond),
        bytes: bucket(limits.bytesPerSecond),
        reads: bucket(limits.readsPerSecond, 1),
        readBytes: bucket(limits.readBytesPerSecond, 1),
      };
      this.#buckets.set(shard, buckets);
    }
    return buckets;
  }

  arnOf(streamName: string): string {
    return `arn:aws:kinesis:${this.options.region}:${this.options.accountId}:stream/${streamName}`;
  }

  /** @throws {ServiceError} ResourceNotFoundException, or InvalidArgumentException where neither name nor ARN is given. */
  find(streamName: string | undefined, streamArn: string | undefined): Stream {
    let name = streamName;
    if (streamArn !== undefined) {
      const match = /^arn:aws[\w-]*:kinesis:[^:]*:(\d{12}):stream\/([\w.-]{1,128})$/.exec(streamArn);
      if (match === null) throw invalidArgument(`StreamARN ${streamArn} is not a valid stream ARN.`);
      if (name !== undefined && name !== match[2]) {
        throw invalidArgument('StreamName and StreamARN do not name the same stream.');
      }
      name = match[2]!;
      if (match[1] !== this.options.accountId) throw this.notFound(name, match[1]);
    }
    if (name === undefined) throw invalidArgument('Either StreamName or StreamARN should be provided');
    const stream = this.streams.get(name);
    if (stream === undefined) throw this.notFound(name);
    this.settle(stream);
    if (!this.streams.has(name)) throw this.notFound(name);
    return stream;
  }

  notFound(streamName: string, accountId = this.options.accountId): ServiceError {
    return new ServiceError(
      'ResourceNotFoundException',
      `Stream ${streamName} under account ${accountId} not found.`,
    );
  }

  /** Ends a transition whose time has come. */
  settle(stream: Stream): void {
    if (stream.status === 'ACTIVE' || this.now() < stream.busyUntilMs) return;
    if (stream.status === 'DELETING') this.streams.delete(stream.name);
    else stream.status = 'ACTIVE';
  }

  begin(stream: Stream, status: 'CREATING' | 'UPDATING' | 'DELETING'): void {
    stream.status = status;
    stream.busyUntilMs = this.now() + this.options.transitionMs;
    this.settle(stream);
  }

  where(stream: Stream): string {
    return `stream ${stream.name} under account ${this.options.accountId}`;
  }

  countRefused(code: string): void {
    const { recordsRefusedByCode } = this.counters;
    recordsRefusedByCode[code] = (recordsRefusedByCode[code] ?? 0) + 1;
  }
}
