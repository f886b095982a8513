/**
 * Fixture: the real command as a process of its own, between an embedded S3 and an embedded Kinesis.
 * Takes  objects, the shape of the stream, and flags.
 * Gives  how the process ended, what it printed, and what the stream holds, record by record.
 * Owns   two servers on loopback in the test's own process, one folder, and every child that it starts.
 * Never  paces unless it is told to: the stream is on-demand, so that a test's time is the engine's. Never judges: that is each
 *        test's business.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_FLAGS } from '../../bench/node-flags.ts';
import { type FastS3, type FastS3Object, startFastS3 } from '../../src/embedded/fast-s3.ts';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../src/embedded/kinesis.ts';
import type { BackfillReport } from '../../src/observe/report.ts';
import { runInHost } from './host.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const BIN = join(ROOT, 'src', 'bin.mjs');
/** Published data sets: test/data/README.md says whose. */
export const SAMPLES = join(ROOT, 'test', 'data', 'jsonl');
export const STREAM = 'orders';
export const BUCKET = 'bucket';
/** A process that has not ended by then hangs. */
const PROCESS_TIMEOUT_MS = 100_000;

/** What the process may find in its environment: no settings of the machine that runs the tests. */
export const CLEAN_ENV = {
  PATH: process.env.PATH,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIDTEST',
  AWS_SECRET_ACCESS_KEY: 'secret-of-the-tests',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** How a process ended. */
export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isTimedOut: boolean;
  readonly durationMs: number;
  /** From the first `interrupt` to the end. */
  readonly drainMs: number | null;
}

export interface RunSettings {
  /** Over the clean environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** More could come. Default false. */
  readonly isStdinOpen?: boolean;
  readonly cwd?: string;
  /** The test looks at the start, the end, the memory or the time of the process. Default false. */
  readonly isAlone?: boolean;
  /** Another copy of the program. */
  readonly bin?: string;
  /** A process that has not ended by then hangs. Default 45 s. */
  readonly timeoutMs?: number;
  /** Signals to send as soon as `when` says so, `SIGNAL_GAP_MS` apart: equal ones sent together arrive as one. */
  readonly interrupt?: { readonly when: () => boolean; readonly signals: readonly NodeJS.Signals[] };
}

const SIGNAL_GAP_MS = 100;

/** Read anew by each command, or the same for all of a process. */
const HOSTED_VARIABLES = ['MILLRACE_SCANNER', 'MILLRACE_HASH_KEY'];

/** Whether a command may share a process (host.ts): nothing is asked for that is the process's own. */
function isHosted({ env = {}, stdin, isStdinOpen, bin, interrupt, isAlone = false }: RunSettings): boolean {
  const own = [stdin, isStdinOpen, bin, interrupt];
  const isPlain = Object.keys(env).every((name) => HOSTED_VARIABLES.includes(name));
  return !isAlone && isPlain && own.every((it) => it === undefined);
}

/** Runs the program. */
export async function runCommand(args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  const startedAtMs = performance.now();
  if (isHosted(settings)) {
    const env = { HOME: tmpdir(), ...CLEAN_ENV, ...settings.env };
    const { cwd = tmpdir(), timeoutMs = PROCESS_TIMEOUT_MS } = settings;
    const ended = await runInHost(env, { args, cwd, timeoutMs });
    return { ...ended, durationMs: performance.now() - startedAtMs, drainMs: null };
  }
  const child = spawn(process.execPath, [...NODE_FLAGS, settings.bin ?? BIN, ...args], {
    cwd: settings.cwd ?? tmpdir(),
    env: { HOME: tmpdir(), ...CLEAN_ENV, ...settings.env },
    stdio: [settings.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin?.write(settings.stdin!);
  if (!settings.isStdinOpen) child.stdin?.end();
  const interruption = interrupter(child, settings.interrupt);
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    child.kill('SIGKILL');
  }, settings.timeoutMs ?? PROCESS_TIMEOUT_MS);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  const sentAtMs = interruption.stop();
  const endedAtMs = performance.now();
  const drainMs = sentAtMs === null ? null : endedAtMs - sentAtMs;
  return { exitCode, ...output, isTimedOut, durationMs: endedAtMs - startedAtMs, drainMs };
}

function interrupter(child: ChildProcess, plan: RunSettings['interrupt']) {
  let sentAtMs: number | null = null;
  const timer = setInterval(() => {
    if (!plan?.when()) return;
    clearInterval(timer);
    sentAtMs = performance.now();
    for (const [i, signal] of plan.signals.entries()) setTimeout(() => child.kill(signal), i * SIGNAL_GAP_MS);
  }, 10);
  return {
    stop() {
      clearInterval(timer);
      return sentAtMs;
    },
  };
}

/** Never a whole second: a stream that was made then may be the one of a moment before, in the words of a protocol without milliseconds. */
function nowMs(): number {
  const ms = Date.now();
  return ms % 1000 === 0 ? ms + 1 : ms;
}

/** Resolves when the stream is neither being made nor changed. */
async function active(kinesis: LocalKinesis): Promise<void> {
  const summary = () => kinesis.call('DescribeStreamSummary', { StreamName: STREAM });
  const status = () => (summary() as Summary).StreamDescriptionSummary.StreamStatus;
  while (status() !== 'ACTIVE') await new Promise((resolve) => setTimeout(resolve, 20));
}
interface Summary {
  readonly StreamDescriptionSummary: { readonly StreamStatus: string };
}

export interface WorldOptions {
  readonly objects?: readonly FastS3Object[];
  /** Default 8. */
  readonly shards?: number;
  readonly kinesis?: LocalKinesisOptions;
  /** The stream is a provisioned one and keeps the limits of its shards. Default false. */
  readonly isProvisioned?: boolean;
}

/** The services of one test, and the folder that its processes share. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-commands-'));
  readonly journal = join(this.folder, 'run.journal');
  readonly letters = join(this.folder, 'run.dead.jsonl');
  readonly kinesis: LocalKinesis;
  readonly s3: FastS3;

  private constructor(kinesis: LocalKinesis, s3: FastS3) {
    this.kinesis = kinesis;
    this.s3 = s3;
  }

  static async open({ objects = [], shards = 8, kinesis = {}, isProvisioned }: WorldOptions): Promise<World> {
    const limits = isProvisioned ? 'real' : 'off';
    const [stream, store] = await Promise.all([
      startLocalKinesis({ streams: { [STREAM]: shards }, retainBytes: 256 << 20, limits, nowMs, ...kinesis }),
      startFastS3({ buckets: { [BUCKET]: objects } }),
    ]);
    const StreamModeDetails = { StreamMode: isProvisioned ? 'PROVISIONED' : 'ON_DEMAND' };
    await active(stream);
    stream.call('UpdateStreamMode', { StreamARN: stream.streamArn(STREAM), StreamModeDetails });
    await active(stream);
    return new World(stream, store);
  }

  /** With these objects, by key. */
  static withObjects(
    contents: Iterable<readonly [string, Uint8Array]>,
    options: WorldOptions = {},
  ): Promise<World> {
    return World.open({ objects: [...contents].map(([key, body]) => ({ key, body })), ...options });
  }

  /** Flags that every run of this world needs. */
  get flags(): string[] {
    return [
      ...['--stream', STREAM, '--journal', this.journal, '--dead-letter', this.letters],
      ...['--s3-endpoint-url', this.s3.endpoint, '--kinesis-endpoint-url', this.kinesis.endpoint],
      ...['--memory', '256MiB'],
    ];
  }

  /** Runs `backfill` on the whole bucket, or on `sources`. */
  backfill(
    flags: readonly string[] = [],
    settings: RunSettings & { sources?: readonly string[] } = {},
  ): Promise<Ended> {
    const { sources = [`s3://${BUCKET}/`], ...rest } = settings;
    return runCommand(['backfill', ...sources, ...this.flags, ...flags], { cwd: this.folder, ...rest });
  }

  /** Runs `backfill --json --quiet` and reads its report: it throws where stdout is not exactly one JSON document. */
  async report(
    flags: readonly string[] = [],
    settings: RunSettings & { sources?: readonly string[] } = {},
  ): Promise<{ report: BackfillReport; ended: Ended }> {
    const ended = await this.backfill([...flags, '--json', '--quiet'], settings);
    if (ended.isTimedOut) throw new Error(`The command hung: ${ended.stderr}`);
    const report = JSON.parse(ended.stdout || 'null');
    if (report?.run === undefined) throw new Error(`No report, exit ${ended.exitCode}: ${ended.stderr}`);
    return { report, ended };
  }

  /** Everything in the stream, shard by shard. */
  records() {
    return [...this.kinesis.records(STREAM)];
  }

  /** A copy of the stream with some change, while `use` lasts. */
  async withCopy<Answer>(
    change: (copied: { partitionKey: string; data: Buffer }[]) => void,
    use: (stream: string) => Promise<Answer>,
  ): Promise<Answer> {
    const StreamName = 'copy';
    const copied = this.records().map(({ partitionKey, data }) => ({ partitionKey, data }));
    change(copied);
    this.kinesis.call('CreateStream', { StreamName, ShardCount: 1 });
    for (const { partitionKey, data } of copied)
      this.kinesis.call('PutRecord', { StreamName, PartitionKey: partitionKey, Data: data });
    const answer = await use(StreamName);
    this.kinesis.call('DeleteStream', { StreamName });
    return answer;
  }

  /** The dead letters. */
  deadLetters(): DeadLetter[] {
    return deadLettersIn(this.letters);
  }

  /** Of each object their codes. */
  codesByKey(): Map<string, string[]> {
    const letters = Map.groupBy(this.deadLetters(), ({ key }) => key);
    return new Map([...letters].map(([key, own]) => [key, own.map(({ code }) => code).sort()]));
  }

  /** Those of another file. */
  deadLettersAt(path: string): DeadLetter[] {
    return deadLettersIn(path);
  }

  /** Every byte that the run left in its folder. */
  filesText(): string {
    const names = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n');
  }

  async close(): Promise<void> {
    await Promise.all([this.kinesis.close(), this.s3.close()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface DeadLetter {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly offset: number | null;
  readonly length: number | null;
  readonly code: string;
  readonly message: string;
  readonly data: string | null;
  readonly damage?: {
    readonly storedOffset: number;
    readonly offset: number | null;
    readonly unprovenFrom: number | null;
  };
}

function deadLettersIn(path: string): DeadLetter[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** Lines that say where they are from. */
export function linesFrom(name: string, count: number): Buffer {
  const from = JSON.stringify(name);
  return Buffer.from(Array.from({ length: count }, (_, i) => `{"from":${from},"i":${i}}\n`).join(''));
}

/** Lines of JSONL bytes that are not empty, as latin1 text: one character a byte, so that equal texts are equal bytes. */
export function linesOf(...contents: readonly Uint8Array[]): string[] {
  return contents.flatMap((content) => Buffer.from(content).toString('latin1').split('\n')).filter(Boolean);
}

/** How often each text stands in `found` minus how often it is wanted; only what differs. Empty: equal as multisets. */
export function differences(wanted: Iterable<string>, found: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (text: string, by: number) => {
    const sum = (counts.get(text) ?? 0) + by;
    if (sum === 0) counts.delete(text);
    else counts.set(text, sum);
  };
  for (const text of wanted) count(text, -1);
  for (const text of found) count(text, 1);
  return counts;
}

/** Data of records, as `linesOf` gives lines. */
export function dataOf(records: Iterable<{ readonly data: Buffer }>): string[] {
  return Array.from(records, ({ data }) => data.toString('latin1'));
}
