import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { WORKLOADS } from '../../bench/workloads/workloads.ts';

it('measures both scanners on every workload, and finds them equal', () => {
  const bench = new URL('../../bench/scan.ts', import.meta.url).pathname;
  const report = execFileSync(process.execPath, [bench, '--smoke'], { encoding: 'utf8' });
  expect(report.match(/^ {2}portable .* MB\/s/gm)).toHaveLength(WORKLOADS.length);
});
