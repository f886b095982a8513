/**
 * Server process: an embedded server (serve.ts) as a process of its own, so that its CPU time and memory are nobody else's.
 * Takes  the flags of serve.ts. Gives its endpoint.
 * Owns   the process. It ends when it is closed, and when this process ends, however that happens: its stdin ends then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { entryFile } from '../base/package-root.ts';

export interface ServerProcess {
  readonly endpoint: string;
  close(): Promise<void>;
}

const SERVE = fileURLToPath(entryFile('serve'));

/** @throws Where the process ends before it is ready; what it said went to this process's stderr. */
export async function startServerProcess(
  kind: 's3' | 'kinesis',
  flags: readonly string[],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [SERVE, ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A process group of its own: Ctrl-C is for the command, which still needs its servers for an orderly end.
    detached: true,
  });
  const exited = once(child, 'exit');
  const ready = once(createInterface({ input: child.stdout! }), 'line');
  const [first] = await Promise.race([ready, exited.then(() => [null])]);
  if (typeof first !== 'string')
    throw new Error(`The embedded ${kind} did not start (exit ${child.exitCode})`);
  const endpoint: string = JSON.parse(first)[kind];
  return { endpoint, close: () => end(child, exited) };
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.stdin!.end();
  await exited;
}
