/**
 * Job: objects in somebody's S3, a stream in somebody's Kinesis, and the real command between them.
 * Takes  the endpoints of two services, objects, the stream's shape.
 * Gives  how the command ended, and what the stream holds as the stock SDK reads it: none of our own readers is asked.
 * Owns   a folder for journal and dead letters, and two clients. Buckets and streams are the test's: their services go with it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  SplitShardCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { BackfillReport } from '../../src/observe/report.ts';
import { type Ended, type RunSettings, runCommand } from '../commands/fixture.ts';
import { ACCESS_KEY, SECRET_KEY } from './installed.ts';

const STREAM_TIMEOUT_S = 30;
const PART_BYTES = 5 << 20;
/** moto answers one request at a time. */
const PROCESS_TIMEOUT_MS = 150_000;

export interface JobOptions {
  readonly s3Endpoint: string;
  /** It exists. */
  readonly bucket: string;
  readonly kinesisEndpoint: string;
  /** It is made. */
  readonly stream: string;
  readonly shardCount: number;
  /** Behind whatever stands before the services: objects are put and records read there. Default: the endpoints above. */
  readonly direct?: { readonly s3Endpoint?: string; readonly kinesisEndpoint?: string };
}

export interface HeldRecord {
  readonly shardId: string;
  readonly partitionKey: string;
  /** As latin1 text: one character a byte. */
  readonly data: string;
}

export class Job {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-services-'));
  readonly journal = join(this.folder, 'run.journal');
  readonly letters = join(this.folder, 'run.dead.jsonl');
  readonly #options: JobOptions;
  readonly #s3: S3Client;
  readonly #kinesis: KinesisClient;

  private constructor(options: JobOptions) {
    this.#options = options;
    const client = {
      region: 'us-east-1',
      credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
      // Kinesis' own default is HTTP/2, which none of these services speaks without TLS.
      requestHandler: new NodeHttpHandler(),
    };
    const { s3Endpoint, kinesisEndpoint } = { ...options, ...options.direct };
    this.#s3 = new S3Client({ ...client, endpoint: s3Endpoint, forcePathStyle: true });
    this.#kinesis = new KinesisClient({ ...client, endpoint: kinesisEndpoint });
  }

  static async open(options: JobOptions): Promise<Job> {
    const job = new Job(options);
    const { stream: StreamName, shardCount: ShardCount } = options;
    await job.#kinesis.send(new CreateStreamCommand({ StreamName, ShardCount }));
    await job.#untilActive();
    return job;
  }

  async #untilActive(): Promise<void> {
    const { stream: StreamName } = this.#options;
    const waiting = { client: this.#kinesis, maxWaitTime: STREAM_TIMEOUT_S, minDelay: 1, maxDelay: 1 };
    await waitUntilStreamExists(waiting, { StreamName });
  }

  async makeBucket(): Promise<void> {
    await this.#s3.send(new CreateBucketCommand({ Bucket: this.#options.bucket }));
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const { bucket: Bucket } = this.#options;
    await this.#s3.send(new PutObjectCommand({ Bucket, Key: key, Body: body }));
  }

  /** In parts of 5 MiB, as large objects are put: their ETags are no MD5s of the whole. */
  async putInParts(key: string, body: Uint8Array): Promise<void> {
    const object = { Bucket: this.#options.bucket, Key: key };
    const { UploadId } = await this.#s3.send(new CreateMultipartUploadCommand(object));
    const Parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
    for (let at = 0, PartNumber = 1; at < body.length; at += PART_BYTES, PartNumber++) {
      const Body = body.subarray(at, at + PART_BYTES);
      const { ETag } = await this.#s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body }));
      Parts.push({ ETag, PartNumber });
    }
    await this.#s3.send(
      new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }),
    );
  }

  get #endpoints(): string[] {
    return [
      ...['--s3-endpoint-url', this.#options.s3Endpoint],
      ...['--kinesis-endpoint-url', this.#options.kinesisEndpoint],
    ];
  }

  /** `backfill` of everything under a prefix, with `--json`. */
  async backfill(prefix: string, flags: readonly string[] = [], settings: RunSettings = {}) {
    const { bucket, stream } = this.#options;
    const files = ['--journal', this.journal, '--dead-letter', this.letters];
    const args = ['backfill', `s3://${bucket}/${prefix}`, '--stream', stream, '--memory', '256MiB', ...files];
    const ended = await runCommand([...args, ...this.#endpoints, ...flags, '--json', '--quiet'], {
      timeoutMs: PROCESS_TIMEOUT_MS,
      ...settings,
    });
    return { ...ended, report: reportOf<BackfillReport>(ended) };
  }

  /** `verify --strict` of the journal's run: duplicates are differences, too. */
  async verify(flags: readonly string[] = []) {
    const args = ['verify', '--journal', this.journal, '--strict', '--json', '--quiet'];
    const ended = await runCommand([...args, ...this.#endpoints, ...flags], {
      timeoutMs: PROCESS_TIMEOUT_MS,
    });
    return { ...ended, report: reportOf<Record<string, unknown>>(ended) };
  }

  /** Everything on the stream, once as many records were seen as are expected, or each shard was read to a page without any. */
  async records(): Promise<HeldRecord[]> {
    const { stream: StreamName } = this.#options;
    const held: HeldRecord[] = [];
    const { Shards = [] } = await this.#kinesis.send(new ListShardsCommand({ StreamName }));
    for (const { ShardId } of Shards) {
      const first = await this.#kinesis.send(
        new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      );
      for (let ShardIterator = first.ShardIterator; ShardIterator !== undefined; ) {
        const page = await this.#kinesis.send(new GetRecordsCommand({ ShardIterator }));
        for (const { PartitionKey, Data } of page.Records ?? []) {
          if (!(Data instanceof Uint8Array)) throw new Error('The SDK gives data that are no bytes');
          const data = Buffer.from(Data).toString('latin1');
          held.push({ shardId: ShardId!, partitionKey: PartitionKey!, data });
        }
        ShardIterator = page.Records?.length ? page.NextShardIterator : undefined;
      }
    }
    return held;
  }

  /** Splits the first open shard in the middle. Resolves when the stream is active again. */
  async split(): Promise<void> {
    const { stream: StreamName } = this.#options;
    const { Shards = [] } = await this.#kinesis.send(new ListShardsCommand({ StreamName }));
    const shard = Shards.find((one) => one.SequenceNumberRange?.EndingSequenceNumber === undefined)!;
    const { StartingHashKey, EndingHashKey } = shard.HashKeyRange!;
    const middle = (BigInt(StartingHashKey!) + BigInt(EndingHashKey!)) / 2n + 1n;
    await this.#kinesis.send(
      new SplitShardCommand({
        ...{ StreamName, ShardToSplit: shard.ShardId, NewStartingHashKey: String(middle) },
      }),
    );
    await this.#untilActive();
  }

  /** Merges the two last shards, which must be open. Resolves when the stream is active again. */
  async merge(): Promise<void> {
    const { stream: StreamName } = this.#options;
    const { Shards = [] } = await this.#kinesis.send(new ListShardsCommand({ StreamName }));
    const [one, other] = Shards.slice(-2);
    await this.#kinesis.send(
      new MergeShardsCommand({
        ...{ StreamName, ShardToMerge: one!.ShardId, AdjacentShardToMerge: other!.ShardId },
      }),
    );
    await this.#untilActive();
  }

  close(): void {
    this.#s3.destroy();
    this.#kinesis.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @throws Where stdout is not exactly one JSON document. */
function reportOf<T>({ exitCode, isTimedOut, stdout, stderr }: Ended): T {
  if (isTimedOut) throw new Error(`The command hung: ${stderr}`);
  if (stdout === '') throw new Error(`No report, exit ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}
