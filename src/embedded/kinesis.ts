/**
 * LocalKinesis: the embedded Kinesis for demo, tests and benches. Loopback only, memory only.
 * In this process: `await startLocalKinesis({ streams: { orders: 4 } })`. As a process of its own: `node src/embedded/serve.ts --help`.
 * Takes  JSON 1.1 and CBOR 1.1 requests; CBOR timestamps are milliseconds, as the service sends them.
 * Gives  an endpoint for any Kinesis client over HTTP/1.1, with TLS where it is given a certificate, and direct access for tests.
 * Owns   the listening socket and everything stored.
 */
import { type KinesisStats, statsOf } from './kinesis/admin.ts';
import { type StoredRecord, storedRuns } from './kinesis/records.ts';
import { KinesisServer, perform } from './kinesis/server.ts';
import { type KinesisFault, KinesisState, REAL_LIMITS, type ShardLimits } from './kinesis/state.ts';
import { listen } from './listen.ts';

export type { KinesisStats } from './kinesis/admin.ts';
export type { StoredRecord } from './kinesis/records.ts';
export type { KinesisFault, ShardLimits } from './kinesis/state.ts';

export interface LocalKinesisOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Key and certificate, in PEM: HTTPS. Default: HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Streams to begin with, and how many shards each has. */
  readonly streams?: Readonly<Record<string, number>>;
  /** Limits per shard. `real`: 1,000 records and 1 MiB written, 5 reads and 2 MiB read a second. Default `off`. */
  readonly limits?: 'off' | 'real' | ShardLimits;
  readonly faults?: readonly KinesisFault[];
  /** Of the faults' random numbers. Default 1. */
  readonly seed?: number;
  /** Default true. False: CBOR is refused with SerializationException in JSON. */
  readonly cbor?: boolean;
  /** Count records and forget them. Default false. */
  readonly discard?: boolean;
  /** Bytes of request bodies that each stream holds before it trims its oldest records. Default 1 GiB. */
  readonly retainBytes?: number;
  /** How long streams stay CREATING, UPDATING, DELETING. Default 0. */
  readonly transitionMs?: number;
  /** Refuse requests that are not signed (the signature is not verified). Default false. */
  readonly requireSignature?: boolean;
  /** Compare x-amz-content-sha256 with the body. Default false. */
  readonly verifyPayloadHash?: boolean;
  /** Milliseconds since the epoch. Default Date.now. */
  readonly nowMs?: () => number;
  /** Default 000000000000 and us-east-1. */
  readonly accountId?: string;
  readonly region?: string;
}

export interface LocalKinesis {
  /** E.g. `http://127.0.0.1:4567`. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  streamArn(streamName: string): string;
  /** Any operation but PutRecords and GetRecords, with decoded input and output: `call('SplitShard', {...})`. @throws ServiceError */
  call(operation: string, input: Record<string, unknown>): object;
  /** Copies of all records that a stream holds, shard by shard, in order. */
  records(streamName: string): Generator<StoredRecord>;
  stats(): KinesisStats;
  /** Replaces all faults. Firings are counted in `stats().faultsFired`, by the rule's name or else its kind. */
  setFaults(rules: readonly KinesisFault[], seed?: number): void;
  setLimits(limits: 'off' | 'real' | ShardLimits): void;
  /** Cuts all connections and frees the port. May be called again. */
  close(): Promise<void>;
}

function* flatten(runs: Iterable<StoredRecord[]>): Generator<StoredRecord> {
  for (const run of runs) yield* run;
}

/** @throws Where the port is taken, or a stream's name or shard count is refused. */
export async function startLocalKinesis(options: LocalKinesisOptions = {}): Promise<LocalKinesis> {
  const { host = '127.0.0.1', port = 0, tls, limits = 'off', region = 'us-east-1' } = options;
  const state = new KinesisState({
    accountId: options.accountId ?? '000000000000',
    region,
    nowMs: options.nowMs ?? Date.now,
    limits: limits === 'real' ? REAL_LIMITS : limits,
    discard: options.discard ?? false,
    heldBytesMax: options.retainBytes ?? 1024 ** 3,
    transitionMs: options.transitionMs ?? 0,
  });
  for (const [StreamName, ShardCount] of Object.entries(options.streams ?? {})) {
    perform(state, 'CreateStream', { StreamName, ShardCount });
  }
  if (options.faults) state.faults.set(options.faults, state.now(), options.seed);
  const handler = new KinesisServer(state, {
    cbor: options.cbor ?? true,
    requireSignature: options.requireSignature ?? false,
    verifyPayloadHash: options.verifyPayloadHash ?? false,
  });
  const settings = { highWaterMark: 256 * 1024 };
  const listening = await listen((request, response) => handler.handle(request, response), {
    ...{ host, port, tls, settings },
  });
  return {
    ...listening,
    region,
    streamArn: (streamName) => state.arnOf(streamName),
    call: (operation, input) => perform(state, operation, input),
    records: (streamName) => flatten(storedRuns(state.find(streamName, undefined))),
    stats: () => statsOf(state),
    setFaults: (rules, seed) => state.faults.set(rules, state.now(), seed),
    setLimits: (wanted) => state.setLimits(wanted),
    close: () => {
      handler.close();
      return listening.close();
    },
  };
}
