/** The whole job between other people's services: backfill, an interruption, resume, verify. The stock SDK reads what came of it. */
import { existsSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { differences, linesOf } from '../commands/fixture.ts';
import { startKinesalite, startKinesisLocal, startMoto, startVersitygw } from './installed.ts';
import { Job } from './job.ts';
import type { Service } from './service.ts';
import { describeServices } from './suite.ts';

const BUCKET = 'history';
const OBJECT_COUNT = 12;

/** Objects of 250 lines with bytes of two, three and four to the character, and a number that no double holds. */
const bodies = Array.from({ length: OBJECT_COUNT }, (_, i) =>
  Buffer.concat([
    clicks({ seed: 100 + i, lineCount: 249 }),
    Buffer.from(`{"u":"é€𝄞-${i}","n":12345678901234567890.${i}00}\n`),
  ]),
);

describeServices('a backfill from versitygw', () => {
  let s3: Service;
  beforeAll(async () => {
    s3 = await startVersitygw(BUCKET);
  });
  afterAll(() => s3?.close());

  describe.each([
    // It goes on putting into shards that are closed.
    { name: 'moto', start: startMoto, wire: 'cbor', youngest: 3 },
    { name: 'kinesis-local', start: startKinesisLocal, wire: 'cbor', youngest: 6 },
    // It takes CBOR and keeps bytes as JavaScript objects: see its own test below.
    { name: 'kinesalite', start: startKinesalite, wire: 'json', youngest: 6 },
  ])('to $name', ({ name, start, wire, youngest }) => {
    let kinesis: Service;
    beforeAll(async () => {
      kinesis = await start();
    });
    afterAll(() => kinesis?.close());

    async function openJob(stream: string): Promise<Job> {
      const endpoints = { s3Endpoint: s3.endpoint, kinesisEndpoint: kinesis.endpoint };
      const job = await Job.open({ ...endpoints, bucket: BUCKET, stream, shardCount: 4 });
      onTestFinished(() => job.close());
      for (const [i, body] of bodies.entries()) await job.put(`${name}/${stream}/part-${i}.jsonl`, body);
      return job;
    }

    it('delivers every line unaltered, under its key, and verify says so', async () => {
      const job = await openJob('whole');
      const ran = await job.backfill(`${name}/whole/`, ['--partition-key', '/u', '--wire', wire]);
      expect(ran, ran.stderr).toMatchObject({
        ...{ exitCode: 0, report: { status: 'delivered', records: { delivered: OBJECT_COUNT * 250 } } },
      });
      const records = await job.records();
      expect(
        differences(
          linesOf(...bodies),
          records.map(({ data }) => data),
        ),
      ).toEqual(new Map());
      for (const { partitionKey, data } of records) {
        expect(partitionKey).toBe(JSON.parse(Buffer.from(data, 'latin1').toString()).u);
      }
      expect(new Set(records.map(({ shardId }) => shardId)).size).toBe(4);
      const verified = await job.verify();
      expect(verified, verified.stderr).toMatchObject({
        exitCode: 0,
        report: { status: 'match', duplicated: 0 },
      });
    });

    it('goes on where an interrupted run was, and sends nothing twice', async () => {
      const job = await openJob('resumed');
      const hasProgress = () => existsSync(job.journal) && statSync(job.journal).size > 2_000;
      const flags = ['--wire', wire];
      const first = await job.backfill(`${name}/resumed/`, [...flags, '--rate', '400/s'], {
        interrupt: { when: hasProgress, signals: ['SIGTERM'] },
      });
      expect(first, first.stderr).toMatchObject({ exitCode: 143, report: { status: 'interrupted' } });
      const second = await job.backfill(`${name}/resumed/`, flags);
      expect(second, second.stderr).toMatchObject({ exitCode: 0, report: { resumed: true } });
      expect(second.report.records.deliveredBefore).toBe(first.report.records.delivered);
      const records = await job.records();
      expect(
        differences(
          linesOf(...bodies),
          records.map(({ data }) => data),
        ),
      ).toEqual(new Map());
      const verified = await job.verify();
      expect(verified, verified.stderr).toMatchObject({
        exitCode: 0,
        report: { status: 'match', duplicated: 0 },
      });
    });

    it('follows a split and a merge in mid-run, and loses nothing', async () => {
      const job = await openJob('resharded');
      // 20 records and a pause, again and again: the run outlasts the split and the merge.
      const slowly = ['--wire', wire, '--rate', '300/s', '--batch-records', '20'];
      const running = job.backfill(`${name}/resharded/`, slowly);
      await vi.waitFor(() => expect(statSync(job.journal).size).toBeGreaterThan(1_000), { timeout: 30_000 });
      await job.split();
      await job.merge();
      const ran = await running;
      expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
      const records = await job.records();
      const found = records.map(({ data }) => data);
      expect(differences(linesOf(...bodies), found)).toEqual(new Map());
      const shards = records.map(({ shardId }) => Number(shardId.slice('shardId-'.length)));
      expect(Math.max(...shards)).toBe(youngest);
      // kinesalite never answers for a position in time behind which a shard has nothing.
      const verified = await job.verify(['--from', 'trim-horizon']);
      expect(verified, verified.stderr).toMatchObject({ exitCode: 0, report: { status: 'match' } });
    });
  });

  it('to kinesalite in CBOR is not called a match: it keeps bytes as JavaScript objects, and verify says what to do', async () => {
    const kinesis = await startKinesalite();
    onTestFinished(() => kinesis.close());
    const endpoints = { s3Endpoint: s3.endpoint, kinesisEndpoint: kinesis.endpoint };
    const job = await Job.open({ ...endpoints, bucket: BUCKET, stream: 'objects', shardCount: 1 });
    onTestFinished(() => job.close());
    await job.put('objects/part.jsonl', bodies[0]!);
    expect((await job.backfill('objects/')).exitCode).toBe(0);
    const verified = await job.verify();
    expect(verified).toMatchObject({ exitCode: 2, report: { status: 'failed' } });
    expect(verified.report.error).toContain('--wire json');
  });
});
