/**
 * The pipelines of examples/stages, each over the texts of a published data set (test/data) in lines of the form that the pipeline is for:
 * by plain calls, and on the way from the embedded S3 to the embedded Kinesis.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { assemble } from '../../examples/stages/assembled.ts';
import availability from '../../examples/stages/availability.ts';
import logs from '../../examples/stages/logs.ts';
import service from '../../examples/stages/service.ts';
import users from '../../examples/stages/users.ts';
import { backfillOptions } from '../../src/options/backfill.ts';
import { readConfigFile } from '../../src/options/config-file.ts';
import { BUCKET, CLEAN_ENV, STREAM, World } from '../commands/fixture.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, 'examples', 'stages');
/** Lets modules find `millrace/stages` in this checkout, as they find it where the package is installed. */
const HOOK = join(import.meta.dirname, 'library.mjs');

/** Programs and threads are started, and the machine may have other work. */
vi.setConfig({ testTimeout: 180_000 });

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

/** A thousand questions and answers, with quotes, line ends and signs of many kinds. */
const TEXTS = readFileSync(join(ROOT, 'test', 'data', 'jsonl', 'gsm8k-train-1000.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { question: string; answer: string });

/** One of a few, as evenly as may be. */
const oneOf = <Item>(items: readonly Item[], i: number) => items[i % items.length]!;

const called = (pipeline: (record: unknown) => unknown, records: readonly unknown[]) =>
  Promise.all(records.map((record) => pipeline(record)));

/** What the real command makes of these records: the data of those that arrive. */
async function carried(
  records: readonly unknown[],
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const body = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 2 });
  const { report, ended } = await world.report(flags, { env: { ...env, NODE_OPTIONS: `--import ${HOOK}` } });
  expect([ended.exitCode, report.lines.read, report.lines.rejected], ended.stderr).toEqual([
    0,
    records.length,
    0,
  ]);
  return world
    .records()
    .map(({ data }) => data.toString())
    .toSorted();
}

/** What is left of records, as lines in the order of the alphabet. */
const linesOf = (made: readonly unknown[]) =>
  made
    .filter((record) => record !== undefined)
    .map((record) => (typeof record === 'string' ? record : JSON.stringify(record)))
    .toSorted();

it('has a table with every pipeline, and no other', () => {
  const files = globSync('*.{ts,yaml}', { cwd: FOLDER }).map((path) => basename(path));
  const table = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8');
  const named = [...table.matchAll(/^\| .*?`stages\/([\w.-]+)`(?:, `stages\/([\w.-]+)`)?.* \|$/gm)];
  expect(named.flatMap(([, ...names]) => names.filter(Boolean)).toSorted()).toEqual(files.toSorted());
});

describe('logs', () => {
  const records = TEXTS.map(({ question, answer }, i) => ({
    ts: new Date(Date.UTC(2025, 0, 1) + i * 60_000).toISOString(),
    level: oneOf(['debug', 'info', 'warn', 'info', 'error'], i),
    host: `web-${1 + (i % 4)}`,
    message: i % 2 === 0 ? question : answer,
  }));
  const regions: Readonly<Record<string, string>> = {
    'web-1': 'eu-central-1',
    'web-2': 'eu-central-1',
    'web-3': 'us-east-1',
  };
  const expected = records.map(({ ts, level, host, message }) =>
    level === 'warn' || level === 'error'
      ? `[${ts}] ${level} ${regions[host] ?? ''}/${host}: ${message}`
      : undefined,
  );

  it('are warnings and errors as text, with the region of the host where it is known', async () => {
    expect(await called(logs, records)).toEqual(expected);
    expect(linesOf(expected)).toHaveLength(400);
  });

  it('are the same where the stages stand in a file', async () => {
    const flags = await readConfigFile(join(FOLDER, 'logs.yaml'));
    const { stages } = backfillOptions(['s3://bucket/logs/'], { stream: 'logs', ...flags });
    expect(stages).toEqual(logs.stages.map(({ spec }) => spec));
  });

  it('arrive as text, by the file and by the module', async () => {
    expect(await carried(records, ['--config', join(FOLDER, 'logs.yaml')])).toEqual(linesOf(expected));
    await world!.close();
    expect(await carried(records, ['--transform', join(FOLDER, 'logs.ts')])).toEqual(linesOf(expected));
  });
});

it('users come with their profiles, and without those that are inactive or unknown', async () => {
  const records = TEXTS.map(({ question }, i) => ({
    user: { id: `u${i % 5}`, mail: `u${i % 5}@example.org` },
    said: question,
  }));
  const profiles: Readonly<Record<string, object>> = {
    u1: { id: 'u1', name: 'Lovelace, Ada', plan: 'pro', active: true },
    u3: { id: 'u3', name: 'Grace Hopper', plan: 'pro', active: true },
  };
  const expected = records.map(({ user: { id }, said }) =>
    id in profiles ? { user: { id, profile: profiles[id] }, said } : undefined,
  );
  expect(await called(users, records)).toEqual(expected);
  expect(await carried(records, ['--transform', join(FOLDER, 'users.ts')])).toEqual(linesOf(expected));
});

it('orders are those that the rules of the table allow at their day and place', async () => {
  const records = TEXTS.map(({ answer }, i) => ({
    item: oneOf(['book', 'game', 'film', 'song'], i),
    day: new Date(Date.UTC(2024, 11, 1) + i * 86_400_000).toISOString().slice(0, 10),
    country: oneOf(['DE', 'FR', 'US'], Math.floor(i / 4)),
    note: answer,
  }));
  const isForSale = ({ item, day, country }: (typeof records)[number]) => {
    if (item === 'book') return true;
    if (item === 'game') return day >= '2025-03-01' && country !== 'US';
    return item === 'film' && day >= '2025-01-15' && day < '2025-06-01' && country === 'US';
  };
  const expected = records.map((record) => (isForSale(record) ? record : undefined));
  expect(await called(availability, records)).toEqual(expected);
  for (const item of ['book', 'game', 'film'])
    expect(linesOf(expected).some((line) => line.includes(`"item":"${item}"`))).toBe(true);
  expect(await carried(records, ['--transform', join(FOLDER, 'availability.ts')])).toEqual(linesOf(expected));
});

it('events have what a service knows about their user, which is asked in few calls, and again where it fails', async () => {
  const records = TEXTS.map(({ question }, i) => ({ user: { id: i % 300 }, said: question }));
  const asked: number[] = [];
  let failures = 0;
  const server = createServer(({ url }, response) => {
    const ids = new URL(url!, 'http://localhost').searchParams.get('ids')!.split(',');
    if (asked.push(ids.length) % 3 === 1) {
      failures++;
      response.writeHead(503).end();
      return;
    }
    const known = ids.filter((id) => Number(id) < 200).map((id) => [id, { name: `name ${id}` }]);
    response.end(JSON.stringify(Object.fromEntries(known)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('PROFILES_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}/profiles`);
  try {
    const expected = records.map(({ user: { id }, said }) => ({
      user: { id, profile: id < 200 ? { name: `name ${id}` } : null },
      said,
    }));
    expect(await called(service, records)).toEqual(expected);
    expect([failures > 0, asked.length - failures, Math.max(...asked)]).toEqual([true, 6, 50]);
    const env = { PROFILES_URL: process.env.PROFILES_URL! };
    expect(await carried(records, ['--transform', join(FOLDER, 'service.ts')], env)).toEqual(
      linesOf(expected),
    );
  } finally {
    vi.unstubAllEnvs();
    server.close();
    server.closeAllConnections();
  }
});

describe('a pipeline that is put together at run time', () => {
  const records = TEXTS.map(({ question }, i) => ({
    level: oneOf(['info', 'error'], i),
    user: { id: i, mail: 'm' },
    question,
  }));
  const expected = records.map(({ level, user: { id }, question }) =>
    level === 'error' ? { level, user: { id }, question } : undefined,
  );
  const wishes = { levels: ['error'], without: ['/user/mail'] };

  it('does what is wished for, and nothing else', async () => {
    expect(await called(assemble(wishes), records)).toEqual(expected);
    expect(await called(assemble({}), records)).toEqual(records);
    expect(assemble({ percent: 10, without: ['/a', '/b'] }).stages.map(({ kind }) => kind)).toEqual([
      'sample',
      'drop',
      'drop',
    ]);
  });

  it('is taken by a program that carries objects, which says what became of them', async () => {
    const body = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    world = await World.open({ objects: [{ key: 'events/a.jsonl', body }], shards: 2 });
    const program = join(FOLDER, 'assembled.ts');
    const args = ['--import', HOOK, program, `s3://${BUCKET}/events/`, STREAM, JSON.stringify(wishes)];
    const services = {
      AWS_ENDPOINT_URL_S3: world.s3.endpoint,
      AWS_ENDPOINT_URL_KINESIS: world.kinesis.endpoint,
    };
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      ...{ cwd: world.folder, env: { ...CLEAN_ENV, ...services } },
    });
    expect(stdout).toBe('delivered: 500 of 1000 lines, 500 left out\n');
    expect(
      world
        .records()
        .map(({ data }) => data.toString())
        .toSorted(),
    ).toEqual(linesOf(expected));
  });
});
