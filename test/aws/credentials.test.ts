import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { credentialChain, withinTime } from '../../src/aws/credentials.ts';
import { startProxyServer } from './proxy-server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-credentials-'));
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A profile whose program gives another key each time, for `livesMs`. */
function writeProfile(livesMs: number): void {
  const program = join(folder, 'provider.mjs');
  writeFileSync(
    program,
    `const Expiration = new Date(Date.now() + ${livesMs}).toISOString();
     console.log(JSON.stringify({ Version: 1, AccessKeyId: 'K' + process.hrtime.bigint(), SecretAccessKey: 's', Expiration }));`,
  );
  writeFileSync(
    join(folder, 'config'),
    `[profile p]\ncredential_process = "${process.execPath}" "${program}"\n`,
  );
}

it('takes the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKID');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  expect(await credentialChain({ region: 'us-east-1', profile: null })()).toMatchObject({
    accessKeyId: 'AKID',
    secretAccessKey: 'secret',
  });
});

const PAIR = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' };
it.each<Record<string, string>>([
  PAIR,
  { ...PAIR, AWS_SESSION_TOKEN: 'token', AWS_ACCOUNT_ID: '123456789012' },
  { ...PAIR, AWS_SESSION_TOKEN: '', AWS_PROFILE: '' },
  { ...PAIR, AWS_CREDENTIAL_EXPIRATION: '2099-01-01T00:00:00Z' },
  { ...PAIR, AWS_CREDENTIAL_SCOPE: 'us-east-1' },
  { ...PAIR, AWS_PROFILE: 'p' },
  { ...PAIR, AWS_PROFILE: 'q' },
  { AWS_ACCESS_KEY_ID: 'AKID' },
  { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: '' },
  {},
])('gives, or says, what the SDK does: %j', async (variables) => {
  for (const name of ['AWS_CREDENTIAL_EXPIRATION', 'AWS_CREDENTIAL_SCOPE', 'AWS_ACCOUNT_ID'])
    vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  writeFileSync(join(folder, 'credentials'), '[p]\naws_access_key_id = P\naws_secret_access_key = s\n');
  const outcome = (provider: () => Promise<object>) =>
    provider().then(
      (given) => given,
      ({ name, message }: Error) => ({ name, message }),
    );
  const wanted = await outcome(defaultProvider({ ignoreCache: true }));
  expect(await outcome(credentialChain({ region: null, profile: null }))).toEqual(wanted);
  expect(await outcome(credentialChain({ region: null, profile: 'p' }))).toMatchObject({ accessKeyId: 'P' });
  vi.restoreAllMocks();
});

it('reads variables again when it is told to, and not before', async () => {
  for (const [name, value] of Object.entries(PAIR)) vi.stubEnv(name, value);
  const provider = credentialChain({ region: 'us-east-1', profile: null });
  await provider();
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'OTHER');
  expect((await provider()).accessKeyId).toBe('AKID');
  expect((await provider({ forceRefresh: true })).accessKeyId).toBe('OTHER');
});

it('takes the profile that is named, keeps what it gave, and asks again when it is told to', async () => {
  writeProfile(3_600_000);
  const provider = credentialChain({ region: 'us-east-1', profile: 'p' });
  const first = await provider();
  expect(await provider()).toEqual(first);
  expect((await provider({ forceRefresh: true })).accessKeyId).not.toBe(first.accessKeyId);
});

it('asks again when what it has has expired', async () => {
  writeProfile(1_000);
  const provider = credentialChain({ region: 'us-east-1', profile: 'p' });
  const first = await provider();
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect((await provider()).accessKeyId).not.toBe(first.accessKeyId);
});

it('fails where there are none', async () => {
  await expect(credentialChain({ region: 'us-east-1', profile: null })()).rejects.toMatchObject({
    name: 'CredentialsProviderError',
  });
});

it('reads a credentials file again that was rotated, when it is told to, and not before', async () => {
  const path = join(folder, 'credentials');
  const write = (key: string) =>
    writeFileSync(path, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`);
  write('OLD');
  const provider = credentialChain({ region: 'us-east-1', profile: null });
  expect((await provider()).accessKeyId).toBe('OLD');
  write('NEW');
  expect((await provider()).accessKeyId).toBe('OLD');
  expect((await provider({ forceRefresh: true })).accessKeyId).toBe('NEW');
  expect((await provider()).accessKeyId).toBe('NEW');
});

describe('asks through the proxy, and nobody else,', () => {
  const START = 'https://company.awsapps.example/start';
  it.each([
    {
      name: 'STS for a role, where the stream is',
      config:
        '[profile p]\nrole_arn = arn:aws:iam::000000000000:role/r\nsource_profile = s\n[profile s]\naws_access_key_id = a\naws_secret_access_key = b\n',
      host: 'sts.us-east-1.amazonaws.com',
    },
    {
      name: 'STS for a role, where the profile is',
      config:
        '[profile p]\nregion = eu-west-1\nrole_arn = arn:aws:iam::000000000000:role/r\nsource_profile = s\n[profile s]\naws_access_key_id = a\naws_secret_access_key = b\n',
      host: 'sts.eu-west-1.amazonaws.com',
    },
    {
      name: 'STS for a web identity',
      config: '[profile p]\nrole_arn = arn:aws:iam::000000000000:role/r\nweb_identity_token_file = TOKEN\n',
      host: 'sts.us-east-1.amazonaws.com',
    },
    {
      name: 'SSO, in its own region',
      config: `[profile p]\nsso_start_url = ${START}\nsso_region = eu-west-1\nsso_account_id = 000000000000\nsso_role_name = r\n`,
      host: 'portal.sso.eu-west-1.amazonaws.com',
    },
  ])('$name', async ({ config, host }) => {
    const token = join(folder, 'token');
    writeFileSync(token, 'token');
    writeFileSync(join(folder, 'config'), config.replace('TOKEN', token));
    const cache = join(folder, '.aws', 'sso', 'cache');
    mkdirSync(cache, { recursive: true });
    const name = `${createHash('sha1').update(START).digest('hex')}.json`;
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    writeFileSync(join(cache, name), JSON.stringify({ accessToken: 't', expiresAt, startUrl: START }));
    const proxy = await startProxyServer({ credentials: 'user:other' });
    try {
      for (const variable of ['https_proxy', 'no_proxy', 'NO_PROXY']) vi.stubEnv(variable, undefined);
      vi.stubEnv('HOME', folder);
      vi.stubEnv('HTTPS_PROXY', proxy.url.replace('other', 'canary'));
      const error = await credentialChain({ region: 'us-east-1', profile: 'p' })().catch((e: unknown) => e);
      expect(String(error)).toMatch(/the proxy 127\.0\.0\.1:\d+ refused the way/);
      expect(String(error)).not.toContain('canary');
      expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${host}:443`]));
    } finally {
      await proxy.close();
    }
  });
});

it('a chain that never answers fails in time, and the next question goes to a new one', async () => {
  const answer = { accessKeyId: 'a', secretAccessKey: 'b' };
  let opened = 0;
  const provider = withinTime(() => {
    const isSilent = ++opened === 1;
    return () => (isSilent ? new Promise(() => undefined) : Promise.resolve(answer));
  }, 20);
  const reason = { name: 'TimeoutError', message: 'the credential chain gave no answer within 0.02 s' };
  expect(await Promise.allSettled([provider(), provider()])).toMatchObject([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ]);
  expect(await provider()).toBe(answer);
  expect(opened).toBe(2);
});
