/**
 * Service: somebody else's program as a process of this test's own, on a free port of loopback.
 * Takes  a command line, made for a port, and the text that the program prints when it is ready.
 * Gives  its endpoint, once it has said so and takes connections.
 * Owns   the process. It is ended by `close`, and by the system when the process of the test is gone, however that ended.
 * Never  installs anything: test/services/install does. What is missing is an error that says so.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A service that is not ready by then hangs. */
const READY_TIMEOUT_MS = 50_000;
/** One that does not end on SIGTERM by then is killed. */
const END_TIMEOUT_MS = 5_000;
const OUTPUT_KEPT_CHARS = 4_096;

export interface Service {
  /** Like http://127.0.0.1:12345. */
  readonly endpoint: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServicePlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it prints when it is ready; where there is a group, that is the port, which the service has chosen. */
  readonly readyPattern: RegExp;
}

/** A port that nobody listens on. Somebody else may be quicker: see `startService`. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a service and waits until it is ready.
 * @param planFor Called with a free port; once more, with others, where another process took that one in the meantime.
 */
export async function startService(planFor: (port: number) => ServicePlan | Promise<ServicePlan>) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const plan = await planFor(port);
    try {
      return await startOn(port, plan);
    } catch (error) {
      if (attempt === 3 || !/address (is )?already in use|EADDRINUSE/i.test(String(error))) throw error;
    }
  }
}

async function startOn(chosenPort: number, plan: ServicePlan): Promise<Service> {
  const { name, command, args, env, cwd, readyPattern } = plan;
  // The parent may be killed: only the system can end the child then.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', command, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    const [, said] = await readiness(child, name, readyPattern);
    const port = said === undefined ? chosenPort : Number(said);
    await untilConnected(port, child);
    return { endpoint: `http://127.0.0.1:${port}`, port, close: () => end(child, ended) };
  } catch (error) {
    await end(child, ended);
    throw error;
  }
}

function readiness(child: ChildProcess, name: string, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (reason: string) =>
      reject(
        new Error(`${name} ${reason}. Is it installed, by test/services/install? It printed: ${output}`),
      );
    const timer = setTimeout(() => fail(`was not ready within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
    const onText = (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT_CHARS);
      const match = pattern.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match);
    };
    child.stdout!.setEncoding('utf8').on('data', onText);
    child.stderr!.setEncoding('utf8').on('data', onText);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('close', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code} before it was ready`);
    });
  });
}

/** Some say that they are ready a moment before they listen. */
async function untilConnected(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isConnected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isConnected) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`The service ended before it took a connection on port ${port}`);
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
