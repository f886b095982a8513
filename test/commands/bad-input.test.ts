/** Bad input: issue 2. One clear line for each mistake, the right exit code, no stack trace; and no secret anywhere. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_CERTIFICATE, TEST_KEY } from '../aws/certificate.ts';
import { BIN, CLEAN_ENV, type Ended, runCommand, World } from './fixture.ts';

const GOOD = { key: 'good/a.jsonl', body: Buffer.from('{"a":1}\n{"a":2}\n') };
let world: World;
beforeAll(async () => {
  world = await World.open({ objects: [GOOD], shards: 2 });
});
afterAll(() => world.close());

/** Expects exit 2 with `count` lines that begin with the program's name, and nothing that looks like a stack. */
function expectRefused(ended: Ended, count: number): string[] {
  expect([ended.exitCode, ended.stdout, ended.isTimedOut], ended.stderr).toEqual([2, '', false]);
  const lines = ended.stderr.trimEnd().split('\n');
  expect(lines, ended.stderr).toHaveLength(count);
  for (const line of lines) expect(line).toMatch(/^millrace: /);
  expect(ended.stderr).not.toMatch(/^ {4}at |this should not have happened/m);
  return lines;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('backfill refuses to start', () => {
  it('with every wrong flag named in one message', async () => {
    const wrong = {
      'segment-size': '1',
      downloads: '0',
      'in-flight': 'many',
      'batch-records': '501',
      wire: 'xml',
      order: 'all',
      'partition-key': 'no-pointer',
      'max-rejects': '101%',
      timeout: '5',
      rate: 'fast',
      headroom: '100%',
      'modified-after': 'yesterday',
      'modified-before': '2024-02-30',
      'kinesis-endpoint-url': 'ftp://x',
      frobnicate: 'x',
    };
    const flags = Object.entries(wrong).map(([name, value]) => `--${name}=${value}`);
    const ended = await runCommand(['backfill', 'file:///x', ...flags]);
    expectRefused(ended, Object.keys(wrong).length + 2);
    for (const name of [...Object.keys(wrong), 'stream']) expect(ended.stderr).toContain(`--${name}`);
    expect(ended.stderr).toContain('file:///x');
  });

  it.each([
    { name: 'no such bucket', sources: ['s3://no-such-bucket/x'], says: 'no-such-bucket' },
    { name: 'nothing under the prefix', sources: ['s3://bucket/nothing/'], says: 's3://bucket/nothing/' },
    { name: 'no such stream', flags: ['--stream', 'nowhere'], says: 'no such stream' },
    { name: 'no region', env: { AWS_REGION: undefined }, says: 'region' },
    {
      name: 'no credentials',
      env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
      says: 'credentials',
    },
    { name: 'a schema that is not there', flags: ['--schema', '/no/such/schema.json'], says: '--schema' },
    { name: 'a schema that is a folder', flags: ['--schema', '/'], says: 'Cannot read --schema /: EISDIR' },
    { name: 'a config file that is not there', flags: ['--config', '/no/such.yaml'], says: '--config' },
    { name: 'too little memory', flags: ['--memory', '64MiB', '--parsers', '64'], says: '--memory' },
    {
      name: 'plain http to another machine',
      flags: ['--s3-endpoint-url', 'http://192.0.2.1:9'],
      says: '--insecure-endpoint',
    },
  ] as {
    name: string;
    sources?: string[];
    flags?: string[];
    env?: Record<string, undefined>;
    says: string;
  }[])('when there is: $name', async ({ sources = ['s3://bucket/good/'], flags = [], env = {}, says }) => {
    const ended = await world.backfill(['--quiet', ...flags], { sources, env });
    const [line] = expectRefused(ended, 1);
    expect(line).toContain(says);
  });

  it.each(['--s3-endpoint-url', '--kinesis-endpoint-url'])('when nobody listens at %s', async (flag) => {
    const endpoint = `http://127.0.0.1:${await closedPort()}`;
    const [line] = expectRefused(await world.backfill(['--quiet', flag, endpoint]), 1);
    expect(line).toMatch(/ECONNREFUSED/);
  });

  it.each(['--s3-endpoint-url', '--kinesis-endpoint-url'])(
    'with 2, for no rerun mends it, when the certificate at %s is of an unknown authority, or there is no TLS at all',
    async (flag) => {
      const server = createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      try {
        const [line] = expectRefused(await world.backfill(['--quiet', flag, `https://127.0.0.1:${port}`]), 1);
        expect(line).toMatch(/SELF_SIGNED_CERT/);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
      const plain = world.s3.endpoint.replace('http:', 'https:');
      const [line] = expectRefused(await world.backfill(['--quiet', flag, plain]), 1);
      expect(line).toMatch(/EPROTO|ERR_SSL/);
    },
  );

  it('with a key that a line end belongs to by mistake, without showing it', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'AKIDTEST\r' };
    const [line] = expectRefused(await world.backfill(['--quiet'], { env }), 1);
    expect(line).toContain(
      'the credentials hold a character that cannot be sent; look for line ends in AWS_',
    );
    expect(line).not.toContain('AKIDTEST');
  });

  it('in a folder that is gone', async () => {
    const gone = join(world.folder, 'gone');
    const script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"';
    const command = [process.execPath, BIN, 'backfill', 's3://bucket/', '--stream', 's'];
    const child = spawn('sh', ['-c', script, gone, ...command], { env: CLEAN_ENV });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [exitCode] = await once(child, 'close');
    expect([exitCode, stderr]).toEqual([
      2,
      'millrace: Cannot begin here: the current folder is gone. Change into one that is there.\n',
    ]);
  });

  it.each(['us east 1', 'x/y'])(
    'with 2, for no rerun mends it, in a region that cannot be: %s',
    async (region) => {
      const [line] = expectRefused(await world.backfill(['--quiet', '--region', region]), 1);
      expect(line).toMatch(/region/i);
    },
  );

  it.each([
    {
      name: 'key',
      file: 'stream: orders\nstraem: orders\n',
      says: 'received --straem. See --help. Did you mean --stream?',
    },
    { name: 'value', file: 'downloads: 0\n', says: '--downloads' },
    { name: 'form', file: '- just\n- a list\n', says: '--config' },
    { name: 'schema', file: '{"type":"nonsense"}', flag: '--schema', says: '--schema' },
    { name: 'schema that is no JSON', file: '{', flag: '--schema', says: '--schema' },
    { name: 'schema that is empty', file: '', flag: '--schema', says: 'it is empty' },
    {
      name: 'schema in UTF-16',
      file: Buffer.from('\ufefftrue', 'utf16le'),
      flag: '--schema',
      says: 'Cannot read --schema',
    },
    {
      name: 'schema of draft-04',
      file: '{"$schema":"http://json-schema.org/draft-04/schema#"}',
      flag: '--schema',
      says: 'known are 2020-12',
    },
    {
      name: 'schema that is a circle',
      file: '{"allOf":[{"$ref":"#"}]}',
      flag: '--schema',
      says: 'without end',
    },
  ])('with a file of a wrong $name', async ({ name, file, flag = '--config', says }) => {
    const path = join(world.folder, `wrong-${name.replaceAll(' ', '-')}`);
    writeFileSync(path, file);
    const [line] = expectRefused(await world.backfill(['--quiet', flag, path]), 1);
    expect(line).toContain(says);
  });
});

describe('an object', () => {
  it.each([
    { kind: 'no-such-key', code: 'OBJECT_UNREADABLE' },
    { kind: 'access-denied', code: 'OBJECT_UNREADABLE' },
    { kind: 'changed-etag', code: 'OBJECT_CHANGED' },
    { kind: 'precondition-failed', code: 'OBJECT_CHANGED' },
  ] as const)(
    'that answers $kind is dead-lettered by its name; the others are delivered',
    async ({ kind, code }) => {
      const own = await World.open({ objects: [GOOD, { key: 'bad.jsonl', body: GOOD.body }], shards: 2 });
      try {
        own.s3.setFaults([{ kind, target: 'bad.jsonl' }]);
        const { report, ended } = await own.report();
        expect([ended.exitCode, report.status]).toEqual([1, 'delivered-with-rejects']);
        expect(own.s3.stats().faultsFired[kind]).toBeGreaterThan(0);
        expect(own.deadLetters()).toMatchObject([{ bucket: 'bucket', key: 'bad.jsonl', code }]);
        expect(own.deadLetters()[0]).not.toHaveProperty('data');
        expect(report.objects).toMatchObject({ listed: 2, done: 1, failed: 1 });
        expect(own.records()).toHaveLength(2);
      } finally {
        await own.close();
      }
    },
  );
});

it('no secret and no payload is in any output or journal, and no secret in the dead letters', async () => {
  const env = {
    AWS_ACCESS_KEY_ID: 'AKIDCANARY5309',
    AWS_SECRET_ACCESS_KEY: 'canary-secret-8675309',
    AWS_SESSION_TOKEN: 'canary-token-1618033',
    MILLRACE_DEBUG: '1',
  };
  const body = Buffer.from(
    '{"k":"canary-key-77","x":"canary-payload-42"}\n{"k":1,"x":canary-payload-43}\n{"x":2}',
  );
  const own = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 2 });
  try {
    own.kinesis.setFaults([{ kind: 'record-error', code: 'InternalFailure', times: 1 }]);
    const outputs: string[] = [];
    for (const flags of [
      ['--partition-key', '/k'],
      ['--stream', 'nowhere'],
      ['--json', '--restart'],
    ]) {
      const { stdout, stderr, exitCode } = await own.backfill(flags, { env });
      expect([1, 2]).toContain(exitCode);
      outputs.push(stdout, stderr);
    }
    own.s3.setFaults([{ kind: 'access-denied' }]);
    outputs.push((await own.backfill(['--restart'], { env })).stderr);
    expect(own.deadLetters().length).toBeGreaterThan(0);
    expect(outputs.join('\n')).not.toMatch(/canary-(secret|token|payload|key)/);
    const files = own.filesText();
    expect(files).toContain('a.jsonl');
    expect(files).not.toMatch(/canary-/);
    const decoded = own.deadLetters().map(({ data }) => Buffer.from(data ?? '', 'base64').toString());
    expect(decoded.join('\n')).not.toMatch(/canary-(secret|token)/);
  } finally {
    await own.close();
  }
});
