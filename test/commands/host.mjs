/**
 * Host: a process that runs one command after another, each through the program's own front door (host.ts says for whom).
 * Takes  by message: the arguments, the folder to stand in, and a mark.
 * Gives  what the command prints, the mark behind it on stdout and stderr, and by message the exit code that its process would have had.
 *        A command is over when nothing is left to wait for, as a process is; whatever ends a process at once ends this one, too.
 * Never  lets anything of a command reach the next one: environment, listeners, exit code, the timer that ends a process that is held.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const BIN = new URL('../../src/bin.mjs', import.meta.url).href;
const ENVIRONMENT = { ...process.env };
const EVENTS = ['exit', 'uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM', 'SIGHUP'];
const ours = new Map(EVENTS.map((event) => [event, process.listeners(event)]));
/** Node's exit code when nothing is left to run and something is still awaited. */
const UNSETTLED = 13;

const commands = new AsyncLocalStorage();
let count = 0;
let running = null;
/** Listeners of a process's end are being told of it: one that ends the process at once finds that nothing is left to do. */
let isOver = false;

const exit = process.exit.bind(process);
process.exit = (code) => {
  if (isOver) return;
  // Of an earlier command, whose process would no longer be there.
  const store = commands.getStore();
  if (store === undefined || store === running) exit(code);
};
process.on('disconnect', () => exit(0));
process.on('message', ({ args, cwd, mark }) => {
  process.chdir(cwd);
  process.argv = [process.execPath, BIN, ...args];
  count += 1;
  running = { mark, isSettled: false };
  process.channel.unref();
  commands.run(running, async () => {
    const own = running;
    await import(`${BIN}?${count}`); // a rejection ends the process, as it does everywhere
    own.isSettled = true;
  });
});
process.on('beforeExit', () => {
  if (running === null) return;
  const { mark, isSettled } = running;
  if (!isSettled) exit(UNSETTLED);
  const exitCode = process.exitCode ?? 0;
  isOver = true;
  for (const event of EVENTS)
    for (const listener of process.listeners(event)) {
      if (ours.get(event).includes(listener)) continue;
      if (event === 'exit') listener.call(process, exitCode);
      process.removeListener(event, listener);
    }
  isOver = false;
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  for (const name of Object.keys(process.env)) if (!(name in ENVIRONMENT)) delete process.env[name];
  Object.assign(process.env, ENVIRONMENT);
  running = null;
  process.channel.ref();
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.write(mark);
  }
  process.send({ exitCode: code });
});
