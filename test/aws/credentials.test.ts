import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { credentialChain } from '../../src/aws/credentials.ts';

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
  expect(await credentialChain('us-east-1', null)()).toMatchObject({
    accessKeyId: 'AKID',
    secretAccessKey: 'secret',
  });
});

it('takes the profile that is named, keeps what it gave, and asks again when it is told to', async () => {
  writeProfile(3_600_000);
  const provider = credentialChain('us-east-1', 'p');
  const first = await provider();
  expect(await provider()).toEqual(first);
  expect((await provider({ forceRefresh: true })).accessKeyId).not.toBe(first.accessKeyId);
});

it('asks again when what it has has expired', async () => {
  writeProfile(1_000);
  const provider = credentialChain('us-east-1', 'p');
  const first = await provider();
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect((await provider()).accessKeyId).not.toBe(first.accessKeyId);
});

it('fails where there are none', async () => {
  await expect(credentialChain('us-east-1', null)()).rejects.toMatchObject({
    name: 'CredentialsProviderError',
  });
});

it('reads a credentials file again that was rotated, when it is told to, and not before', async () => {
  const path = join(folder, 'credentials');
  const write = (key: string) =>
    writeFileSync(path, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`);
  write('OLD');
  const provider = credentialChain('us-east-1', null);
  expect((await provider()).accessKeyId).toBe('OLD');
  write('NEW');
  expect((await provider()).accessKeyId).toBe('OLD');
  expect((await provider({ forceRefresh: true })).accessKeyId).toBe('NEW');
  expect((await provider()).accessKeyId).toBe('NEW');
});
