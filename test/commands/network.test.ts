/** Networks as they are: issue 12, point 14. The real command behind proxies, with certificates and profiles of its own. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { AWS_TEST_CERTIFICATE } from '../aws/certificate.ts';
import { type ProxyServer, startProxyServer, startTcpDoor, startTlsDoor } from '../aws/proxy-server.ts';
import { type Ended, runCommand, STREAM, World } from './fixture.ts';

const LINES = Array.from({ length: 300 }, (_, i) => `{"u":${i},"text":"${'x'.repeat(100)}"}\n`).join('');
/** The SDK calls a bucket with a dot by a path: one certificate will do for all. */
const DOTTED = 'a.bucket';
const SECRET = 'canary-password';
const ROLE_KEY = 'AKIDOFTHEROLE';
let world: World;
let dotted: FastS3;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  const objects = [{ key: 'a.jsonl', body: Buffer.from(LINES) }];
  world = await World.open({ objects, shards: 2 });
  dotted = await startFastS3({ buckets: { [DOTTED]: objects } });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => Promise.all([world.close(), dotted.close()]));

function keep<T extends { close(): unknown }>(made: T): T {
  cleanups.push(() => made.close());
  return made;
}

const portOf = (endpoint: string) => Number(new URL(endpoint).port);

/** STS as far as AssumeRole goes. */
async function startSts(): Promise<{ port: number; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.setHeader('content-type', 'text/xml');
    response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
      <AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId><Arn>arn:aws:sts::000000000000:assumed-role/r/s</Arn></AssumedRoleUser>
      <Credentials><AccessKeyId>${ROLE_KEY}</AccessKeyId><SecretAccessKey>${SECRET}-of-the-role</SecretAccessKey>
      <SessionToken>token</SessionToken><Expiration>${expiration}</Expiration></Credentials>
      </AssumeRoleResult></AssumeRoleResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: (server.address() as AddressInfo).port, asked, close };
}

/** AWS as a company sees it: nothing is reached but by the proxy, whose certificates are the company's own. */
async function openCompany() {
  const sts = keep(await startSts());
  const doors = {
    s3: keep(await startTlsDoor(portOf(dotted.endpoint), true)),
    kinesis: keep(await startTlsDoor(portOf(world.kinesis.endpoint), true)),
    sts: keep(await startTlsDoor(sts.port, true)),
  };
  const proxy = keep(
    await startProxyServer({
      credentials: `user:${SECRET}`,
      portOf: (host) => {
        if (/^s3\.[a-z0-9-]+\.amazonaws\.com$/.test(host)) return doors.s3.port;
        if (/kinesis\.[a-z0-9-]+\.amazonaws\.com$/.test(host)) return doors.kinesis.port;
        return host === 'sts.us-east-1.amazonaws.com' ? doors.sts.port : null;
      },
    }),
  );
  const bundle = join(world.folder, 'company.pem');
  writeFileSync(bundle, AWS_TEST_CERTIFICATE);
  return { proxy, bundle, sts };
}

/** Hosts that a proxy was asked for, each once, sorted. */
const hostsOf = ({ asked }: ProxyServer) =>
  [
    ...new Set(asked.map((line) => new URL(line.replace(/^CONNECT /, 'https://').replace(/^\w+ /, '')).host)),
  ].sort();

function expectEnd(ended: Ended, exitCode: number): void {
  const output = ended.stdout + ended.stderr;
  expect([ended.exitCode, ended.isTimedOut], output).toEqual([exitCode, false]);
  expect(output).not.toContain(SECRET);
  expect(output).not.toContain(Buffer.from(`user:${SECRET}`).toString('base64'));
}

function config(text: string): { AWS_CONFIG_FILE: string } {
  const path = join(world.folder, `config-${Math.random()}`);
  writeFileSync(path, text);
  return { AWS_CONFIG_FILE: path };
}

const KEYS = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = secret\n`;
const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
const BASE = ['--stream', STREAM, '--json', '--quiet', '--memory', '256MiB', '--restart'];
const journal = () => join(world.folder, `j-${Math.random()}.journal`);
const delivered = ({ stdout }: Ended) => JSON.parse(stdout).records.delivered;

describe('behind a proxy of https with certificates of its own', () => {
  it('a role is assumed, objects are listed and read, records are put, and verify reads them', async () => {
    const { proxy, bundle, sts } = await openCompany();
    const env = {
      ...config(`[profile role]\nrole_arn = arn:aws:iam::000000000000:role/r\nsource_profile = source\nca_bundle = ${bundle}
[profile source]\n${KEYS('AKIDOFTHESOURCE')}`),
      ...NO_KEYS,
      HTTPS_PROXY: proxy.url,
    };
    const path = journal();
    const flags = ['--profile', 'role', '--journal', path];
    const ended = await runCommand(['backfill', `s3://${DOTTED}/`, ...BASE, ...flags], { env });
    expectEnd(ended, 0);
    expect(delivered(ended)).toBe(300);
    expect(sts.asked.length).toBeGreaterThan(0);
    expect(new Set(sts.asked)).toEqual(new Set(['AKIDOFTHESOURCE']));
    const account = '000000000000';
    const hosts = [
      ...[`${account}.control-kinesis`, `${account}.data-kinesis`, 'kinesis', 's3', 'sts'].map(
        (name) => `${name}.us-east-1.amazonaws.com`,
      ),
    ];
    expect(hostsOf(proxy).filter((host) => !hosts.includes(host))).toEqual([]);
    for (const name of ['s3', 'sts', 'kinesis'])
      expect(hostsOf(proxy).some((host) => host.includes(name))).toBe(true);
    const before = proxy.asked.length;
    const verified = await runCommand(
      ['verify', '--journal', path, '--profile', 'role', '--from', 'trim-horizon', '--json', '--quiet'],
      { env },
    );
    expectEnd(verified, 0);
    expect([JSON.parse(verified.stdout).status, proxy.asked.length > before]).toEqual(['match', true]);
  });

  it('AWS_CA_BUNDLE is what is trusted; without it the run ends before it begins, and no setting of Node opens it', async () => {
    const { proxy, bundle } = await openCompany();
    const run = (env: Record<string, string>) =>
      runCommand(['backfill', `s3://${DOTTED}/`, ...BASE, '--journal', journal()], {
        env: { https_proxy: proxy.url, ...env },
      });
    const ended = await run({ AWS_CA_BUNDLE: bundle });
    expectEnd(ended, 0);
    expect(delivered(ended)).toBe(300);
    const refused = await run({ NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect([2, 3]).toContain(refused.exitCode);
    expect(refused.stderr).toMatch(/self-signed|SELF_SIGNED/);
  });

  it('a stream’s ARN leads to its region, S3 stays where it is', async () => {
    const { proxy, bundle } = await openCompany();
    const arn = world.kinesis.streamArn(STREAM).replace('us-east-1', 'eu-west-1');
    const flags = ['--stream', arn, '--json', '--quiet', '--memory', '256MiB', '--journal', journal()];
    await runCommand(['backfill', `s3://${DOTTED}/`, ...flags], {
      env: { https_proxy: proxy.url, AWS_CA_BUNDLE: bundle },
    });
    const regions = hostsOf(proxy).map((host) => host.replace(/^.*?(\w+)\.([a-z]+-[a-z]+-\d)\..*$/, '$1 $2'));
    expect(regions).toContain('kinesis eu-west-1');
    expect(regions.filter((text) => /^kinesis us/.test(text))).toEqual([]);
  });

  it('a wrong password ends the run with one line that names the proxy and not the password', async () => {
    const { proxy, bundle } = await openCompany();
    const env = { HTTPS_PROXY: proxy.url.replace('user', 'nobody'), AWS_CA_BUNDLE: bundle };
    const ended = await runCommand(['backfill', `s3://${DOTTED}/`, ...BASE, '--journal', journal()], { env });
    expectEnd(ended, 2);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(ended.stderr).toMatch(`the proxy ${proxy.url.replace(/.*@/, '')}`);
    expect(ended.stderr).toContain('407');
  });
});

describe('behind a proxy of http', () => {
  const LOCAL = () => [
    '--s3-endpoint-url',
    world.s3.endpoint,
    '--kinesis-endpoint-url',
    world.kinesis.endpoint,
  ];

  it.each([{ name: 'http_proxy' }, { name: 'HTTP_PROXY' }])(
    'all calls go by $name, those to this machine too, but for what NO_PROXY names',
    async ({ name }) => {
      const proxy = keep(await startProxyServer({ credentials: `user:${SECRET}` }));
      const run = (env: Record<string, string>) =>
        runCommand(['backfill', 's3://bucket/', ...BASE, ...LOCAL(), '--journal', journal()], {
          env: { [name]: proxy.url, ...env },
        });
      const ended = await run({});
      expectEnd(ended, 0);
      expect(delivered(ended)).toBe(300);
      expect(proxy.asked.every((line) => /^(GET|POST|HEAD) http:\/\/127\.0\.0\.1:\d+\//.test(line))).toBe(
        true,
      );
      expect(proxy.asked.some((line) => line.startsWith(`GET ${world.s3.endpoint}/bucket/a.jsonl`))).toBe(
        true,
      );
      expect(hostsOf(proxy)).toEqual(
        [world.s3.endpoint, world.kinesis.endpoint].map((url) => new URL(url).host).sort(),
      );
      proxy.asked.length = 0;
      const straight = await run({ NO_PROXY: `127.0.0.1:${portOf(world.s3.endpoint)}` });
      expectEnd(straight, 0);
      expect(hostsOf(proxy)).toEqual([new URL(world.kinesis.endpoint).host]);
    },
  );

  it.each(['demo', 'bench'])('%s finds its own servers', async (name) => {
    const proxy = keep(await startProxyServer({ portOf: () => null }));
    const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: 'elsewhere' };
    const size = name === 'bench' ? ['--size', '1MiB'] : [];
    const ended = await runCommand([name, ...size, '--json', '--quiet'], { env, cwd: world.folder });
    expectEnd(ended, 0);
    expect(proxy.asked).toEqual([]);
  });

  it('a proxy elsewhere gets nothing in the clear unless it is allowed', async () => {
    const env = { HTTP_PROXY: `http://user:${SECRET}@192.0.2.1:3128` };
    const ended = await runCommand(['backfill', 's3://bucket/', ...BASE, ...LOCAL()], { env });
    expectEnd(ended, 2);
    expect(ended.stderr).toMatch(/NO_PROXY.*192\.0\.2\.1:3128/);
  });

  it.each(['backfill', 'verify', 'redrive', 'bench'])(
    '%s refuses a proxy that is none, without showing it',
    async (name) => {
      const letters = join(world.folder, 'letters.jsonl');
      writeFileSync(letters, '');
      const words = {
        backfill: ['s3://bucket/'],
        verify: ['s3://bucket/'],
        redrive: [letters],
        bench: ['--source', 's3://bucket/'],
      }[name]!;
      const env = { HTTPS_PROXY: `socks5://user:${SECRET}@127.0.0.1:1` };
      const ended = await runCommand([name, ...words, '--stream', STREAM, '--quiet', ...LOCAL()], {
        env,
        cwd: world.folder,
      });
      expectEnd(ended, 2);
      expect(ended.stderr + ended.stdout).toContain('Expected HTTPS_PROXY to be a URL');
    },
  );
});

describe('profiles', () => {
  const flagsOf = () => [...BASE, '--journal', journal()];

  it.each([
    { name: '--profile', flags: ['--profile', 'store'], env: {} },
    { name: 'AWS_PROFILE', flags: [], env: { AWS_PROFILE: 'store' } },
  ])('$name leads to the endpoint_url and the services of its profile', async ({ flags, env }) => {
    const text = `[profile store]\nregion = us-east-1\nendpoint_url = ${world.s3.endpoint}\nservices = own\n${KEYS('A')}
[services own]\nkinesis =\n  endpoint_url = ${world.kinesis.endpoint}\n`;
    const dead = keep(await startProxyServer({ portOf: () => null }));
    const ended = await runCommand(['backfill', 's3://bucket/', ...flagsOf(), ...flags], {
      // Whatever would go to AWS itself goes to this proxy, and is seen.
      env: { ...config(text), ...NO_KEYS, AWS_REGION: undefined, HTTPS_PROXY: dead.url, ...env },
    });
    expectEnd(ended, 0);
    expect([delivered(ended), dead.asked]).toEqual([300, []]);
  });

  it('a role of a profile with an endpoint_url is asked of that endpoint, not of AWS', async () => {
    const sts = keep(await startSts());
    const dead = keep(await startProxyServer({ portOf: () => null }));
    const text = `[profile role]\nregion = us-east-1\nrole_arn = arn:aws:iam::000000000000:role/r\nsource_profile = source\nservices = own
[profile source]\n${KEYS('AKIDOFTHESOURCE')}
[services own]\nkinesis =\n  endpoint_url = ${world.kinesis.endpoint}\ns3 =\n  endpoint_url = ${world.s3.endpoint}
sts =\n  endpoint_url = http://127.0.0.1:${sts.port}\n`;
    const ended = await runCommand(['backfill', 's3://bucket/', ...flagsOf(), '--profile', 'role'], {
      env: { ...config(text), ...NO_KEYS, HTTPS_PROXY: dead.url },
    });
    expectEnd(ended, 0);
    expect([delivered(ended), dead.asked, sts.asked.length > 0]).toEqual([300, [], true]);
  });

  it.each(['backfill', 'verify', 'bench'])(
    '%s takes the keys of two accounts, one for S3, one for Kinesis',
    async (name) => {
      const text = `[profile a]\nregion = us-east-1\nendpoint_url = ${world.s3.endpoint}\n${KEYS('AKIDOFSTHREE')}
[profile b]\nregion = us-east-1\nendpoint_url = ${world.kinesis.endpoint}\n${KEYS('AKIDOFKINESIS')}`;
      const proxy = keep(await startKeyWatch());
      const words = name === 'bench' ? ['--source', 's3://bucket/'] : ['s3://bucket/'];
      const extra = name === 'backfill' ? ['--restart', '--journal', journal()] : [];
      const ended = await runCommand(
        [
          name,
          ...words,
          '--stream',
          STREAM,
          '--json',
          '--quiet',
          ...extra,
          '--s3-profile',
          'a',
          '--kinesis-profile',
          'b',
        ],
        { env: { ...config(text), HTTP_PROXY: proxy.url } },
      );
      // What other tests put onto the stream is foreign to verify, and no difference.
      expectEnd(ended, 0);
      const places = { s3: new URL(world.s3.endpoint).host, kinesis: new URL(world.kinesis.endpoint).host };
      expect([...proxy.keys].sort()).toEqual(
        [`${places.kinesis} AKIDOFKINESIS`, `${places.s3} AKIDOFSTHREE`].sort(),
      );
    },
  );

  it('that are not there are named', async () => {
    const ended = await runCommand(['backfill', 's3://bucket/', ...flagsOf(), '--s3-profile', 'gone']);
    expectEnd(ended, 2);
    expect(ended.stderr).toMatch(/^millrace: Expected --s3-profile .* gone\.$/m);
  });
});

/** A proxy that notes who signed what. */
async function startKeyWatch() {
  const keys = new Set<string>();
  const proxy = await startProxyServer({
    onRequest: ({ url, headers }) => {
      keys.add(`${new URL(url!).host} ${/Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1]}`);
    },
  });
  return { ...proxy, keys };
}

describe('addresses and variables', () => {
  it('endpoints of [::1] are endpoints of this machine', async () => {
    const s3 = keep(await startTcpDoor(portOf(world.s3.endpoint), '::1'));
    const kinesis = keep(await startTcpDoor(portOf(world.kinesis.endpoint), '::1'));
    const ended = await runCommand([
      ...['backfill', 's3://bucket/', ...BASE, '--journal', journal()],
      ...[
        '--s3-endpoint-url',
        `http://[::1]:${s3.port}`,
        '--kinesis-endpoint-url',
        `http://[::1]:${kinesis.port}`,
      ],
    ]);
    expectEnd(ended, 0);
    expect(delivered(ended)).toBe(300);
  });

  it('AWS_DEFAULT_REGION is a region, an empty AWS_ENDPOINT_URL is none, and the variables of the SDK’s retries are named', async () => {
    const env = {
      ...{ AWS_REGION: undefined, AWS_DEFAULT_REGION: 'us-east-1', AWS_ENDPOINT_URL: '' },
      ...{ AWS_ENDPOINT_URL_S3: world.s3.endpoint, AWS_ENDPOINT_URL_KINESIS: world.kinesis.endpoint },
      ...{ AWS_MAX_ATTEMPTS: '1', AWS_RETRY_MODE: 'adaptive' },
    };
    const ended = await runCommand(
      [
        'backfill',
        's3://bucket/',
        '--stream',
        STREAM,
        '--json',
        '--memory',
        '256MiB',
        '--journal',
        journal(),
      ],
      { env },
    );
    expectEnd(ended, 0);
    expect(delivered(ended)).toBe(300);
    for (const name of ['AWS_MAX_ATTEMPTS', 'AWS_RETRY_MODE'])
      expect(ended.stderr).toContain(`${name} changes nothing`);
  });

  it('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS sends the run to AWS itself', async () => {
    const { proxy, bundle } = await openCompany();
    const env = {
      ...{ AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
      ...{ HTTPS_PROXY: proxy.url, AWS_CA_BUNDLE: bundle },
    };
    const ended = await runCommand(['backfill', `s3://${DOTTED}/`, ...BASE, '--journal', journal()], { env });
    expectEnd(ended, 0);
    expect(delivered(ended)).toBe(300);
  });
});

it.each([
  { flag: '--kinesis-endpoint-url', service: 'Kinesis' },
  { flag: '--s3-endpoint-url', service: 'S3' },
])(
  '$flag that leads to something else is named, in words for whoever typed it',
  async ({ flag, service }) => {
    const world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{}') }], shards: 1 });
    try {
      const other = service === 'S3' ? world.kinesis.endpoint : world.s3.endpoint;
      const ended = await world.backfill([flag, other]);
      expect(ended.exitCode, ended.stderr).toBe(2);
      const said = `${ended.stderr}${ended.stdout}`;
      expect(said).toContain(`what answers at the endpoint is not ${service}`);
      expect(said).toContain(`check ${flag}, the network and its proxies`);
      expect(said).not.toMatch(/\$response|SyntaxError|@aws-sdk/);
    } finally {
      await world.close();
    }
  },
);
