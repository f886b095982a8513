/**
 * Consumers: other people's programs that read a stream, each as a process of its own: the sources are under consumers/.
 * Takes  a stream of the embedded Kinesis.
 * Gives  the records that an application on each of them is shown, in order.
 * Owns   the processes. They end with the test, however it ends.
 * Never  judges, and decodes nothing: the consumers do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { STREAM, type World } from '../commands/fixture.ts';

const FOLDER = import.meta.dirname;
const INSTALLED = join(FOLDER, '.installed');

/** A record as a consumer prints it. */
export interface ShownRecord {
  readonly shardId: string;
  readonly partitionKey: string;
  readonly data: Buffer;
}

interface Plan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const KCL = ['-cp', `${join(INSTALLED, 'kcl', 'classes')}:${join(INSTALLED, 'kcl', 'lib', '*')}`, 'Consumer'];
/** Small heaps that stay small: several run beside everything else. */
const JAVA = [
  ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
];

/** The AggregatorUtil of the Kinesis Client Library over raw records, with the hash range of their shard. */
export const shownByAggregatorUtil = (world: World) =>
  shownBy(
    { name: 'the AggregatorUtil', command: 'java', args: [...JAVA, ...KCL, 'deaggregate'] },
    rawLines(world),
  );

/** The deaggregator for Go over raw records. It knows no hash ranges. */
export const shownByGo = (world: World) =>
  shownBy(
    { name: 'the Go deaggregator', command: join(INSTALLED, 'bin', 'go-consumer'), args: [] },
    rawLines(world),
  );

/** boto3, which reads in JSON, and aws_kinesis_agg, which knows no hash ranges. */
export const shownByPython = (world: World) =>
  shownBy(
    {
      name: 'aws_kinesis_agg',
      command: join(INSTALLED, 'python', 'bin', 'python'),
      args: [join(FOLDER, 'consumers', 'python', 'consumer.py'), STREAM, world.kinesis.endpoint],
    },
    [],
  );

function start({ command, args }: Plan) {
  // The parent may be killed: only the system can end the child then.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', command, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-8_192)));
  // One that ends early says so by its exit code, and reads no more.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, ended, stderr: () => stderr };
}

function recordOf(line: string): ShownRecord {
  const { shardId, partitionKey, data } = JSON.parse(line);
  return { shardId, partitionKey, data: Buffer.from(data, 'base64') };
}

/** Gives a consumer its input and waits for its end. @throws When it fails, with what it printed. */
async function shownBy(plan: Plan, input: Iterable<string>): Promise<ShownRecord[]> {
  const { child, ended, stderr } = start(plan);
  const shown: ShownRecord[] = [];
  createInterface(child.stdout).on('line', (line) => shown.push(recordOf(line)));
  for (const line of input)
    if (!child.stdin.write(line)) await Promise.race([once(child.stdin, 'drain'), ended]);
  child.stdin.end();
  const code = await ended;
  if (code !== 0) throw new Error(`${plan.name} ended with ${code}: ${stderr()}`);
  return shown;
}

/** Every record that the stream holds, as it lies there, with the range of its shard. */
function* rawLines(world: World): Generator<string> {
  const { Shards } = world.kinesis.call('ListShards', { StreamName: STREAM }) as {
    Shards: { ShardId: string; HashKeyRange: { StartingHashKey: string; EndingHashKey: string } }[];
  };
  const ranges = new Map(Shards.map(({ ShardId, HashKeyRange }) => [ShardId, HashKeyRange]));
  for (const { shardId, sequenceNumber, partitionKey, data } of world.kinesis.records(STREAM)) {
    const { StartingHashKey: startingHashKey, EndingHashKey: endingHashKey } = ranges.get(shardId)!;
    const raw = { shardId, sequenceNumber, partitionKey, data: Buffer.from(data).toString('base64') };
    yield `${JSON.stringify({ ...raw, startingHashKey, endingHashKey })}\n`;
  }
}

/** Numbers by key of a numbered source (test/commands/key-order.ts), in the order in which they were shown. */
export function numbersOf(shown: Iterable<ShownRecord>): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const { partitionKey, data } of shown) {
    const { k, n } = JSON.parse(data.toString());
    if (k !== partitionKey) throw new Error(`A record of ${k} came with partition key ${partitionKey}`);
    const seen = numbers.get(k);
    if (seen) seen.push(n);
    else numbers.set(k, [n]);
  }
  return numbers;
}

/** The Kinesis Client Library itself, live. */
export class KclApplication {
  readonly shown: ShownRecord[] = [];
  readonly #process: ReturnType<typeof start>;
  #onShown: (() => void) | null = null;

  /** @param dynamoEndpoint Where its leases are kept. */
  constructor(application: string, world: World, dynamoEndpoint: string) {
    const args = [...JAVA, ...KCL, 'watch', STREAM, application, world.kinesis.endpoint, dynamoEndpoint];
    this.#process = start({ name: 'the Kinesis Client Library', command: 'java', args });
    createInterface(this.#process.child.stdout).on('line', (line) => {
      this.shown.push(recordOf(line));
      this.#onShown?.();
    });
  }

  /** Resolves when what was shown is enough; rejects when the application ends before. */
  async until(isEnough: (shown: readonly ShownRecord[]) => boolean): Promise<void> {
    const seen = new Promise<'seen'>((resolve) => {
      this.#onShown = () => {
        if (isEnough(this.shown)) resolve('seen');
      };
      this.#onShown();
    });
    const first = await Promise.race([seen, this.#process.ended]);
    this.#onShown = null;
    if (first !== 'seen')
      throw new Error(`The Kinesis Client Library ended with ${first}: ${this.#process.stderr()}`);
  }

  async close(): Promise<void> {
    this.#process.child.kill('SIGKILL');
    await this.#process.ended;
  }
}
