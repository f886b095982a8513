/**
 * Hosts: processes in which commands run one after another, which costs half of what a process for each does.
 * For commands whose test looks at what they print, send and write, and at their exit code. One that gets signals, stdin or an environment of
 * its own, and one whose start, end or memory is what is looked at, is a process of its own (fixture.ts).
 * Takes  arguments, the folder to stand in, and how long it may take. Gives  what was printed, and the exit code.
 * Owns   the processes, until `endHosts`. One that ends under a command was that command's process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { NODE_FLAGS } from '../../bench/node-flags.ts';

const HOST = join(import.meta.dirname, 'host.mjs');
/** So that what commands leave in memory stays small. */
const COMMANDS_MAX = 25;

export interface HostedCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly timeoutMs: number;
}
export interface Hosted {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isTimedOut: boolean;
}

class Host {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #said = { stdout: '', stderr: '' };
  #commands = 0;
  #onSaid = () => {};
  isClosed = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, [...NODE_FLAGS, HOST], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const name of ['stdout', 'stderr'] as const)
      this.#child[name]!.setEncoding('utf8').on('data', (text: string) => {
        this.#said[name] += text;
        this.#onSaid();
      });
    // Not its event `close`, which a process with a channel for messages does not always have.
    const { stdout, stderr } = this.#child;
    const parts = [once(this.#child, 'exit'), once(stdout!, 'close'), once(stderr!, 'close')];
    this.#closed = Promise.all(parts).then(() => (this.isClosed = true));
  }

  get isSpent(): boolean {
    return this.isClosed || this.#commands >= COMMANDS_MAX;
  }

  async run({ args, cwd, timeoutMs }: HostedCommand): Promise<Hosted> {
    this.#commands += 1;
    Object.assign(this.#said, { stdout: '', stderr: '' });
    const mark = `\0${randomUUID()}`;
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      this.#child.kill('SIGKILL');
    }, timeoutMs);
    const isSaid = new Promise<void>((resolve) => {
      this.#onSaid = () => Object.values(this.#said).every((text) => text.endsWith(mark)) && resolve();
    });
    const over = once(this.#child, 'message').then(async ([{ exitCode }]) => {
      await isSaid;
      return exitCode as number;
    });
    this.#child.send({ args, cwd, mark });
    const exitCode = await Promise.race([over, this.#closed.then(() => this.#child.exitCode)]);
    clearTimeout(timer);
    const { stdout, stderr } = this.#said;
    return { exitCode, stdout: stdout.replace(mark, ''), stderr: stderr.replace(mark, ''), isTimedOut };
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#closed;
  }
}

const all = new Set<Host>();
/** By their environments. */
const idle = new Map<string, Set<Host>>();

/** Runs a command. @param env The whole environment. */
export async function runInHost(env: NodeJS.ProcessEnv, command: HostedCommand): Promise<Hosted> {
  const kind = JSON.stringify(env);
  const hosts = idle.get(kind) ?? new Set();
  idle.set(kind, hosts);
  const [host = new Host(env)] = hosts;
  all.add(host);
  hosts.delete(host);
  const ended = await host.run(command);
  if (host.isSpent) void host.end().then(() => all.delete(host));
  else hosts.add(host);
  return ended;
}

/** Ends all of them. */
export async function endHosts(): Promise<void> {
  await Promise.all([...all].map((host) => host.end()));
  all.clear();
  idle.clear();
}
