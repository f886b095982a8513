/**
 * Last moment: as soon as the process ends, it gets one SIGTERM after another, until it is gone. Loaded into a command with `--import`.
 * Takes  LAST_MOMENT_FILE, which is there once the first signal was sent: only then the end goes on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const STORM = 'kill -TERM $0; : > "$1"; while kill -TERM $0; do :; done';

process.on('exit', () => {
  if (!isMainThread) return;
  const file = process.env.LAST_MOMENT_FILE;
  spawn('sh', ['-c', STORM, String(process.pid), file], { detached: true, stdio: 'ignore' }).unref();
  const clock = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(clock, 0, 0, 1);
});
