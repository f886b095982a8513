import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('carries records every way, and loses none', () => {
  const bench = new URL('../../bench/lanes.ts', import.meta.url).pathname;
  const report = execFileSync(process.execPath, [bench, '--smoke'], { encoding: 'utf8' });
  expect(report.match(/port, clone/g)).toHaveLength(2); // two workloads
});
