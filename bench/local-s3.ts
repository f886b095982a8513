/**
 * Question: how many MB/s does the fast S3 serve, and can it be the bottleneck of other benches?
 * Workload: 8 MiB ranges of 64 MiB generated objects, seed 42, read and thrown away.
 * Topology: [this process: N connections] --loopback--> [node src/embedded/serve.ts --s3, one process, one thread]
 * Run: `node bench/local-s3.ts [--seconds 3] [--connections 4] [--keep FOLDER] [--smoke]`. --smoke: 8 requests.
 */
import { strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { report } from './report.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '4' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const RANGE_BYTES = 8 * 1024 * 1024;
const RANGES_PER_OBJECT = values.smoke ? 1 : 8;
const OBJECTS = 4;
const SMOKE_REQUESTS = 8;
/** Linux counts process times in hundredths of a second. */
const TICKS_PER_SECOND = 100;

const script = new URL('../src/embedded/serve.ts', import.meta.url).pathname;
const server = spawn(
  process.execPath,
  [script, '--s3', 'bench', '--s3-generate', `events:${OBJECTS}:${8 * RANGES_PER_OBJECT + 1}MiB:684`],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);
const [line] = await once(createInterface({ input: server.stdout }), 'line');
const endpoint = new URL(JSON.parse(line).s3);

/**
 * One keep-alive connection that reads into one buffer. node:http on this side takes a whole core for 1 GB/s and would hide the server.
 */
class Reader {
  readonly #socket: Socket;
  #left = 0;
  #done: (() => void) | undefined;

  constructor() {
    const buffer = new Uint8Array(1024 * 1024);
    const callback = (length: number, bytes: Uint8Array) => this.#take(Buffer.from(bytes.buffer, 0, length));
    this.#socket = connect({
      host: endpoint.hostname,
      port: Number(endpoint.port),
      onread: { buffer, callback },
    });
  }

  /** @returns Bytes of the body. */
  async read(index: number): Promise<number> {
    const key = `events/${String(index % OBJECTS).padStart(5, '0')}.jsonl`;
    const from = (Math.floor(index / OBJECTS) % RANGES_PER_OBJECT) * RANGE_BYTES;
    this.#socket.write(
      `GET /bench/${key} HTTP/1.1\r\nhost: bench\r\nrange: bytes=${from}-${from + RANGE_BYTES - 1}\r\n\r\n`,
    );
    await new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    return RANGE_BYTES;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): boolean {
    if (this.#left > 0) this.#left -= bytes.length;
    else {
      const headBytes = bytes.indexOf('\r\n\r\n') + 4;
      const head = bytes.toString('latin1', 0, headBytes).toLowerCase();
      strictEqual(head.startsWith('http/1.1 206'), true);
      strictEqual(head.includes(`content-length: ${RANGE_BYTES}\r\n`), true);
      this.#left = RANGE_BYTES - (bytes.length - headBytes);
    }
    if (this.#left === 0) this.#done?.();
    return true;
  }
}

function serverCpuSeconds(): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const ownBefore = process.cpuUsage();
const cpuBefore = serverCpuSeconds();
const startedAt = performance.now();
let requests = 0;
let bytes = 0;
const isOver = () =>
  values.smoke ? requests >= SMOKE_REQUESTS : performance.now() - startedAt > Number(values.seconds) * 1000;
const connection = async () => {
  const reader = new Reader();
  while (!isOver()) {
    const received = await reader.read(requests++);
    bytes += received;
  }
  reader.close();
};
await Promise.all(Array.from({ length: Number(values.connections) }, connection));
const wallSeconds = (performance.now() - startedAt) / 1000;
strictEqual(bytes, requests * RANGE_BYTES);
const own = process.cpuUsage(ownBefore);
const cpuSeconds = serverCpuSeconds() - cpuBefore;
const row = { case: `ranges of 8 MiB, ${values.connections} connections`, contender: 'fast S3' };
report(
  'how fast is the S3 that feeds other benches?',
  [
    { ...row, metric: 'MB/s', values: [bytes / 1e6 / wallSeconds] },
    { ...row, metric: 'requests', values: [requests] },
    // A short run may end within one hundredth of a second.
    { ...row, metric: 'server CPU s', values: [Math.max(cpuSeconds, 1 / TICKS_PER_SECOND)] },
    {
      ...row,
      metric: 'MB per CPU-s of the server',
      values: [bytes / 1e6 / Math.max(cpuSeconds, 1 / TICKS_PER_SECOND)],
    },
    { ...row, metric: 'client CPU s', values: [(own.user + own.system) / 1e6] },
  ],
  { keep: values.keep },
);
server.kill('SIGTERM');
await once(server, 'exit');
