/** Services that are not AWS: issue 12. Each time the whole job, by the real command: `backfill`, then `verify`. */
import { afterEach, describe, expect, it } from 'vitest';
import { behindBy, type Meddler, type Meddling, PAGE_500, startMeddler } from '../stream/meddler.ts';
import { runCommand, STREAM, World } from './fixture.ts';

const BODY = Buffer.from('{"a":1}\n{"a":2}\n{"a":3}\n');
const closers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closers.splice(0).reverse()) await one.close();
});

async function open(meddling: Meddling): Promise<{ world: World; service: Meddler; endpoint: string[] }> {
  const world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }], shards: 4 });
  const service = await startMeddler(world.kinesis.endpoint, meddling);
  closers.push(world, service);
  return { world, service, endpoint: ['--kinesis-endpoint-url', service.endpoint] };
}

async function verify(world: World, flags: readonly string[]) {
  const args = ['s3://bucket/', '--stream', STREAM, '--s3-endpoint-url', world.s3.endpoint];
  const ended = await runCommand(['verify', ...args, ...flags, '--json', '--quiet']);
  expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([0, false]);
  return { ...ended, report: JSON.parse(ended.stdout) };
}

describe('verify', () => {
  it.each([1, 900])('ends on shards that always stay %i ms behind', async (behindMs) => {
    const { world, service, endpoint } = await open(behindBy(() => behindMs));
    expect((await world.backfill()).exitCode).toBe(0);
    const { report } = await verify(world, [...endpoint, '--wire', 'json']);
    expect(report).toMatchObject({ status: 'match', streamRecords: { records: 3, shards: 4 } });
    expect(service.asked.filter(({ operation }) => operation === 'GetRecords').length).toBeGreaterThan(4);
  });

  it('reads in JSON where it is told to', async () => {
    const { world, service, endpoint } = await open({});
    expect((await world.backfill()).exitCode).toBe(0);
    await verify(world, [...endpoint, '--wire', 'json']);
    const reads = service.asked.filter(({ operation }) => operation.startsWith('Get'));
    expect(new Set(reads.map(({ wire }) => wire))).toEqual(new Set(['json']));
  });
});

describe('an endpoint that answers CBOR with a page and status 500', () => {
  it('is written to and read in JSON', async () => {
    const { world, service, endpoint } = await open({
      instead: ({ operation, wire }) =>
        wire === 'cbor' && ['PutRecords', 'GetShardIterator', 'GetRecords'].includes(operation)
          ? PAGE_500
          : null,
    });
    const { report, ended } = await world.report(endpoint);
    expect([ended.exitCode, report.status, report.wire]).toEqual([0, 'delivered', 'json']);
    const { report: found } = await verify(world, endpoint);
    expect(found.status).toBe('match');
    const inCbor = service.asked.filter(({ wire }) => wire === 'cbor').length;
    // It is given up after some attempts, and not asked for again with every call.
    expect([inCbor > 4, inCbor < service.asked.length / 2], `${inCbor}`).toEqual([true, true]);
  });
});

describe('an endpoint that cuts its answers in CBOR off', () => {
  it('is read in JSON', async () => {
    const { world, service, endpoint } = await open({
      after: ({ operation, wire }, said) =>
        operation === 'GetRecords' && wire === 'cbor' && said.body.length > 200
          ? { ...said, body: said.body.subarray(0, 100) }
          : said,
    });
    expect((await world.backfill()).exitCode).toBe(0);
    expect((await verify(world, endpoint)).report).toMatchObject({ status: 'match', source: { records: 3 } });
    const reads = service.asked.filter(({ operation }) => operation === 'GetRecords');
    expect(new Set(reads.map(({ wire }) => wire))).toEqual(new Set(['cbor', 'json']));
  });
});

describe('an endpoint that reads CBOR and fails twice at the start, with a page', () => {
  it('is asked again and stays in CBOR, for writing and for reading', async () => {
    const failed = { PutRecords: 0, GetShardIterator: 0 };
    const { world, service, endpoint } = await open({
      instead: ({ operation }) => {
        const name = operation as keyof typeof failed;
        return failed[name] !== undefined && ++failed[name] <= 2 ? PAGE_500 : null;
      },
    });
    const { report } = await world.report(endpoint);
    expect([report.status, report.wire]).toEqual(['delivered', 'cbor']);
    expect((await verify(world, endpoint)).report.status).toBe('match');
    for (const count of Object.values(failed)) expect(count).toBeGreaterThan(2);
    const data = service.asked.filter(({ operation }) => /^(PutRecords|Get)/.test(operation));
    expect(new Set(data.map(({ wire }) => wire))).toEqual(new Set(['cbor']));
  });
});

describe('an endpoint that knows no StreamARN', () => {
  const noArn: Meddling = {
    instead: ({ body }) =>
      body.includes('StreamARN')
        ? {
            status: 400,
            contentType: 'application/json',
            body: Buffer.from('{"__type":"ValidationException"}'),
          }
        : null,
  };

  it('is asked by name where the stream is given by name', async () => {
    const { world, service, endpoint } = await open(noArn);
    const { report, ended } = await world.report(endpoint);
    expect([ended.exitCode, report.status], ended.stderr).toEqual([0, 'delivered']);
    expect((await verify(world, endpoint)).report.status).toBe('match');
    const fromJournal = ['verify', '--journal', world.journal, '--s3-endpoint-url', world.s3.endpoint];
    const again = await runCommand([...fromJournal, ...endpoint, '--json', '--quiet']);
    expect([again.exitCode, JSON.parse(again.stdout).status], again.stderr).toEqual([0, 'match']);
    expect(service.asked.length).toBeGreaterThan(8);
  });

  it('refuses a stream that is given by ARN', async () => {
    const { world, endpoint } = await open(noArn);
    const ended = await world.backfill([...endpoint, '--stream', world.kinesis.streamArn(STREAM)]);
    expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringContaining('ValidationException')]);
  });
});
