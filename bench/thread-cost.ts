/**
 * Thread cost: how long the threads of another process have been on a processor.
 * Takes  a process id, and looks at it again and again while it runs.
 * Gives  CPU seconds of its main thread, of each worker in the order of their start, and of all others together.
 * Never  sees what a thread does after the last look; where the system has no /proc, nothing at all.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ThreadSeconds {
  readonly main: number;
  /** In the order of their start. */
  readonly workers: readonly number[];
  /** The collector's and compiler's helpers, and the platform's pool. */
  readonly helpers: number;
}

/** What the kernel calls a thread that Node starts for a Worker. */
const WORKER_NAME = 'WorkerThread';

export class ThreadCost {
  readonly #pid: number;
  readonly #threads = new Map<number, { readonly name: string; readonly seconds: number }>();

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** A thread that has ended keeps what was seen of it last. */
  look(): void {
    try {
      for (const id of readdirSync(`/proc/${this.#pid}/task`)) this.#lookAt(Number(id));
    } catch {
      // A thread or all of them have ended, or this is not Linux.
    }
  }

  seconds(): ThreadSeconds {
    const seen = [...this.#threads].sort(([one], [other]) => one - other);
    const workers = seen.filter(([, { name }]) => name === WORKER_NAME).map(([, { seconds }]) => seconds);
    const main = this.#threads.get(this.#pid)?.seconds ?? 0;
    const all = seen.reduce((sum, [, { seconds }]) => sum + seconds, 0);
    return { main, workers, helpers: all - main - workers.reduce((sum, one) => sum + one, 0) };
  }

  #lookAt(id: number): void {
    const folder = `/proc/${this.#pid}/task/${id}`;
    const [onCpuNs] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    const name = readFileSync(`${folder}/comm`, 'utf8').trim();
    this.#threads.set(id, { name, seconds: Number(onCpuNs) / 1e9 });
  }
}
