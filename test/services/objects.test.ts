/** Other people's S3: listings of many pages, odd keys, objects in parts and compressed ones, between versitygw or moto and the embedded Kinesis. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { differences, linesOf } from '../commands/fixture.ts';
import { startMoto, startVersitygw } from './installed.ts';
import { Job } from './job.ts';
import type { Service } from './service.ts';
import { describeServices } from './suite.ts';

const BUCKET = 'history';

const ODD_KEYS = [
  'a space and a+plus.jsonl',
  '100%25 percent.jsonl',
  'ключ/ключ-é-𝄞.jsonl',
  'quotes\'and"angles<&>.jsonl',
  'back\\slash;semi=colon?question#hash.jsonl',
  'date=2026-11-26/hour=05/part-0000~1.jsonl',
  '(paren)!*@$,:.jsonl',
  '.hidden/..two/...three.jsonl',
];

describeServices('objects', () => {
  let kinesis: LocalKinesis;
  beforeAll(async () => {
    kinesis = await startLocalKinesis({ retainBytes: 256 << 20 });
  });
  afterAll(() => kinesis?.close());

  describe.each([
    { name: 'versitygw', start: () => startVersitygw(BUCKET), isBucketThere: true },
    { name: 'moto', start: startMoto, isBucketThere: false },
  ])('of $name', ({ name, start, isBucketThere }) => {
    let s3: Service;
    beforeAll(async () => {
      s3 = await start();
      if (isBucketThere) return;
      const job = await openJob('maker');
      await job.makeBucket();
      job.close();
    });
    afterAll(() => s3?.close());

    function openJob(stream: string): Promise<Job> {
      const endpoints = { s3Endpoint: s3.endpoint, kinesisEndpoint: kinesis.endpoint };
      return Job.open({ ...endpoints, bucket: BUCKET, stream: `${name}-${stream}`, shardCount: 4 });
    }

    /** Delivers what is under a prefix; the stream holds these lines, each once, and verify says so. */
    async function expectDelivered(job: Job, prefix: string, lines: readonly string[], flags: string[] = []) {
      const ran = await job.backfill(prefix, flags);
      expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
      const records = await job.records();
      expect(
        differences(
          lines,
          records.map(({ data }) => data),
        ),
      ).toEqual(new Map());
      const verified = await job.verify();
      expect(verified, verified.stderr).toMatchObject({ exitCode: 0, report: { status: 'match' } });
      return ran.report;
    }

    it('are found under odd keys, whatever has to be escaped', async () => {
      const job = await openJob('odd');
      onTestFinished(() => job.close());
      const bodies = ODD_KEYS.map((_, i) => clicks({ seed: i, lineCount: 20 }));
      for (const [i, key] of ODD_KEYS.entries()) await job.put(`odd/${key}`, bodies[i]!);
      const { objects } = await expectDelivered(job, 'odd/', linesOf(...bodies));
      expect(objects).toMatchObject({ listed: ODD_KEYS.length, done: ODD_KEYS.length });
    });

    it('are found on every page of a listing, and from a key on', async () => {
      const job = await openJob('many');
      onTestFinished(() => job.close());
      // More than a page in one folder, and some in others.
      const keyOf = (i: number) => `many/${i < 1_005 ? 3 : i % 7}/${String(i).padStart(5, '0')}.jsonl`;
      const all = Array.from({ length: 1_012 }, (_, i) => i);
      for (let at = 0; at < all.length; at += 16) {
        await Promise.all(all.slice(at, at + 16).map((i) => job.put(keyOf(i), Buffer.from(`{"i":${i}}\n`))));
      }
      const { objects } = await expectDelivered(
        job,
        'many/',
        all.map((i) => `{"i":${i}}`),
      );
      expect(objects.listed).toBe(1_012);
      const later = await openJob('later');
      onTestFinished(() => later.close());
      const behind = all.filter((i) => keyOf(i) > keyOf(980));
      await expectDelivered(
        later,
        'many/',
        behind.map((i) => `{"i":${i}}`),
        ['--start-after', keyOf(980)],
      );
    });

    it('are carried that were put in parts, in segments that end within a part', async () => {
      const job = await openJob('parts');
      onTestFinished(() => job.close());
      const text = 'x'.repeat(4_000);
      const lines = Array.from({ length: 3_000 }, (_, i) => `{"i":${i},"text":"${text}"}`);
      await job.putInParts('parts/large.jsonl', Buffer.from(lines.join('\n')));
      const report = await expectDelivered(job, 'parts/', lines, ['--segment-size', '1MiB']);
      expect(report.requests.get).toBeGreaterThan(10);
    });

    it('are carried that are compressed', async () => {
      const job = await openJob('compressed');
      onTestFinished(() => job.close());
      const bodies = [1, 2, 3].map((seed) => clicks({ seed, lineCount: 500 }));
      await job.put('compressed/a.gz', gzipSync(bodies[0]!));
      await job.put('compressed/b.zst', zstdCompressSync(bodies[1]!));
      await job.put(
        'compressed/two-members.gz',
        Buffer.concat([gzipSync(bodies[2]!), gzipSync('{"last":1}\n')]),
      );
      await expectDelivered(job, 'compressed/', linesOf(...bodies, Buffer.from('{"last":1}')));
    });
  });
});
