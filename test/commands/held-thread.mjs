/** Held thread: a thread that nobody can end, for it stands in a call of the system. Loaded into a command with `--import`. Takes HELD_BY_PIPE, a pipe into which nobody writes. */
import { isMainThread, Worker } from 'node:worker_threads';

if (isMainThread) {
  const code = `require('node:fs').readFileSync(${JSON.stringify(process.env.HELD_BY_PIPE)})`;
  new Worker(code, { eval: true, execArgv: [], stdout: true, stderr: true });
}
