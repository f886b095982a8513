/**
 * Untrusted text: issue 14, point 13. Names and messages that others choose go through all commands; nothing of them steers the terminal or
 * looks like a line of ours, and no canary (keys, passwords, payloads) is in any output.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, runCommand, STREAM, World } from './fixture.ts';

/** Sets a terminal's title and colours, begins a line of its own, turns text around. */
const EVIL = '\u001b]0;owned\u0007\u001b[31m\r\nmillrace: FORGED\u009b2J\u2028\u202e';
/** What a terminal obeys, and what makes a line that nobody wrote. */
const STEERING = /[^\n\P{Cc}]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const CANARIES = {
  secret: 'canary-secret-key',
  token: 'canary-session-token',
  password: 'canary-password',
  payload: 'canary-payload',
};
const ENV = { AWS_SECRET_ACCESS_KEY: CANARIES.secret, AWS_SESSION_TOKEN: CANARIES.token };
const LINES = `{"u":1,"text":"${CANARIES.payload}"}\n{"u":2}\n{"text":"${CANARIES.payload}"\n`;

let world: World;
const server = createServer((request, response) => {
  const message = `${EVIL} said`;
  if (request.headers['x-amz-target'] === undefined) {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(
      `<Error><Code>AccessDenied</Code><Message>\u009b2J&#x9b;31m\nmillrace: FORGED said</Message></Error>`,
    );
    return;
  }
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify({ __type: 'ValidationException', message }));
});
let evilService = '';

beforeAll(async () => {
  const body = Buffer.from(LINES);
  world = await World.open({
    objects: [
      { key: `p/${EVIL}.jsonl`, body },
      { key: `p/${EVIL}.gone.jsonl`, body },
      { key: `q/${EVIL}.old.jsonl`, body, storageClass: 'GLACIER' },
      { key: 'q/new.jsonl', body: Buffer.from('{}\n') },
    ],
    shards: 2,
  });
  world.s3.setFaults([{ kind: 'access-denied', target: `p/${EVIL}.gone.jsonl` }]);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  evilService = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await Promise.all([world.close(), new Promise((resolve) => server.close(resolve))]);
});

const services = () => [
  '--s3-endpoint-url',
  world.s3.endpoint,
  '--kinesis-endpoint-url',
  world.kinesis.endpoint,
];

/** Runs a command as people and as scripts do. */
async function run(
  args: readonly string[],
  exitCode: number,
  env: Record<string, string> = {},
): Promise<Ended[]> {
  const all: Ended[] = [];
  for (const form of [[], ['--json']]) {
    const ended = await runCommand([...args, ...form], { cwd: world.folder, env: { ...ENV, ...env } });
    const output = `${ended.stdout}${ended.stderr}`;
    expect([ended.exitCode, ended.isTimedOut], output).toEqual([exitCode, false]);
    expect(output).not.toMatch(STEERING);
    expect(output).not.toMatch(/^millrace: FORGED/m);
    for (const canary of Object.values(CANARIES)) expect(output).not.toContain(canary);
    if (form.length > 0 && ended.stdout !== '') JSON.parse(ended.stdout);
    all.push(ended);
  }
  return all;
}
const outputOf = (all: readonly Ended[]) => all.map(({ stdout, stderr }) => stdout + stderr).join('');

describe('nothing of others steers the terminal', () => {
  // One after the other: each has files of the one before.
  it('in backfill, status, verify and redrive', async () => {
    const journal = join(world.folder, `${EVIL.replaceAll('/', '')}.journal`);
    const letters = `${journal}.letters`;
    const files = ['--journal', journal, '--dead-letter', letters];
    const common = ['--stream', STREAM, '--memory', '256MiB', ...services()];
    const delivered = await run(
      ['backfill', 's3://bucket/p/', '--partition-key', '/u', ...files, ...common],
      1,
    );
    expect(outputOf(delivered)).toContain('FORGED');
    const told = await run(['status', '--journal', journal], 0);
    expect(outputOf(told)).toContain('FORGED');
    world.s3.setFaults([]);
    const verified = await run(
      ['verify', 's3://bucket/p/', '--stream', STREAM, '--partition-key', '/text', ...services()],
      1,
    );
    expect(outputOf(verified)).toContain('FORGED');
    const again = ['--partition-key', '/u', '--dead-letter', `${letters}.again`, ...common];
    const redriven = await run(['redrive', letters, ...again], 1);
    expect(outputOf(redriven)).toContain('FORGED');
  });

  it.each([
    { name: 'a bucket', args: () => ['backfill', `s3://bucket${EVIL}/x`, '--stream', STREAM, ...services()] },
    { name: 'a prefix', args: () => ['backfill', `s3://bucket/${EVIL}`, '--stream', STREAM, ...services()] },
    { name: 'a stream', args: () => ['backfill', 's3://bucket/p/', '--stream', EVIL, ...services()] },
    { name: 'a schema', args: () => ['backfill', 's3://bucket/p/', '--stream', STREAM, '--schema', EVIL] },
    { name: 'a configuration', args: () => ['backfill', 's3://bucket/p/', '--config', EVIL] },
    { name: 'a profile', args: () => ['verify', 's3://bucket/p/', '--stream', STREAM, '--profile', EVIL] },
    { name: 'a flag', args: () => ['backfill', 's3://bucket/p/', `--${EVIL}`, '--stream', STREAM] },
    { name: 'a value', args: () => ['bench', '--downloads', EVIL, '--segment-size', EVIL] },
    { name: 'an argument', args: () => ['bench', EVIL] },
    { name: 'a source', args: () => ['verify', EVIL, '--stream', STREAM] },
    { name: 'a journal', args: () => ['status', '--journal', `/no/${EVIL}`] },
    { name: 'a command', args: () => [`x${EVIL}`] },
    { name: 'letters', args: () => ['redrive', `/no/${EVIL}`, '--stream', STREAM, ...services()] },
  ])('where there is no such thing: $name', async ({ args }) => {
    expect(outputOf(await run(args(), 2))).toContain('FORGED');
  });

  it('in a notice of what is archived', async () => {
    const flags = [
      '--stream',
      STREAM,
      '--memory',
      '256MiB',
      '--restart',
      '--journal',
      join(world.folder, 'q'),
    ];
    const [people] = await run(['backfill', 's3://bucket/q/', ...flags, ...services()], 1);
    expect(people!.stderr).toMatch(
      /^millrace: 1 objects are archived \(GLACIER: s3:\/\/bucket\/q\/.*FORGED.*$/m,
    );
  });

  it('in what a service says', async () => {
    const flags = ['--stream', STREAM, '--memory', '256MiB'];
    const stream = [...flags, '--kinesis-endpoint-url', evilService, '--s3-endpoint-url', world.s3.endpoint];
    expect(outputOf(await run(['backfill', 's3://bucket/p/', ...stream], 2))).toContain('FORGED');
    const store = [
      ...flags,
      '--kinesis-endpoint-url',
      world.kinesis.endpoint,
      '--s3-endpoint-url',
      evilService,
    ];
    expect(outputOf(await run(['backfill', 's3://bucket/p/', ...store], 2))).toContain('FORGED');
  });
});

describe('no password of a URL is shown', () => {
  const user = `user:${CANARIES.password}`;
  const base = ['s3://bucket/p/', '--stream', STREAM];
  it.each([
    { name: 'endpoint that is no URL', args: ['--endpoint-url', `x://${user}@host`], env: {} },
    { name: 'endpoint elsewhere', args: ['--s3-endpoint-url', `http://${user}@192.0.2.1`], env: {} },
    { name: 'endpoint of a variable', args: [], env: { AWS_ENDPOINT_URL: `http://${user}@192.0.2.1` } },
    { name: 'variable that is no URL', args: [], env: { AWS_ENDPOINT_URL_S3: `${user}@host` } },
    { name: 'source that is a URL', args: [`https://${user}@host/x`], env: {} },
    { name: 'proxy', args: [], env: { HTTPS_PROXY: `socks5://${user}@127.0.0.1` } },
  ])('$name', async ({ args, env }) => {
    for (const command of ['backfill', 'verify'])
      await run([command, ...base, ...args], 2, env as unknown as Record<string, string>);
  });
});

it('bench and help say nothing that steers a terminal', async () => {
  await run(['bench', '--size', '1MiB'], 0);
  const help = await runCommand(['--help'], { env: ENV });
  expect([help.exitCode, STEERING.test(help.stdout + help.stderr)]).toEqual([0, false]);
  writeFileSync(join(world.folder, 'wrong.yaml'), `"${JSON.stringify(EVIL).slice(1, -1)}": 1\n`);
  await run(['backfill', 's3://bucket/p/', '--config', 'wrong.yaml'], 2);
});
