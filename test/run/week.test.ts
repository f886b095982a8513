/**
 * A week's events under a clock that is told the time: what a run of minutes never shows. Journal, pace of a shard, credentials.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type AwsCredentials, credentialChain } from '../../src/aws/credentials.ts';
import { createRandom } from '../../src/base/random.ts';
import { type Files, realFiles } from '../../src/journal/files.ts';
import { Journal } from '../../src/journal/journal.ts';
import { tally } from '../../src/journal/tally.ts';
import { readStatus } from '../../src/observe/status.ts';
import { ShardPace } from '../../src/publish/pace.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
const START_MS = Date.UTC(2026, 0, 5);

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

it('a journal that gets a pulse every second and a segment every five, for a week, stays under 64 MiB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-week-'));
  try {
    const path = join(folder, 'run.journal');
    // What is on the disk is tried elsewhere: a sync a minute of a week would take the test its time.
    const files: Files = {
      ...realFiles,
      open: async (name, mode) => ({ ...(await realFiles.open(name, mode)), datasync: async () => {} }),
    };
    const lock = async () => ({ isHeld: async () => true, release: async () => {} });
    let nowMs = START_MS;
    const journal = await Journal.open({
      ...{ path, run: 'week', identity: {}, digestKey: '', files, lock, nowMs: () => nowMs },
    });
    const SEGMENT_BYTES = 1 << 20;
    const SEGMENTS_PER_OBJECT = 100;
    let [segments, highest, shorter, before] = [0, 0, 0, 0];
    let id = 0;
    for (let second = 0; second < WEEK_MS / SECOND_MS; second += 1) {
      nowMs = START_MS + second * SECOND_MS;
      journal.append({ kind: 'pulse', records: second, bytes: second * 100, done: second * 100 });
      if (second % 5 === 0) {
        const place = segments % SEGMENTS_PER_OBJECT;
        if (place === 0)
          id = journal.pin({
            bucket: 'b',
            key: `k${segments}`,
            etag: '"1"',
            size: SEGMENTS_PER_OBJECT * SEGMENT_BYTES,
          });
        const [start, end] = [place * SEGMENT_BYTES, (place + 1) * SEGMENT_BYTES];
        const sums = { lines: 100, records: 100, bytes: SEGMENT_BYTES, sumA: BigInt(second), sumB: 1n };
        journal.append({ kind: 'segment', id, start, end, tally: tally(sums) });
        segments += 1;
        if (place + 1 === SEGMENTS_PER_OBJECT) journal.append({ kind: 'object-done', id });
      }
      if (second % 60 !== 59) continue;
      await journal.commit();
      const { size } = statSync(path);
      if (size < before) shorter += 1;
      before = size;
      highest = Math.max(highest, size);
    }
    expect(highest).toBeLessThan(64 << 20);
    expect(shorter, 'times that it was compacted').toBeGreaterThan(3);
    const status = await readStatus(path, { holder: async () => null });
    expect(status.records.delivered).toBe(segments * 100);
    expect(status.rate?.records).toBeCloseTo(1, 1);
    await journal.close({ status: 'delivered', complete: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 300_000);

describe('the pace of a shard over a week', () => {
  const PROVISIONED = { recordsPerSecond: 1_000, bytesPerSecond: 1_048_576 };
  const UNKNOWN = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
  const BATCH = 250;

  /** Sends batches to a shard that takes so much, for a while. @returns Records a second that were stored, and the share that was refused. */
  function send(pace: ShardPace, fromMs: number, forMs: number, recordsPerSecond: number) {
    let [nowMs, stored, refused] = [fromMs, 0, 0];
    let room = recordsPerSecond;
    let refilledAtMs = nowMs;
    while (nowMs < fromMs + forMs) {
      const delayMs = Math.max(1, pace.delayMs(BATCH, BATCH * 100, nowMs));
      nowMs += delayMs;
      room = Math.min(recordsPerSecond, room + (recordsPerSecond * (nowMs - refilledAtMs)) / 1_000);
      refilledAtMs = nowMs;
      // A pace without a bound is bounded by how fast this thread can send: 100 batches a second.
      nowMs += 10;
      pace.take(BATCH, BATCH * 100, nowMs);
      const taken = Math.floor(Math.min(BATCH, room));
      room -= taken;
      stored += taken;
      refused += BATCH - taken;
      pace.onAnswer({ records: taken, bytes: taken * 100 }, BATCH - taken, nowMs);
    }
    return { perSecond: stored / (forMs / 1_000), refusedShare: refused / (stored + refused) };
  }

  it('of a provisioned one is as good on the last day as on the first, after storms, outages and pauses', () => {
    const pace = new ShardPace(PROVISIONED, 1, START_MS, createRandom(1));
    const days = Array.from({ length: 7 }, (_, day) => {
      const dayMs = START_MS + day * DAY_MS;
      const quiet = send(pace, dayMs, HOUR_MS, 1_000);
      send(pace, dayMs + HOUR_MS, 10 * MINUTE_MS, 200);
      for (let n = 0; n < 300; n += 1) pace.onRequestFailed(dayMs + 2 * HOUR_MS + n * SECOND_MS, n);
      const after = send(pace, dayMs + 3 * HOUR_MS, HOUR_MS, 1_000);
      return { quiet, after };
    });
    for (const { quiet, after } of days) {
      expect(quiet.perSecond).toBeGreaterThan(970);
      expect(after.perSecond).toBeGreaterThan(970);
      expect(quiet.perSecond).toBeLessThanOrEqual(1_001);
    }
  });

  it('of an on-demand one that was quiet for days still learns what it takes when it refuses again', () => {
    const pace = new ShardPace(UNKNOWN, 1, START_MS, createRandom(2));
    const first = send(pace, START_MS, 10 * MINUTE_MS, 4_000);
    // Now and then a batch, as at the end of a source: nothing is refused, and the ceiling that was learned rises.
    for (let nowMs = START_MS + HOUR_MS; nowMs < START_MS + 6 * DAY_MS; nowMs += MINUTE_MS) {
      pace.take(BATCH, BATCH * 100, nowMs);
      pace.onAnswer({ records: BATCH, bytes: BATCH * 100 }, 0, nowMs);
    }
    const last = send(pace, START_MS + 6 * DAY_MS, 10 * MINUTE_MS, 4_000);
    expect(first.refusedShare).toBeLessThan(0.2);
    expect(last.refusedShare).toBeLessThan(first.refusedShare + 0.05);
    expect(last.perSecond).toBeGreaterThan(0.9 * first.perSecond);
  });
});

it('credentials that live for an hour are renewed in time for a week, and nobody notices when the endpoint is away for a minute', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined);
  let asked = 0;
  let failed = 0;
  let awayUntilMs = 0;
  const server = createServer((_, response) => {
    asked += 1;
    // Every other day a question finds nobody, and so does who asks within a minute of it.
    const nowMs = Date.now();
    if (nowMs > START_MS && nowMs > awayUntilMs + 2 * DAY_MS) awayUntilMs = nowMs + MINUTE_MS;
    if (nowMs < awayUntilMs) {
      failed += 1;
      response.writeHead(404).end('{}');
      return;
    }
    const Expiration = new Date(Date.now() + HOUR_MS).toISOString();
    response.end(JSON.stringify({ AccessKeyId: `K${asked}`, SecretAccessKey: 's', Token: 't', Expiration }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'millrace-week-'));
  try {
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'));
    vi.stubEnv(
      'AWS_CONTAINER_CREDENTIALS_FULL_URI',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/c`,
    );
    vi.useFakeTimers({ toFake: ['Date'], now: START_MS });
    const provider = credentialChain({ region: 'us-east-1', profile: null });
    const isOld = (credentials: AwsCredentials, nowMs: number) =>
      credentials.expiration!.getTime() - nowMs < 5 * MINUTE_MS;
    let expired = 0;
    for (let nowMs = START_MS; nowMs < START_MS + WEEK_MS; nowMs += MINUTE_MS) {
      vi.setSystemTime(nowMs);
      let credentials = await provider();
      if (credentials.expiration!.getTime() <= nowMs) expired += 1;
      // The chain renews what is old while it is still used. A minute is long enough for that, so this one ends when it has asked.
      const before = asked;
      while (isOld(credentials, nowMs) && !(asked > before && Date.now() < awayUntilMs)) {
        await setImmediate();
        credentials = await provider();
      }
    }
    expect(expired).toBe(0);
    expect(failed).toBeGreaterThan(3);
    expect(asked).toBeGreaterThan(168);
    expect(asked).toBeLessThan(220);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}, 120_000);
