/**
 * Hang watch: what the main thread does about threads that stand still.
 * Takes  the heartbeats of a run's threads.
 * Gives  the first thread that hangs, which ends the run. One that only stands in code that others wrote, behind an `await`, is stopped
 *        there and goes on.
 * Owns   the way to stop JavaScript of another thread without ending it: the inspector's, within this process. No port is opened.
 * Never  strikes code of our own alone: the thread is held first, and stopped only where code of others is among what it is within. What had come back by
 *        then goes on, and no handler of ours is lost.
 */
import { packageRoot } from '../base/package-root.ts';
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
  readonly #isOwn: (url: string) => boolean;
  #canStop = true;

  /** @param isOwn Whether a script is ours, or Node's. */
  constructor(heartbeats: SharedArrayBuffer, isOwn: (url: string) => boolean = ownScripts()) {
    this.#monitor = new HeartMonitor(heartbeats);
    this.#isOwn = isOwn;
  }

  /** @returns The thread that hangs, 0-based, or null. To be called a few times a second. */
  look(): number | null {
    const hanging = this.#monitor.findHanging(performance.now(), HANG_MS);
    if (hanging !== null || !this.#canStop) return hanging;
    for (const { index, threadId } of this.#monitor.takeStanding()) void this.#stop(index, threadId);
    return null;
  }

  async #stop(index: number, threadId: number): Promise<void> {
    const end = await stopJavaScript(threadId, this.#isOwn).catch(() => 'impossible' as const);
    if (end === 'impossible') this.#canStop = false;
    this.#monitor.endStanding(index, end === 'stopped');
  }
}

/** Scripts in our folders, packages of ours among them. What was made by `eval` has no name and is nobody's. */
function ownScripts(): (url: string) => boolean {
  const folders = ['src/', 'workers/', 'dist/', 'node_modules/'].map(
    (name) => new URL(name, packageRoot()).href,
  );
  return (url) => url.startsWith('node:') || folders.some((folder) => url.startsWith(folder));
}

interface WorkerEvent {
  readonly params: {
    readonly sessionId: string;
    readonly workerInfo: { readonly title: string };
    readonly message: string;
  };
}

/** What the inspector of a thread says. */
type Told =
  | { readonly id: number }
  | { readonly method: 'Debugger.scriptParsed'; readonly params: { scriptId: string; url: string } }
  | {
      readonly method: 'Debugger.paused';
      readonly params: { callFrames: readonly { location: { scriptId: string } }[] };
    };

/** What became of the wish to stop a thread. `came-back`: it was in no code of others any more, and goes on as if nothing had been. */
type StopEnd = 'stopped' | 'came-back' | 'impossible';

const COMMANDS = [
  'Debugger.enable',
  'Debugger.pause',
  'Runtime.terminateExecution',
  'Debugger.resume',
] as const;

/**
 * Ends what a thread is executing, where code of others is a part of that, microtasks that wait behind it included; its event loop goes on.
 * @returns Resolves when it has ended, or goes on. `impossible`: there is no such thread, or no inspector.
 */
async function stopJavaScript(threadId: number, isOwn: (url: string) => boolean): Promise<StopEnd> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  const { promise, resolve } = Promise.withResolvers<StopEnd>();
  const on = (event: string, take: (told: WorkerEvent['params']) => void) =>
    session.on(event, ({ params }: WorkerEvent) => take(params));
  const urls = new Map<string, string>();
  let sent = '';
  let end: StopEnd = 'came-back';
  const send = (method: (typeof COMMANDS)[number]) => {
    const message = JSON.stringify({ id: COMMANDS.indexOf(method), method });
    session.post('NodeWorker.sendMessageToWorker', { sessionId: sent, message });
  };
  on('NodeWorker.attachedToWorker', ({ sessionId, workerInfo }) => {
    // Its `workerId` is the inspector's own.
    if (!workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
    sent = sessionId;
    send('Debugger.enable');
    send('Debugger.pause');
  });
  on('NodeWorker.detachedFromWorker', ({ sessionId }) => sessionId === sent && resolve('came-back'));
  on('NodeWorker.receivedMessageFromWorker', ({ sessionId, message }) => {
    if (sessionId !== sent) return;
    const told = JSON.parse(message) as Told;
    if ('id' in told) {
      if (COMMANDS[told.id] === (end === 'stopped' ? 'Runtime.terminateExecution' : 'Debugger.resume'))
        resolve(end);
    } else if (told.method === 'Debugger.scriptParsed') urls.set(told.params.scriptId, told.params.url);
    else if (told.method === 'Debugger.paused') {
      const { callFrames } = told.params;
      const isOthers = callFrames.some(({ location }) => !isOwn(urls.get(location.scriptId) ?? ''));
      if (isOthers) {
        end = 'stopped';
        send('Runtime.terminateExecution');
      }
      send('Debugger.resume');
    }
  });
  session.post(
    'NodeWorker.enable',
    { waitForDebuggerOnStart: false },
    (error) => error && resolve('impossible'),
  );
  const ended = await promise;
  session.disconnect();
  return ended;
}
