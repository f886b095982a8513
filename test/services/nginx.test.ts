/** nginx in front: between the command and versitygw, or the embedded Kinesis, with the limits and habits that operators give it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { differences, linesOf } from '../commands/fixture.ts';
import { startNginx, startVersitygw } from './installed.ts';
import { Job } from './job.ts';
import type { Service } from './service.ts';
import { describeServices } from './suite.ts';

const BUCKET = 'history';
/** Signatures cover the host as the client names it. */
const FORWARD = 'proxy_set_header Host $http_host; proxy_http_version 1.1; proxy_set_header Connection "";';

/** A location that hands everything on. */
const forwarded = (endpoint: string, rules = '') =>
  `location / { proxy_pass ${endpoint}; ${FORWARD} ${rules} }`;

/** Lines of about `bytes`, no two alike. */
const longLines = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, i) => {
    const text = createHash('sha256')
      .update(String(i))
      .digest('hex')
      .repeat(Math.ceil(bytes / 64));
    return `{"i":${i},"text":"${text.slice(0, bytes)}"}`;
  });

describeServices('nginx', () => {
  let s3: Service;
  let kinesis: LocalKinesis;
  beforeAll(async () => {
    s3 = await startVersitygw(BUCKET);
    kinesis = await startLocalKinesis({ retainBytes: 256 << 20 });
  });
  afterAll(() => Promise.all([s3?.close(), kinesis?.close()]));

  /** A job with nginx before either service. @param front What stands in its server block. */
  async function openJob(stream: string, before: 's3' | 'kinesis', front: string, http = '') {
    const nginx = await startNginx(front, http);
    onTestFinished(() => nginx.close());
    const direct = { s3Endpoint: s3.endpoint, kinesisEndpoint: kinesis.endpoint };
    const endpoints = { ...direct, [`${before}Endpoint`]: nginx.endpoint };
    const job = await Job.open({ ...endpoints, direct, bucket: BUCKET, stream, shardCount: 2 });
    onTestFinished(() => job.close());
    return job;
  }

  /** The job's stream holds these lines, each once; the eye of verify says so, too. */
  async function expectDelivered(job: Job, lines: readonly string[]) {
    const records = await job.records();
    const found = records.map(({ data }) => data);
    expect(differences(lines, found)).toEqual(new Map());
    const verified = await job.verify();
    expect(verified, verified.stderr).toMatchObject({ exitCode: 0, report: { status: 'match' } });
  }

  it('that takes no body over 64 KiB gets smaller requests, and every record arrives', async () => {
    const front = `client_max_body_size 64k; ${forwarded(kinesis.endpoint)}`;
    const job = await openJob('limited', 'kinesis', front);
    const lines = longLines(400, 2_000);
    await job.put('limited/part', Buffer.from(lines.join('\n')));
    const ran = await job.backfill('limited/');
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
    expect(ran.report.requests.put).toBeGreaterThan(12);
    await expectDelivered(job, lines);
  });

  it('that takes no body over 64 KiB costs the one record that is larger, as a dead letter', async () => {
    const front = `client_max_body_size 64k; ${forwarded(kinesis.endpoint)}`;
    const job = await openJob('refused', 'kinesis', front);
    const lines = longLines(100, 2_000);
    const large = longLines(1, 90_000)[0]!;
    await job.put('refused/part', Buffer.from([...lines.slice(0, 50), large, ...lines.slice(50)].join('\n')));
    const ran = await job.backfill('refused/');
    expect(ran, ran.stderr).toMatchObject({
      ...{ exitCode: 1, report: { status: 'delivered-with-rejects', lines: { rejected: 1 } } },
    });
    const [letter] = readFileSync(job.letters, 'utf8').split('\n');
    const { code, data, message } = JSON.parse(letter!);
    expect([code, Buffer.from(data, 'base64').toString()]).toEqual(['PUT_REFUSED', large]);
    expect(message).toContain('413');
    expect(
      differences(
        lines,
        (await job.records()).map(({ data }) => data),
      ),
    ).toEqual(new Map());
  });

  it.each([429, 503])(
    'that takes so many requests a second and answers %i to the others slows the run down, no more',
    async (status) => {
      const zone = 'limit_req_zone $server_port zone=one:1m rate=5r/s;';
      const rules = `limit_req zone=one burst=2 nodelay; limit_req_status ${status};`;
      const job = await openJob(`slow-${status}`, 'kinesis', forwarded(kinesis.endpoint, rules), zone);
      const lines = linesOf(clicks({ seed: status, lineCount: 1_500 }));
      await job.put(`slow-${status}/part`, Buffer.from(lines.join('\n'), 'latin1'));
      const ran = await job.backfill(`slow-${status}/`, ['--batch-records', '50']);
      expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
      const { putFailed, throttledRecords } = ran.report.requests;
      expect(putFailed + throttledRecords).toBeGreaterThan(0);
      await expectDelivered(job, lines);
    },
  );

  it('that closes connections after three requests and 20 ms loses and repeats nothing', async () => {
    const habits = 'keepalive_requests 3; keepalive_timeout 20ms;';
    const job = await openJob('closing', 'kinesis', `${habits} ${forwarded(kinesis.endpoint)}`);
    const lines = linesOf(clicks({ seed: 5, lineCount: 4_000 }));
    await job.put('closing/part', Buffer.from(lines.join('\n'), 'latin1'));
    const ran = await job.backfill('closing/', ['--batch-records', '50', '--rate', '8000/s']);
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
    await expectDelivered(job, lines);
  });

  it('that buffers what S3 answers and weakens its ETags changes no line', async () => {
    const habits = 'proxy_hide_header ETag; add_header ETag W/$upstream_http_etag; proxy_buffers 4 4k;';
    const job = await openJob('buffered', 's3', forwarded(s3.endpoint, habits));
    const lines = longLines(2_000, 1_000);
    await job.put('buffered/part', Buffer.from(lines.join('\n')));
    const ran = await job.backfill('buffered/', ['--segment-size', '512KiB']);
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { status: 'delivered' } });
    expect(ran.report.requests.get).toBeGreaterThan(3);
    await expectDelivered(job, lines);
  });

  it('that takes so many downloads at once and answers 503 to the others slows the run down, no more', async () => {
    const zone = 'limit_conn_zone $server_port zone=all:1m;';
    const job = await openJob('few', 's3', forwarded(s3.endpoint, 'limit_conn all 2;'), zone);
    const bodies = Array.from({ length: 40 }, (_, i) => clicks({ seed: i, lineCount: 200 }));
    for (const [i, body] of bodies.entries()) await job.put(`few/${i}`, body);
    const ran = await job.backfill('few/');
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, report: { objects: { done: 40 } } });
    expect(ran.report.requests.get).toBeGreaterThan(40);
    await expectDelivered(job, linesOf(...bodies));
  });
});
