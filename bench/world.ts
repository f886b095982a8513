/**
 * World: an S3 origin, a Kinesis sink and contenders that carry from one to the other, each a process of its own.
 * Takes  what the origin holds and how many shards the sink has, and whether both speak TLS; then the command line of a contender, run by run.
 * Gives  wall seconds, CPU seconds and peak memory of the contender alone.
 * Owns   the child processes, and a folder for journals that goes with them.
 *
 *   [origin: bench/server.ts] --loopback--> [contender] --loopback--> [sink: bench/server.ts]
 *      cores 0 .. n/4                        the others                  cores 0 .. n/4
 *
 * With fewer than four cores nothing is pinned, and CPU-seconds are the figure to look at.
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { BENCH_AUTHORITY } from './certificate.ts';
import { nodeFlagsOf } from './node-flags.ts';
import { costOf } from './process-cost.ts';
import type { Digest, OriginReady, OriginSpec, SinkSpec } from './server.ts';
import { ThreadCost, type ThreadSeconds } from './thread-cost.ts';

/** What one run of a contender cost. */
export interface Cost {
  readonly wallSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
  /** Resident memory, twice a second from start to end; empty where the system does not tell. */
  readonly rssBytes: readonly number[];
  /** Thread by thread; zero where the system does not tell. */
  readonly threads: ThreadSeconds;
  readonly exitCode: number;
  readonly stdout: string;
}

const PINNED_CORES_MIN = 4;
const USAGE = fileURLToPath(new URL('usage.mjs', import.meta.url));
const HERE = fileURLToPath(new URL('..', import.meta.url));
const RSS_INTERVAL_MS = 500;
const THREADS_INTERVAL_MS = 50;

/** Whether processes can be told their cores. */
export function canPin(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Cores for servers, and the first and last one for contenders; or null: nothing is pinned. */
function pinning(): { servers: string; first: number; last: number } | null {
  const cores = availableParallelism();
  if (cores < PINNED_CORES_MIN || !canPin()) return null;
  const serverCores = cores >> 2;
  return { servers: `0-${serverCores - 1}`, first: serverCores, last: cores - 1 };
}

/** The command, with the cores that a contender may have in front of it, where they can be told. */
function pinned(command: readonly string[], cores?: number): string[] {
  const pins = pinning();
  const first = pins?.first ?? 0;
  const last = cores === undefined ? pins?.last : first + cores - 1;
  return last === undefined ? [...command] : ['taskset', '-ac', `${first}-${last}`, ...command];
}

/** How many cores a contender may have at most. */
export function contenderCores(): number {
  const pins = pinning();
  return pins === null ? availableParallelism() : pins.last - pins.first + 1;
}

/** Resident memory of a process now, or null where the system does not tell. */
function residentBytes(pid: number): number | null {
  try {
    const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line === null ? null : Number(line[1]) * 1024;
  } catch {
    return null;
  }
}

/** What a run may be given. */
export interface RunSettings {
  /** The contender gets so many cores and no more; default: all that are not the servers'. */
  readonly cores?: number;
  /** The checkout of Millrace that is run; default: this one. */
  readonly folder?: string;
  /** Variables of the environment beside those that every contender has. */
  readonly env?: Readonly<Record<string, string>>;
}

async function startServer(
  spec: OriginSpec | SinkSpec,
): Promise<{ child: ChildProcess; ready: OriginReady }> {
  const child = fork(new URL('server.ts', import.meta.url));
  const pins = pinning();
  if (pins !== null) execFileSync('taskset', ['-acp', pins.servers, `${child.pid}`], { stdio: 'ignore' });
  child.send(spec);
  const [ready] = await once(child, 'message');
  return { child, ready };
}

/** What Node is started with for `backfill` in a world: as `npm run millrace` and the first line of bin.mjs do it. */
export function backfillArguments(flags: readonly string[], folder = HERE): string[] {
  const command = ['backfill', 's3://bench/events/', '--stream', 'bench', '--restart', '--json', '--quiet'];
  return [...nodeFlagsOf(folder), join(folder, 'src/bin.mjs'), ...command, ...flags];
}

export class World {
  /** Bytes and lines of the origin, uncompressed. */
  readonly bytes: number;
  readonly lines: number;
  readonly #origin: { child: ChildProcess; ready: OriginReady };
  readonly #sink: { child: ChildProcess; ready: { endpoint: string } };
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(
    origin: { child: ChildProcess; ready: OriginReady },
    sink: { child: ChildProcess; ready: { endpoint: string } },
  ) {
    this.#origin = origin;
    this.#sink = sink;
    this.bytes = origin.ready.bytes;
    this.lines = origin.ready.lines;
    const authority = join(this.#folder, 'authority.pem');
    writeFileSync(authority, BENCH_AUTHORITY);
    this.#environment = {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: origin.ready.endpoint,
      AWS_ENDPOINT_URL_KINESIS: sink.ready.endpoint,
      // SDKs, Node and OpenSSL each have a name of their own for it.
      AWS_CA_BUNDLE: authority,
      NODE_EXTRA_CA_CERTS: authority,
      SSL_CERT_FILE: authority,
    };
  }

  static async start(origin: Omit<OriginSpec, 'kind'>, sink: Omit<SinkSpec, 'kind'>): Promise<World> {
    return new World(
      await startServer({ kind: 'origin', ...origin }),
      await startServer({ kind: 'sink', ...sink }),
    );
  }

  /**
   * Runs a program of any language to its end, and measures it and its children from outside.
   * @throws Where it does not end with 0.
   */
  exec(command: readonly string[]): Promise<Cost> {
    return costOf(pinned(command), { cwd: this.#folder, env: this.#environment });
  }

  /** Runs one process of Node to its end, and measures it from its start. @throws Where it does not end with 0. */
  async run(args: readonly string[], settings: RunSettings = {}): Promise<Cost> {
    const command = pinned([process.execPath, '--import', USAGE, ...args], settings.cores);
    const startMs = performance.now();
    const child = spawn(command[0]!, command.slice(1), {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      env: { ...this.#environment, ...settings.env },
    });
    const rssBytes: number[] = [];
    const sampler = setInterval(() => {
      const bytes = residentBytes(child.pid!);
      if (bytes !== null && bytes > 0) rssBytes.push(bytes);
    }, RSS_INTERVAL_MS);
    const threadCost = new ThreadCost(child.pid!);
    const watch = setInterval(() => threadCost.look(), THREADS_INTERVAL_MS);
    const [stdout, usage, [exitCode]] = await Promise.all([
      text(child.stdout!),
      text(child.stdio[3] as NonNullable<typeof child.stdout>),
      once(child, 'exit'),
    ]).finally(() => {
      clearInterval(sampler);
      clearInterval(watch);
    });
    const wallSeconds = (performance.now() - startMs) / 1000;
    const threads = threadCost.seconds();
    if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}: ${stdout}`);
    const { userSeconds, systemSeconds, rssPeakBytes } = JSON.parse(usage);
    const cpuSeconds = userSeconds + systemSeconds;
    return {
      ...{ wallSeconds, userSeconds, systemSeconds, cpuSeconds, threads },
      ...{ rssPeakBytes, rssBytes, exitCode, stdout },
    };
  }

  /** The engine as users run it, journal included; stdout is its report. @throws Where a record is missing in its books. */
  async backfill(flags: readonly string[], settings: RunSettings = {}): Promise<Cost> {
    const cost = await this.run(backfillArguments(flags, settings.folder), settings);
    const { delivered } = JSON.parse(cost.stdout).records;
    if (delivered !== this.lines && !flags.includes('--dry-run'))
      throw new Error(`Delivered ${delivered} of ${this.lines} records`);
    return cost;
  }

  /** @throws Unless the sink, started with `discard: false`, holds exactly the origin's lines. */
  async checkDelivered(contender: string): Promise<void> {
    this.#sink.child.send('digest');
    const [found] = (await once(this.#sink.child, 'message')) as [Digest];
    const wanted = this.#origin.ready.digest;
    if (found.records !== wanted.records || found.sum !== wanted.sum) {
      throw new Error(
        `${contender} delivered ${found.records} records of ${wanted.records}, sum ${found.sum}, not ${wanted.sum}`,
      );
    }
  }

  async close(): Promise<void> {
    const ends = [this.#origin, this.#sink].map(({ child }) => {
      const end = once(child, 'exit');
      child.disconnect();
      return end;
    });
    await Promise.all(ends);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
