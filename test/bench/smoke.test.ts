import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const RUN = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));

// Programs with a test of their own are not run twice.
it.each([
  { name: 'scan', says: /native|portable/ },
  { name: 'gunzip', says: /zstd, one call/ },
  { name: 'journal', says: /"segment"/ },
  { name: 'local-s3', says: /serverMbPerCpuSecond/ },
  { name: 'end-to-end', says: /clicks-77: every contender delivered every line unaltered/ },
  { name: 'small-objects', says: /objects per CPU-s/ },
  { name: 'giant-object', says: /64 gzip objects/ },
  { name: 'scaling', says: /downloads/ },
  { name: 'memory', says: /limit 700 MB: kept/ },
])('runs the bench $name', ({ name, says }) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, 'smoke', name], { encoding: 'utf8' });
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(says);
});
