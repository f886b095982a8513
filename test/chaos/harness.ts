/**
 * Harness: runs the real command against the embedded services, kills it, and lets it go on.
 * Takes  a seed and a plan.
 * Gives  the evidence for checker.ts, and what happened on the way.
 * Owns   the servers (in this process, on loopback), the folder of the run, and the child processes that it starts.
 * Never  judges: see checker.ts. Never kills a process that is not its own child.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_FLAGS } from '../../bench/node-flags.ts';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { readStatus } from '../../src/observe/status.ts';
import { duplicatesIn, type StoredRecord } from './checker.ts';
import { consume, type HashRange } from './consumer.ts';
import { type CorpusObject, corpus } from './corpus.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const SECRETS = ['canary-secret-2b7e151628aed2a6', 'canary-token-abf7158809cf4f3c'];
const STREAM = 'chaos';
export const SEGMENT_BYTES = 64 * 1024;
/** Small requests, so that many are in flight when a process dies. */
const BATCH_RECORDS = 40;
/** The same in bytes, for requests whose records are aggregated: half of it is what a batch may hold (src/publish/shard-set.ts). */
const AGGREGATED_BATCH_BYTES = 32 * 1024;
/** Answers are delayed by no more than this, so that a dead process's last requests are carried out soon. */
export const WEATHER_DELAY_MS_MAX = 80;
const REST_MS = WEATHER_DELAY_MS_MAX + 40;
/** How often a process is looked at that shall get a signal after so many requests. */
const LOOK_MS = 5;

export interface WorldOptions {
  readonly random: () => number;
  /** The source; default: a small one of everything (corpus.ts). */
  readonly objects?: CorpusObject[];
  /** Flags that say how the work is cut; default: small segments and requests, so that much is on its way when a process dies. */
  readonly tuning?: readonly string[];
  /** Limits of each shard; default: none. */
  readonly limits?: Parameters<LocalKinesis['setLimits']>[0];
  readonly shards?: number;
  readonly scale?: number;
  /** Rules of the embedded Kinesis and S3, for weather. */
  readonly kinesisFaults?: Parameters<LocalKinesis['setFaults']>[0];
  readonly s3Faults?: Parameters<FastS3['setFaults']>[0];
  readonly faultSeed?: number;
}

/** The services, the source and the folder of one run. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  readonly journal = join(this.folder, 'run.journal');
  readonly letters = join(this.folder, 'run.dead.jsonl');
  readonly objects: CorpusObject[];
  readonly kinesis: LocalKinesis;
  readonly s3: FastS3;
  readonly #tuning: readonly string[] | undefined;

  private constructor(
    objects: CorpusObject[],
    kinesis: LocalKinesis,
    s3: FastS3,
    tuning: readonly string[] | undefined,
  ) {
    this.objects = objects;
    this.kinesis = kinesis;
    this.s3 = s3;
    this.#tuning = tuning;
  }

  static async open(options: WorldOptions): Promise<World> {
    const objects = options.objects ?? corpus(options.random, 'source', options.scale);
    const kinesis = await startLocalKinesis({
      streams: { [STREAM]: options.shards ?? 4 },
      faults: options.kinesisFaults ?? [],
      seed: options.faultSeed ?? 1,
      limits: options.limits ?? 'off',
    });
    const s3 = await startFastS3({
      buckets: { source: objects.map(({ key, stored, etag }) => ({ key, body: stored, etag })) },
      faults: options.s3Faults ?? [],
      seed: options.faultSeed ?? 1,
    });
    return new World(objects, kinesis, s3, options.tuning);
  }

  /** PutRecords requests so far, of all processes. */
  get putRequests(): number {
    return this.kinesis.stats().requestsByOperation.PutRecords ?? 0;
  }

  /** What a consumer of the stream is shown, from its own log, over the network, as any other observer would read it. */
  async stored(): Promise<StoredRecord[]> {
    const response = await fetch(`${this.kinesis.endpoint}/_millrace/log?stream=${STREAM}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`The log of the stream cannot be read: ${response.status}`);
    const records = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .map((record) => ({ ...record, data: Buffer.from(record.data, 'base64') }));
    return [...consume(records, this.#hashRanges())];
  }

  /**
   * Records that the stream holds and the journal does not know: what the next process will repeat at most. Waits until nothing
   * more arrives, for the server may still carry out requests of a process that is dead.
   */
  async unjournaled(): Promise<number> {
    const count = (): number => this.kinesis.stats().recordsStored;
    // Twice, with a turn of the event loop between: where this process stood still, a timer may ring before sockets are read.
    for (let before = -1, rests = 0; rests < 2; ) {
      rests = count() === before ? rests + 1 : 0;
      before = count();
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const stored = await this.stored();
    const distinct = stored.length - duplicatesIn(stored);
    return this.journalText() === ''
      ? distinct
      : distinct - (await readStatus(this.journal)).records.delivered;
  }

  #hashRanges(): Map<string, HashRange> {
    const { Shards } = this.kinesis.call('ListShards', { StreamName: STREAM }) as {
      Shards: { ShardId: string; HashKeyRange: { StartingHashKey: string; EndingHashKey: string } }[];
    };
    return new Map(
      Shards.map(({ ShardId, HashKeyRange: { StartingHashKey, EndingHashKey } }) => [
        ShardId,
        { start: BigInt(StartingHashKey), end: BigInt(EndingHashKey) },
      ]),
    );
  }

  deadLettersText(): string {
    return existsSync(this.letters) ? readFileSync(this.letters, 'utf8') : '';
  }
  journalText(): string {
    return existsSync(this.journal) ? readFileSync(this.journal, 'utf8') : '';
  }

  /** The command line of the run; the same for every process of it. */
  command(flags: readonly string[]): string[] {
    return [
      join(ROOT, 'src', 'bin.mjs'),
      'backfill',
      's3://source/p/',
      ...['--stream', STREAM, '--journal', this.journal, '--dead-letter', this.letters],
      ...['--s3-endpoint-url', this.s3.endpoint, '--kinesis-endpoint-url', this.kinesis.endpoint],
      ...['--json', '--quiet'],
      ...(this.#tuning ?? smallPieces(flags)),
      ...flags,
    ];
  }

  async close(options: { keepFolder?: boolean } = {}): Promise<void> {
    await Promise.all([this.kinesis.close(), this.s3.close()]);
    if (!options.keepFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** So that many requests are in flight when a process dies. */
function smallPieces(flags: readonly string[]): string[] {
  return [
    ...['--segment-size', `${SEGMENT_BYTES / 1024}KiB`, '--memory', '128MiB'],
    ...['--parsers', '2', '--publishers', '2', '--in-flight', '2'],
    ...(flags.includes('--aggregate')
      ? ['--batch-bytes', String(AGGREGATED_BATCH_BYTES)]
      : ['--batch-records', String(BATCH_RECORDS)]),
  ];
}

/** Records that one request holds at most. @param recordBytesMin Data and key of the smallest record. */
export function requestRecordsMax(flags: readonly string[], recordBytesMin: number): number {
  return flags.includes('--aggregate')
    ? Math.floor(AGGREGATED_BATCH_BYTES / 2 / recordBytesMin)
    : BATCH_RECORDS;
}

/** How one process of the run ended. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It did not end by itself within `timeoutMs` and was killed: a hang. */
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from the (first) signal to the end. */
  readonly afterSignalMs: number | null;
  /** Whether the fault point of MILLRACE_FAULT was reached. */
  readonly faultFired: boolean;
  /** From the fault to the end, or null. */
  readonly afterFaultMs: number | null;
}

export interface RunPlan {
  /**
   * Signals to send, if the process still runs then, each `atMs` after the start; or, with `afterPuts`, so long after the
   * process has sent so many PutRecords requests.
   */
  readonly signals?: readonly {
    readonly signal: NodeJS.Signals;
    readonly atMs: number;
    readonly afterPuts?: number;
  }[];
  /** MILLRACE_FAULT. */
  readonly fault?: string;
  readonly env?: Record<string, string>;
  /** The process is killed after so long, and `timedOut` is set. Default 60 s. */
  readonly timeoutMs?: number;
}

let faultLogs = 0;

/** Runs the command once. */
export async function runOnce(world: World, flags: readonly string[], plan: RunPlan = {}): Promise<Ended> {
  faultLogs += 1;
  const faultLog = join(world.folder, `fault-${faultLogs}`);
  const child = spawn(process.execPath, [...NODE_FLAGS, ...world.command(flags)], {
    cwd: world.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: world.folder,
      // Compiled code is kept from world to world: half of what a start costs.
      XDG_CACHE_HOME: join(tmpdir(), '.cache'),
      // Compressed objects of any size give lines to parsers that have nothing to do.
      MILLRACE_GIVE_BYTES: '1',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIDCHAOS',
      AWS_SECRET_ACCESS_KEY: SECRETS[0],
      AWS_SESSION_TOKEN: SECRETS[1],
      // Where a thread shall hang that is seen soon. Any other thread may be silent for longer on a busy machine, above all one whose
      // memory runs out: with the program's own limit it is not taken for one that hangs.
      ...(plan.fault?.endsWith(':hang') ? { MILLRACE_HANG_MS: '5000' } : {}),
      ...(plan.fault === undefined ? {} : { MILLRACE_FAULT: plan.fault, MILLRACE_FAULT_LOG: faultLog }),
      ...plan.env,
    },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  let signalledAt: number | null = null;
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, act: () => void) => timers.add(setTimeout(act, ms));
  const putsBefore = world.putRequests;
  for (const { signal, atMs, afterPuts = 0 } of plan.signals ?? []) {
    const send = () => {
      signalledAt ??= performance.now();
      child.kill(signal);
    };
    const look = () => {
      if (world.putRequests - putsBefore >= afterPuts) after(atMs, send);
      else after(LOOK_MS, look);
    };
    look();
  }
  let timedOut = false;
  after(plan.timeoutMs ?? 60_000, () => {
    timedOut = true;
    child.kill('SIGKILL');
  });
  const [exitCode, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve([code, by]));
  });
  for (const timer of timers) clearTimeout(timer);
  const now = performance.now();
  return {
    exitCode,
    signal,
    timedOut,
    ...output,
    afterSignalMs: signalledAt === null ? null : now - signalledAt,
    faultFired: existsSync(faultLog),
    afterFaultMs: existsSync(faultLog) ? Date.now() - statSync(faultLog).mtimeMs : null,
  };
}
