/**
 * Usage: loaded with --import into a contender, it tells the bench what the whole process cost, start included.
 * Gives  one JSON line on file descriptor 3 at exit: CPU seconds of all threads, and the peak of resident memory.
 */
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    // ru_maxrss would also count what the parent held at the time of the fork; VmHWM does not.
    let rssPeakBytes = process.resourceUsage().maxRSS * 1024;
    try {
      const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
      if (line !== null) rssPeakBytes = Number(line[1]) * 1024;
    } catch {
      // Not Linux.
    }
    writeSync(3, JSON.stringify({ userSeconds: user / 1e6, systemSeconds: system / 1e6, rssPeakBytes }));
  });
}
