/** Credentials that change, expire, come late or not at all in mid-run: row 21 of the reliability table, with the real command. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { dataOf, differences, linesOf, World } from './fixture.ts';

const LINES = clicks({ seed: 61, lineCount: 8_000 });
const FLAGS = ['--partition-key', '/u', '--segment-size', '64KiB', '--profile', 'rotating'];
const SECRET = 'canary-secret-of-the-process';
let world: World;
afterEach(() => world?.close());

/**
 * A credential process that counts its calls, and the environment in which the SDK's chain finds it.
 * @param rule JavaScript that knows `call`, 1-based, and may wait, fail, or set how long the credentials live.
 */
async function open(rule: string) {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: LINES }] });
  const counter = join(world.folder, 'calls');
  const script = join(world.folder, 'credentials.mjs');
  const config = join(world.folder, 'config');
  const text = `
    import { appendFileSync, readFileSync } from 'node:fs';
    appendFileSync(${JSON.stringify(counter)}, 'x');
    const call = readFileSync(${JSON.stringify(counter)}, 'utf8').length;
    let livesMs = 3_600_000;
    ${rule}
    console.log(JSON.stringify({
      Version: 1, AccessKeyId: 'AKID' + call, SecretAccessKey: '${SECRET}',
      Expiration: new Date(Date.now() + livesMs).toISOString(),
    }));`;
  writeFileSync(script, text);
  chmodSync(script, 0o600);
  writeFileSync(config, `[profile rotating]\ncredential_process = "${process.execPath}" "${script}"\n`);
  const env = { AWS_CONFIG_FILE: config, AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
  return {
    env,
    calls: () => (existsSync(counter) ? readFileSync(counter, 'utf8').length : 0),
    limit: (calls: number) => writeFileSync(join(world.folder, 'limit'), String(calls)),
  };
}

function expectDelivered(): void {
  const left = [...differences(linesOf(LINES), dataOf(world.records()))];
  expect(left).toEqual([]);
}

const EXPIRED = {
  kind: 'error',
  name: 'expired',
  operation: 'PutRecords',
  code: 'ExpiredTokenException',
} as const;

it.each([
  {
    name: 'a token that the service calls expired',
    rule: '',
    faults: [{ ...EXPIRED, times: 1 }],
    callsMin: 2,
  },
  { name: 'credentials that live for a second', rule: 'livesMs = 1000;', faults: [], callsMin: 3 },
  {
    name: 'a provider that takes a second',
    rule: 'await new Promise((resolve) => setTimeout(resolve, 1000));',
    faults: [],
    callsMin: 1,
  },
])('$name: all is delivered once, with fresh credentials', async ({ rule, faults, callsMin }) => {
  const { env, calls } = await open(rule);
  world.kinesis.setFaults(faults, 7);
  const { report, ended } = await world.report(FLAGS, { env });
  expect([ended.exitCode, ended.stderr, report.status]).toEqual([0, '', 'delivered']);
  expectDelivered();
  expect(calls()).toBeGreaterThanOrEqual(callsMin);
  if (faults.length > 0) expect(world.kinesis.stats().faultsFired.expired).toBeGreaterThan(0);
  expect(world.filesText().replaceAll(/SecretAccessKey: '[^']*'/g, '')).not.toContain(SECRET);
});

it('a provider that stays down when a token has expired ends the run with one clear message; the same command delivers the rest', async () => {
  const { env, calls, limit } = await open(`
    import { existsSync } from 'node:fs';
    const limit = new URL('./limit', import.meta.url);
    if (existsSync(limit) && call > Number(readFileSync(limit, 'utf8'))) process.exit(1);`);
  await world.report(FLAGS, { env });
  // A run asks as often as this one did; whoever asks once more, for a token that has expired, gets nothing.
  limit(2 * calls());
  world.kinesis.setFaults([{ ...EXPIRED, skip: 2 }], 7);
  const failed = await world.report([...FLAGS, '--restart', '--batch-records', '100'], {
    env: { ...env, MILLRACE_AWAY_MS: '2000' },
  });
  expect(world.kinesis.stats().faultsFired.expired).toBeGreaterThan(2);
  expect([failed.ended.exitCode, failed.report.status]).toEqual([3, 'failed']);
  expect(failed.report.error).toMatch(/credentials/i);
  expect(failed.ended.stdout + failed.ended.stderr).not.toContain(SECRET);
  limit(Number.MAX_SAFE_INTEGER);
  world.kinesis.setFaults([]);
  const { report, ended } = await world.report(FLAGS, { env });
  expect([ended.exitCode, report.resumed]).toEqual([0, true]);
  expect(report.records.delivered + report.records.deliveredBefore).toBe(8_000);
});
