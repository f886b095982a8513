/**
 * Hang watch: what the main thread does about threads that stand still.
 * Takes  the heartbeats of a run's threads.
 * Gives  the first thread that hangs, which ends the run. One that only stands in code that others wrote, behind an `await`, is stopped
 *        there and goes on.
 * Owns   the way to stop JavaScript of another thread without ending it: the inspector's, within this process. No port is opened.
 */
import { HANG_MS, HeartMonitor } from '../ring/heartbeat.ts';

/**
 * Node's flags for a thread whose JavaScript may be stopped: what it was within is then left without the marks of async hooks that Node counts,
 * and would abort the process for.
 * @param execArgv Those of this process. A thread that is given some inherits none, and takes none that are V8's.
 */
export function stoppableFlags(execArgv: readonly string[]): string[] {
  const kept = execArgv.flatMap((flag, i) => {
    if (INHERITED.test(flag)) return [flag];
    return INHERITED_PAIRS.test(flag) && i + 1 < execArgv.length ? [flag, execArgv[i + 1]!] : [];
  });
  return [...kept, '--no-force-async-hooks-checks'];
}

const INHERITED =
  /^(--(import|require|conditions|experimental-loader)=|--(enable-source-maps|preserve-symlinks)$)/;
const INHERITED_PAIRS = /^(--(import|require|conditions|experimental-loader)|-[rC])$/;

export class HangWatch {
  readonly #monitor: HeartMonitor;
  #canStop = true;

  constructor(heartbeats: SharedArrayBuffer) {
    this.#monitor = new HeartMonitor(heartbeats);
  }

  /** @returns The thread that hangs, 0-based, or null. To be called a few times a second. */
  look(): number | null {
    const hanging = this.#monitor.findHanging(performance.now(), HANG_MS);
    if (hanging !== null || !this.#canStop) return hanging;
    for (const { index, threadId } of this.#monitor.takeStanding()) void this.#stop(index, threadId);
    return null;
  }

  async #stop(index: number, threadId: number): Promise<void> {
    const isStopped = await stopJavaScript(threadId).catch(() => false);
    this.#canStop &&= isStopped;
    this.#monitor.endStanding(index, isStopped);
  }
}

interface WorkerEvent {
  readonly params: {
    readonly sessionId: string;
    readonly workerInfo: { readonly title: string };
    readonly message: string;
  };
}

const MESSAGE_ID = 1;

/**
 * Ends what a thread is executing, microtasks that wait behind it included; its event loop goes on.
 * @returns Resolves when it has ended; false: there is no such thread, or no inspector.
 */
async function stopJavaScript(threadId: number): Promise<boolean> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const on = (event: string, take: (told: WorkerEvent['params']) => void) =>
    session.on(event, ({ params }: WorkerEvent) => take(params));
  on('NodeWorker.attachedToWorker', ({ sessionId, workerInfo }) => {
    // Its `workerId` is the inspector's own.
    if (!workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
    const message = JSON.stringify({ id: MESSAGE_ID, method: 'Runtime.terminateExecution' });
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
  });
  on('NodeWorker.receivedMessageFromWorker', ({ message }) => {
    if ((JSON.parse(message) as { id?: number }).id === MESSAGE_ID) resolve(true);
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => error && resolve(false));
  const isStopped = await promise;
  session.disconnect();
  return isStopped;
}
