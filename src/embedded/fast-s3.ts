/**
 * FastS3: a read-only S3 that is faster than what reads from it, for benches and fault tests. For everything else there is s3.ts.
 * In this process: `await startFastS3({ buckets: { data: [{ key: 'a.jsonl', body }] } })`. As a process: `node src/embedded/serve.ts --s3 data ...`.
 * Takes  ListObjectsV2, GetObject (Range, If-Match, If-None-Match), HeadObject, HeadBucket; path-style addresses only.
 * Gives  bodies straight from memory; an object may be its buffer repeated, so that 16 GB need not fit.
 * Owns   the listening socket.
 * Never  checks signatures.
 */
import { listen } from './listen.ts';
import type { S3Fault } from './s3/body.ts';
import { Bucket, type FastS3Object, stored } from './s3/objects.ts';
import { FastS3Server } from './s3/server.ts';

export type { S3Fault } from './s3/body.ts';
export type { FastS3Object } from './s3/objects.ts';

export interface FastS3Options {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Key and certificate, in PEM: HTTPS. Default: HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly buckets: Readonly<Record<string, readonly FastS3Object[]>>;
  readonly faults?: readonly S3Fault[];
  readonly seed?: number;
}

export interface FastS3 {
  readonly endpoint: string;
  readonly port: number;
  /** Adds or replaces an object. */
  put(bucket: string, object: FastS3Object): void;
  delete(bucket: string, key: string): void;
  setFaults(rules: readonly S3Fault[], seed?: number): void;
  stats(): FastS3Stats;
  close(): Promise<void>;
}

export interface FastS3Stats {
  readonly requests: number;
  readonly requestsByOperation: Record<string, number>;
  readonly bytesSent: number;
  readonly bodiesInFlightMax: number;
  readonly faultsFired: Record<string, number>;
}

/** @throws Where the port is taken. */
export async function startFastS3(options: FastS3Options): Promise<FastS3> {
  const { host = '127.0.0.1', port = 0, tls } = options;
  const state = new FastS3Server();
  const put = (bucket: string, object: FastS3Object) => {
    let target = state.buckets.get(bucket);
    if (target === undefined) {
      target = new Bucket();
      state.buckets.set(bucket, target);
    }
    target.put(stored(object));
  };
  for (const [bucket, objects] of Object.entries(options.buckets)) {
    state.buckets.set(bucket, new Bucket());
    const shared = new Map<Uint8Array, string>();
    for (const object of objects) {
      // Generated objects share one buffer: its digest is taken once.
      const known = object.etag ?? ((object.repeat ?? 1) === 1 ? shared.get(object.body) : undefined);
      put(bucket, known === undefined ? object : { ...object, etag: known });
      if ((object.repeat ?? 1) === 1)
        shared.set(object.body, state.buckets.get(bucket)!.objects.get(object.key)!.etag);
    }
  }
  state.faults.set(options.faults ?? [], Date.now(), options.seed);
  const listening = await listen((request, response) => state.handle(request, response), { host, port, tls });
  return {
    ...listening,
    put,
    delete: (bucket, key) => state.buckets.get(bucket)?.delete(key),
    setFaults: (rules, seed) => state.faults.set(rules, Date.now(), seed),
    stats: () => ({ ...structuredClone(state.counters), faultsFired: state.faults.counts }),
  };
}
