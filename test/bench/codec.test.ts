import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('measures every step of the byte work, and finds both codecs equal', () => {
  const bench = new URL('../../bench/codec.ts', import.meta.url).pathname;
  const report = execFileSync(process.execPath, [bench, '--smoke'], { encoding: 'utf8' });
  expect(report.match(/encode aggregated cbor/g)).toHaveLength(2); // two workloads
});
