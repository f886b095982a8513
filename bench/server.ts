/**
 * Server: an S3 origin or a Kinesis sink for benches, as a process of its own, so that its CPU time is nobody else's.
 * Takes  one message from the process that forked it: an OriginSpec or a SinkSpec; later `digest`.
 * Gives  `{ endpoint }`; for `digest` the record count and an order-free sum over all records that the sink holds.
 * Owns   the process: it ends when its parent disconnects.
 */
import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import aggregation from 'aws-kinesis-agg';
import { type FastS3Object, startFastS3 } from '../src/embedded/fast-s3.ts';
import { type LocalKinesis, startLocalKinesis } from '../src/embedded/kinesis.ts';
import { BENCH_CERTIFICATE, BENCH_KEY } from './certificate.ts';
import { WORKLOADS } from './workloads/workloads.ts';

export interface OriginSpec {
  readonly kind: 'origin';
  readonly workload: string;
  readonly objectCount: number;
  /** Uncompressed, about: objects are made of whole lines. */
  readonly objectBytes: number;
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Default false: HTTP. */
  readonly tls?: boolean;
  /** Processes that share the port, for clients that one cannot keep busy. Default 1. */
  readonly processes?: number;
}

export interface SinkSpec {
  readonly kind: 'sink';
  readonly shards: number;
  /** Count records and forget them. */
  readonly discard: boolean;
  /** Default false: on demand, without a pace. */
  readonly provisioned?: boolean;
  /** How long each PutRecords request waits for its answer. Default 0. */
  readonly answerMs?: number;
  /** Default false: HTTP. */
  readonly tls?: boolean;
  /** Processes that share the port; each counts what it is given, so only a sink that discards may have several. Default 1. */
  readonly processes?: number;
  /** When its stream was created, the same in all of its processes. Default: now. */
  readonly bornMs?: number;
}

export interface OriginReady {
  readonly endpoint: string;
  /** Of all objects together, uncompressed. */
  readonly bytes: number;
  readonly lines: number;
  readonly digest: Digest;
}

export interface Digest {
  readonly records: number;
  /** Sum of 64 bits of each record's MD5, modulo 2^64, in hexadecimal: equal multisets have equal sums. */
  readonly sum: string;
}

const BLOCK_BYTES = 2 << 20;
const SEED = 42;
const STREAM = 'bench';
const TLS = { tls: { key: BENCH_KEY, cert: BENCH_CERTIFICATE } };

class DigestSum {
  #records = 0;
  #sum = 0n;

  add(record: Uint8Array, times = 1): void {
    this.#records += times;
    const part = createHash('md5').update(record).digest().readBigUInt64LE(0);
    this.#sum = (this.#sum + part * BigInt(times)) & 0xffff_ffff_ffff_ffffn;
  }

  value(): Digest {
    return { records: this.#records, sum: this.#sum.toString(16) };
  }
}

/** One block of whole lines, repeated to the size that is asked for: 16 GB need not fit into memory. */
async function origin(spec: OriginSpec): Promise<OriginReady> {
  const workload = WORKLOADS.find(({ name }) => name === spec.workload)!;
  const blockBytes = Math.min(BLOCK_BYTES, spec.objectBytes);
  const lineCount = Math.max(1, Math.round(blockBytes / workload.lineBytes));
  const block = workload.generate({ seed: SEED, lineCount });
  const repeat = Math.max(1, Math.round(spec.objectBytes / block.length));
  const object = body(spec, block, repeat);
  const objects: FastS3Object[] = Array.from({ length: spec.objectCount }, (_, i) => ({
    key: `events/${String(i).padStart(6, '0')}.jsonl`,
    etag: `"${createHash('md5').update(`${i}`).digest('hex')}"`,
    ...object,
  }));
  const s3 = await startFastS3({ buckets: { [STREAM]: objects }, ...(spec.tls && TLS) });
  const digest = new DigestSum();
  const times = repeat * spec.objectCount;
  for (let start = 0; start < block.length; ) {
    const end = block.indexOf(10, start);
    digest.add(block.subarray(start, end), times);
    start = end + 1;
  }
  return {
    endpoint: s3.endpoint,
    bytes: block.length * times,
    lines: lineCount * times,
    digest: digest.value(),
  };
}

function body(spec: OriginSpec, block: Buffer, repeat: number): Pick<FastS3Object, 'body' | 'repeat'> {
  if (spec.compression === 'none') return { body: block, repeat };
  // One member: files of many small members are not what people store.
  const whole = Buffer.concat(Array.from({ length: repeat }, () => block));
  return { body: spec.compression === 'gzip' ? gzipSync(whole) : zstdCompressSync(whole), repeat: 1 };
}

async function sink(spec: SinkSpec): Promise<LocalKinesis> {
  let isBorn = false;
  const kinesis = await startLocalKinesis({
    nowMs: () => (isBorn ? Date.now() : (spec.bornMs ?? Date.now())),
    streams: { [STREAM]: spec.shards },
    discard: spec.discard,
    ...(spec.tls && TLS),
  });
  isBorn = true;
  if (spec.answerMs) kinesis.setFaults([{ kind: 'delay', delayMs: spec.answerMs }]);
  if (spec.provisioned) return kinesis;
  // A provisioned stream would be paced at 1 MB/s a shard.
  kinesis.call('UpdateStreamMode', {
    StreamARN: kinesis.streamArn(STREAM),
    StreamModeDetails: { StreamMode: 'ON_DEMAND' },
  });
  return kinesis;
}

function digestOf(kinesis: LocalKinesis): Digest {
  const sum = new DigestSum();
  for (const { data, partitionKey } of kinesis.records(STREAM)) {
    if (data[0] !== 0xf3 || data[1] !== 0x89) sum.add(data);
    else {
      // The reference deaggregator of the KPL format: not our own reader, which would share our mistakes.
      const packed = { data: Buffer.from(data).toString('base64'), partitionKey };
      aggregation.deaggregateSync(packed, true, (error, records) => {
        if (error) throw error;
        for (const record of records ?? []) sum.add(Buffer.from(record.data, 'base64'));
      });
    }
  }
  return sum.value();
}

/** Lets so many processes serve one port. @returns What the first of them says. */
async function share(spec: OriginSpec | SinkSpec, processes: number): Promise<unknown> {
  const bornMs = Date.now();
  const ready = Array.from({ length: processes }, () => {
    const worker = cluster.fork();
    worker.send({ ...spec, processes: 1, bornMs });
    return once(worker, 'message');
  });
  const [[first]] = (await Promise.all(ready)) as [[unknown]];
  return first;
}

let kinesis: LocalKinesis | undefined;
process.once('disconnect', () => process.exit(0));
process.on('message', async (message: OriginSpec | SinkSpec | 'digest') => {
  if (message === 'digest') process.send!(digestOf(kinesis!));
  else if ((message.processes ?? 1) > 1) process.send!(await share(message, message.processes!));
  else if (message.kind === 'origin') process.send!(await origin(message));
  else {
    kinesis = await sink(message);
    process.send!({ endpoint: kinesis.endpoint });
  }
});
