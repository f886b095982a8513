/** How S3 and Kinesis are reached. The table is the AWS CLI's: botocore 1.44, `configprovider.py`, and the AWS SDKs reference guide. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AwsOptions } from '../../src/options/aws.ts';
import { findTargets } from '../../src/options/targets.ts';
import { TEST_CERTIFICATE } from '../aws/certificate.ts';

const NO_FLAGS: AwsOptions = {
  ...{ region: null, profile: null, s3Profile: null, kinesisProfile: null },
  ...{ s3Endpoint: null, kinesisEndpoint: null, isInsecureAllowed: false },
};
const CONFIG = `
[default]
region = default-region

[profile plain]
region = eu-west-1

[profile store]
region = auto
endpoint_url = https://store.example
services = own
ca_bundle = BUNDLE

[services own]
kinesis =
  endpoint_url = https://kinesis.example

[profile all]
endpoint_url = https://all.example

[profile ignoring]
endpoint_url = https://never.example
ignore_configured_endpoint_urls = true

[profile abroad]
use_fips_endpoint = true

[profile astray]
services = nowhere
`;

let folder: string;
let bundle: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-targets-'));
  bundle = join(folder, 'bundle.pem');
  writeFileSync(bundle, TEST_CERTIFICATE);
  const config = join(folder, 'config');
  writeFileSync(config, CONFIG.replace('BUNDLE', bundle));
  writeFileSync(join(folder, 'credentials'), '[keys]\naws_access_key_id = a\naws_secret_access_key = b\n');
  vi.stubEnv('AWS_CONFIG_FILE', config);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

type Environment = Readonly<Record<string, string>>;
const find = (flags: Partial<AwsOptions> = {}, environment: Environment = {}, stream = 'orders') =>
  findTargets({ ...NO_FLAGS, ...flags }, stream, environment);

describe('the endpoint', () => {
  const ENV = 'https://env.example';
  it.each<{
    name: string;
    flags?: Partial<AwsOptions>;
    env?: Environment;
    s3: string | null;
    kinesis: string | null;
  }>([
    { name: 'is none where nothing names one', s3: null, kinesis: null },
    { name: 'is that of AWS_ENDPOINT_URL', env: { AWS_ENDPOINT_URL: ENV }, s3: ENV, kinesis: ENV },
    {
      name: 'is that of the variable of its service first',
      env: { AWS_ENDPOINT_URL: ENV, AWS_ENDPOINT_URL_S3: 'https://s3.example' },
      ...{ s3: 'https://s3.example', kinesis: ENV },
    },
    {
      name: 'is none where AWS_ENDPOINT_URL is empty',
      env: { AWS_ENDPOINT_URL: '' },
      s3: null,
      kinesis: null,
    },
    {
      name: 'is that of AWS_ENDPOINT_URL where the variable of the service is empty',
      env: { AWS_ENDPOINT_URL: ENV, AWS_ENDPOINT_URL_S3: '' },
      ...{ s3: ENV, kinesis: ENV },
    },
    {
      name: 'is none where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says so',
      flags: { profile: 'store' },
      env: { AWS_ENDPOINT_URL: ENV, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'True' },
      ...{ s3: null, kinesis: null },
    },
    {
      name: 'is that of a flag all the same',
      flags: { s3Endpoint: 'https://flag.example' },
      env: { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true', AWS_ENDPOINT_URL: ENV },
      ...{ s3: 'https://flag.example', kinesis: null },
    },
    {
      name: 'is none where the profile says that none counts',
      flags: { profile: 'ignoring' },
      env: { AWS_ENDPOINT_URL: ENV },
      ...{ s3: null, kinesis: null },
    },
    {
      name: 'counts where the variable takes back what the profile says',
      flags: { profile: 'ignoring' },
      env: { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false' },
      ...{ s3: 'https://never.example', kinesis: 'https://never.example' },
    },
    {
      name: 'is that of --profile, of its services section first',
      flags: { profile: 'store' },
      ...{ s3: 'https://store.example', kinesis: 'https://kinesis.example' },
    },
    {
      name: 'is that of AWS_PROFILE',
      env: { AWS_PROFILE: 'store' },
      ...{ s3: 'https://store.example', kinesis: 'https://kinesis.example' },
    },
    {
      name: 'of a variable wins over a profile',
      flags: { profile: 'store' },
      env: { AWS_ENDPOINT_URL: ENV },
      s3: ENV,
      kinesis: ENV,
    },
    {
      name: 'of S3 is that of --s3-profile alone',
      flags: { s3Profile: 'store' },
      ...{ s3: 'https://store.example', kinesis: null },
    },
    {
      name: 'of Kinesis is that of --kinesis-profile, of S3 that of --profile',
      flags: { profile: 'all', kinesisProfile: 'store' },
      ...{ s3: 'https://all.example', kinesis: 'https://kinesis.example' },
    },
    {
      name: 'of Kinesis is none where --kinesis-profile has none',
      flags: { kinesisProfile: 'plain' },
      env: { AWS_PROFILE: 'all' },
      ...{ s3: 'https://all.example', kinesis: null },
    },
  ])('$name', async ({ flags = {}, env = {}, s3, kinesis }) => {
    const targets = await find(flags, env);
    expect([targets.source.endpoint, targets.stream.endpoint]).toEqual([s3, kinesis]);
  });

  it('of STS is that of a profile that a flag names: the SDK asks AWS_PROFILE itself', async () => {
    const sts = async (flags: Partial<AwsOptions>, env: Environment = {}) =>
      (await find(flags, env)).source.stsEndpoint;
    expect(await sts({ profile: 'all' })).toBe('https://all.example');
    expect(await sts({ profile: 'ignoring' })).toBeNull();
    expect(await sts({}, { AWS_PROFILE: 'all' })).toBeNull();
    expect(await sts({ profile: 'all' }, { AWS_ENDPOINT_URL_STS: ENV })).toBeNull();
  });
});

describe('the region', () => {
  it.each<{ name: string; flags?: Partial<AwsOptions>; env?: Environment; region: string | null }>([
    { name: 'is that of the flag first', flags: { region: 'f' }, env: { AWS_REGION: 'e' }, region: 'f' },
    { name: 'is AWS_REGION, then', env: { AWS_REGION: 'e', AWS_DEFAULT_REGION: 'd' }, region: 'e' },
    {
      name: 'is AWS_DEFAULT_REGION, then',
      flags: { profile: 'plain' },
      env: { AWS_DEFAULT_REGION: 'd' },
      region: 'd',
    },
    { name: 'is that of the profile, then', flags: { profile: 'plain' }, region: 'eu-west-1' },
    { name: 'is not an empty one', env: { AWS_REGION: '', AWS_DEFAULT_REGION: 'd' }, region: 'd' },
    { name: 'is left to the SDK where nothing names it', flags: { profile: 'keys' }, region: null },
  ])('$name', async ({ flags = {}, env = {}, region }) => {
    const { source: s3, stream: kinesis } = await find(flags, env);
    expect([s3.region, kinesis.region]).toEqual([region, region]);
  });

  it('of Kinesis is that of the stream’s ARN', async () => {
    const arn = 'arn:aws:kinesis:eu-central-1:123456789012:stream/orders';
    const { source: s3, stream: kinesis } = await find({ region: 'us-east-1' }, {}, arn);
    expect([s3.region, kinesis.region]).toEqual(['us-east-1', 'eu-central-1']);
  });

  it('of each service is that of its profile', async () => {
    const { source: s3, stream: kinesis } = await find({ s3Profile: 'store', kinesisProfile: 'plain' });
    expect([s3.region, kinesis.region]).toEqual(['auto', 'eu-west-1']);
    expect([s3.profile, kinesis.profile]).toEqual(['store', 'plain']);
  });
});

describe('the certificates that are trusted', () => {
  it.each<{
    name: string;
    flags?: Partial<AwsOptions>;
    env?: (path: string) => Environment;
    isBundle: boolean;
  }>([
    { name: 'are Node’s own where nothing names others', isBundle: false },
    { name: 'are those of AWS_CA_BUNDLE', env: (path) => ({ AWS_CA_BUNDLE: path }), isBundle: true },
    {
      name: 'are Node’s own where AWS_CA_BUNDLE is empty',
      env: () => ({ AWS_CA_BUNDLE: '' }),
      isBundle: false,
    },
    { name: 'are those of the profile', flags: { profile: 'store' }, isBundle: true },
  ])('$name', async ({ flags = {}, env = () => ({}), isBundle }) => {
    const { source: s3, stream: kinesis } = await find(flags, env(bundle));
    const wanted = isBundle ? TEST_CERTIFICATE : null;
    expect([s3.authorities, kinesis.authorities]).toEqual([wanted, wanted]);
  });

  it('are those of the profile of each service', async () => {
    const { source: s3, stream: kinesis } = await find({ s3Profile: 'store' });
    expect([s3.authorities, kinesis.authorities]).toEqual([TEST_CERTIFICATE, null]);
  });
});

describe('endpoints of another kind', () => {
  it.each<{ name: string; flags?: Partial<AwsOptions>; env?: Environment; isAsked: boolean }>([
    { name: 'are asked for by nobody', isAsked: false },
    { name: 'are asked for by a variable', env: { AWS_USE_DUALSTACK_ENDPOINT: 'true' }, isAsked: true },
    { name: 'are asked for by the profile', flags: { profile: 'abroad' }, isAsked: true },
  ])('$name', async ({ flags = {}, env = {}, isAsked }) => {
    const { source, stream } = await find(flags, env);
    expect([source.hasOwnRules, stream.hasOwnRules]).toEqual([isAsked, isAsked]);
  });
});

it.each([
  { env: { AWS_MAX_ATTEMPTS: '10' }, names: ['AWS_MAX_ATTEMPTS'] },
  {
    env: { AWS_RETRY_MODE: 'adaptive', AWS_MAX_ATTEMPTS: '3' },
    names: ['AWS_MAX_ATTEMPTS', 'AWS_RETRY_MODE'],
  },
  { env: { AWS_RETRY_MODE: '' }, names: [] },
])('says that $names change nothing', async ({ env, names }) => {
  const { notices } = await find({}, env as unknown as Environment);
  expect(notices.map((notice) => notice.split(' ')[0])).toEqual(names);
});

describe('refuses, in one message', () => {
  it.each<{ name: string; flags?: Partial<AwsOptions>; env?: Environment; says: RegExp[] }>([
    { name: 'a profile that is not there', flags: { profile: 'gone' }, says: [/--profile .* gone/] },
    { name: 'one of S3', flags: { s3Profile: 'gone' }, says: [/--s3-profile .* gone/] },
    {
      name: 'plain http to another machine, wherever it is named',
      env: { AWS_ENDPOINT_URL: 'http://user:canary@192.0.2.1' },
      says: [/http:\/\/\*\*\*@192\.0\.2\.1 .*--insecure-endpoint/],
    },
    { name: 'what is no URL', env: { AWS_ENDPOINT_URL_S3: 'localhost:9000' }, says: [/localhost:9000.*URL/] },
    {
      name: 'a services section that is not there',
      flags: { profile: 'astray' },
      says: [/services nowhere/],
    },
    {
      name: 'a bundle that is not there',
      env: { AWS_CA_BUNDLE: '/no/such.pem' },
      says: [/AWS_CA_BUNDLE.*ENOENT/],
    },
    {
      name: 'a bundle without a certificate',
      env: { AWS_CA_BUNDLE: import.meta.filename },
      says: [/no certificate/],
    },
    { name: 'a proxy that is none', env: { HTTPS_PROXY: 'socks5://canary@p' }, says: [/HTTPS_PROXY/] },
    {
      name: 'plain http that a proxy elsewhere would carry',
      env: { HTTP_PROXY: 'http://user:canary@p.example:3128', AWS_ENDPOINT_URL: 'http://localhost:4566' },
      says: [/NO_PROXY to name .*http:\/\/localhost:4566.*p\.example:3128/],
    },
    {
      name: 'everything at once',
      flags: { profile: 'gone' },
      env: { AWS_CA_BUNDLE: '/no/such.pem', HTTP_PROXY: 'ftp://p', AWS_ENDPOINT_URL: 'http://192.0.2.1' },
      says: [/HTTP_PROXY/, /gone/, /192\.0\.2\.1/, /AWS_CA_BUNDLE/],
    },
  ])('$name', async ({ flags = {}, env = {}, says }) => {
    const error = await find(flags, env).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'MILLRACE_OPTIONS', exitCode: 2 });
    const { problems, message } = error as { problems: string[]; message: string };
    expect(problems).toHaveLength(says.length);
    for (const [i, pattern] of says.entries()) expect(problems[i]).toMatch(pattern);
    expect(message).not.toContain('canary');
  });

  it('but not plain http through a proxy on this machine, past one, or where it is allowed', async () => {
    const endpoint = { AWS_ENDPOINT_URL: 'http://localhost:4566' };
    const elsewhere = { ...endpoint, HTTP_PROXY: 'http://p.example' };
    await find({}, { ...endpoint, HTTP_PROXY: 'http://[::1]:3128' });
    await find({}, { ...elsewhere, NO_PROXY: 'localhost' });
    const { source: s3 } = await find({ isInsecureAllowed: true }, elsewhere);
    expect(s3.endpoint).toBe('http://localhost:4566');
  });
});
