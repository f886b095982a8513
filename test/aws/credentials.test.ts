import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const asked = [provider(), provider()];
  for (const question of asked)
    await expect(question).rejects.toMatchObject({
      ...{ name: 'TimeoutError', message: 'the credential chain gave no answer within 0.02 s' },
    });
  expect(await provider()).toBe(answer);
  expect(opened).toBe(2);
});
