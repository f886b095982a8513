/**
 * Question: how many keys a second does a listing give, one page after the other and sub-prefix by sub-prefix?
 * Workload: keys of ten years, by month and day, as archives have them, and as many keys without any `/`. Each answer takes
 * `--latency` longer than the embedded S3 needs: S3 itself takes some tens of milliseconds a page.
 * Topology: embedded S3 and lister in this one process; most of its CPU time is the SDK's reading of XML.
 * Run: `node bench/listing.ts [--keys 100000] [--latency 50] [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HttpClient } from '../src/aws/http-client.ts';
import { openS3Way } from '../src/aws/s3-way.ts';
import { startFastS3 } from '../src/embedded/fast-s3.ts';
import { systemClock } from '../src/source/retry.ts';
import { S3Calls } from '../src/source/s3/calls.ts';
import { listObjects } from '../src/source/s3/list.ts';
import { type Figure, report } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    latency: { type: 'string', default: '50' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const keyCount = flags.smoke ? 3000 : Number(flags.keys);
const latencyMs = flags.smoke ? 1 : Number(flags.latency);
const DAYS = 3650;
process.env.AWS_ACCESS_KEY_ID ??= 'bench';
process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';

const body = Buffer.from('{}\n');
const number = (value: number) => String(value).padStart(7, '0');
const dated = (i: number) => {
  const day = new Date(Date.UTC(2015, 0, 1 + Math.floor((i / keyCount) * DAYS)));
  return `year=${day.getUTCFullYear()}/month=${day.getUTCMonth() + 1}/day=${day.getUTCDate()}/${number(i)}`;
};
const trees = { 'ten years, by day': dated, 'one folder': number };
const objects = (prefix: string, name: (i: number) => string) =>
  Array.from({ length: keyCount }, (_, i) => ({ key: `${prefix}${name(i)}`, body }));
const s3 = await startFastS3({
  buckets: { dated: objects('e/', dated), number: objects('e/', number) },
});

const figures: Figure[] = [];
for (const [tree, name] of Object.entries(trees)) {
  for (const requestsMax of [1, 16]) {
    const way = openS3Way({ region: 'us-east-1', profile: null, endpoint: s3.endpoint });
    const calls = new S3Calls(way, {
      clock: systemClock,
      open: (origin) => {
        const http = new HttpClient({ origin });
        return {
          async request(...request) {
            await wait(latencyMs);
            return http.request(...request);
          },
          close: () => http.close(),
        };
      },
    });
    const before = s3.stats().requests;
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    let found = 0;
    for await (const object of listObjects(calls, [`s3://${name.name}/e/`], { requestsMax }))
      found += object.size > 0 ? 1 : 0;
    const seconds = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    strictEqual(found, keyCount);
    const contender = requestsMax === 1 ? 'one page after the other' : `${requestsMax} requests at once`;
    const row = { case: `${keyCount} keys, ${tree}, ${latencyMs} ms an answer`, contender };
    figures.push(
      { ...row, metric: 'keys/s', values: [found / seconds] },
      { ...row, metric: 'requests', values: [s3.stats().requests - before] },
      { ...row, metric: 'CPU-s', values: [(user + system) / 1e6] },
    );
    calls.close();
  }
}
await s3.close();
report('how fast is a listing?', figures, { keep: flags.keep });
