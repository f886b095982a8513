/** Credentials that change, expire, come late or not at all in mid-run: docs/RELIABILITY.md, row 21, with the real command. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** Eight requests are in flight that take 60 ms each. */
const SLOW = { kind: 'delay', name: 'slow', delayMs: 60 } as const;
const BUSY = ['--partition-key', '/u', '--publishers', '1', '--in-flight', '8', '--batch-records', '100'];
const PART_COUNT = 40;
const SLOW_BODY = { kind: 'slow', name: 'slow body', bytesPerSecond: 500_000 } as const;

/** The lines in many objects, so that the source is still read when something changes. */
async function openParts(): Promise<void> {
  const lines = linesOf(LINES);
  const size = lines.length / PART_COUNT;
  const objects = Array.from({ length: PART_COUNT }, (_, i) => ({
    key: `part-${String(i).padStart(2, '0')}`,
    body: Buffer.from(`${lines.slice(i * size, (i + 1) * size).join('\n')}\n`, 'latin1'),
  }));
  world = await World.open({ objects });
  world.kinesis.setFaults([SLOW]);
  world.s3.setFaults([SLOW_BODY]);
}

/** Calls back once, when the first records are stored. */
function whenStored(callback: () => void): () => void {
  const timer = setInterval(() => {
    if (world.kinesis.stats().recordsStored === 0) return;
    clearInterval(timer);
    callback();
  }, 5);
  return () => clearInterval(timer);
}

it('a credentials file that is rotated in mid-run costs nothing: the source is read on and every record delivered once', async () => {
  await openParts();
  const path = join(world.folder, 'rotating');
  const write = (key: string) =>
    writeFileSync(path, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = ${SECRET}-${key}\n`);
  write('OLD');
  const stop = whenStored(() => {
    write('NEW');
    const accessKeyId = 'OLD';
    world.kinesis.setFaults([
      { kind: 'error', name: 'old key', code: 'UnrecognizedClientException', accessKeyId, delayMs: 60 },
      SLOW,
    ]);
    world.s3.setFaults([
      { kind: 'invalid-access-key', name: 'old key', operation: '*', accessKeyId },
      SLOW_BODY,
    ]);
  });
  const { report, ended } = await world.report([...BUSY, '--rate', '4000/s', '--downloads', '2'], {
    env: {
      AWS_SHARED_CREDENTIALS_FILE: path,
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
    },
  });
  stop();
  const { faultsFired } = world.kinesis.stats();
  expect([ended.exitCode, ended.stderr, report.status]).toEqual([0, '', 'delivered']);
  expect(faultsFired['old key']).toBeGreaterThan(0);
  expect(world.s3.stats().faultsFired['old key']).toBeGreaterThan(0);
  expectDelivered();
});

it('a credentials endpoint that is ill for six seconds in mid-run costs nothing', async () => {
  await openParts();
  let illFromMs = Number.POSITIVE_INFINITY;
  let refusals = 0;
  const endpoint = createServer((_, response) => {
    const sinceMs = performance.now() - illFromMs;
    // Longer than the SDK's own four tries.
    if (sinceMs >= 0 && sinceMs < 6_000) {
      refusals++;
      response.writeHead(500).end('{}');
      return;
    }
    const Expiration = new Date(Date.now() + 1_500).toISOString();
    response.end(
      JSON.stringify({ AccessKeyId: 'AKID', SecretAccessKey: SECRET, Token: 'token', Expiration }),
    );
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const stop = whenStored(() => {
    illFromMs = performance.now();
  });
  try {
    const { port } = endpoint.address() as AddressInfo;
    const { report, ended } = await world.report([...BUSY, '--rate', '2000/s', '--downloads', '2'], {
      env: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/`,
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
      },
    });
    expect([ended.exitCode, report.status, report.error]).toEqual([0, 'delivered', null]);
    expect(refusals).toBeGreaterThan(0);
    expect(report.requests.putFailed).toBeGreaterThan(0);
    expectDelivered();
  } finally {
    stop();
    endpoint.closeAllConnections();
    endpoint.close();
  }
});
