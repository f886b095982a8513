/** How far a run is, asked while it goes on, after it was killed, after it was stopped and when it is done: the real command. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { RunStatus } from '../../src/observe/status.ts';
import { undocumentedFields } from './documented.ts';
import { BUCKET, runCommand, STREAM, World } from './fixture.ts';

const LINE_COUNT = 40_000;
const BAD = '{"bad":\n';
const BODY = Buffer.concat([Buffer.from(BAD), clicks({ seed: 31, lineCount: LINE_COUNT })]);
const FLAGS = ['--segment-size', '64KiB', '--downloads', '2'];
/** A segment a second and download: a run is still on its way when it is asked about, and when it is stopped. */
const SLOW = { kind: 'slow', bytesPerSecond: 60_000 } as const;

let world: World;
afterEach(() => world?.close());

async function status(...flags: string[]) {
  const ended = await runCommand(['status', '--journal', world.journal, ...flags], { cwd: world.folder });
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  return ended.stdout;
}

const statusJson = async (): Promise<RunStatus> => JSON.parse(await status('--json'));

const segmentCount = () =>
  existsSync(world.journal) ? readFileSync(world.journal, 'utf8').split('"kind":"segment"').length - 1 : 0;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Runs until its journal has a further segment and `status` has been asked, then ends it. */
async function runAndAsk(signal: NodeJS.Signals) {
  const before = segmentCount();
  let isAsked = false;
  const run = world.backfill([...FLAGS, '--json', '--quiet'], {
    interrupt: { when: () => isAsked, signals: [signal] },
  });
  let isOver = false;
  void run.then(() => (isOver = true));
  await until(() => isOver || segmentCount() > before);
  const asked = await statusJson();
  isAsked = true;
  return { asked, ended: await run };
}

/** What holds at any time. */
function expectSound(asked: RunStatus, known: Partial<RunStatus>) {
  const { lines, records, objects, bytes, left } = asked;
  expect(asked).toMatchObject({ journal: world.journal, tornBytes: expect.any(Number), ...known });
  expect(undocumentedFields(asked)).toEqual([]);
  expect(lines).toMatchObject({ read: records.delivered + lines.rejected, blank: 0 });
  expect(lines.rejectedByCode).toEqual(lines.rejected === 0 ? {} : { INVALID_JSON: 1 });
  expect(asked.deadLetters).toBe(lines.rejected);
  expect(objects).toEqual({ listed: 1, done: 0, failed: 0, begun: 1 });
  expect([bytes.listed, bytes.settled, left]).toEqual([BODY.length, 0, { objects: 1, bytes: BODY.length }]);
  expect(asked.startedAt <= asked.updatedAt && asked.createdAt <= asked.startedAt).toBe(true);
}

it('tells how far a run is while it goes on, when it was killed, when it was stopped, and when it is done', async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }] });
  world.s3.setFaults([SLOW]);
  const first = await runAndAsk('SIGKILL');
  expect(first.ended.exitCode).toBe(null);
  expectSound(first.asked, { state: 'running', status: null, pid: expect.any(Number), processes: 1 });
  expect(first.asked.records.delivered).toBeGreaterThan(0);
  expect(first.asked.records.delivered).toBeLessThan(LINE_COUNT);

  const killed = await statusJson();
  expectSound(killed, { state: 'killed', status: null, pid: null, processes: 1 });
  expect(killed.records.delivered).toBeGreaterThanOrEqual(first.asked.records.delivered);

  const second = await runAndAsk('SIGTERM');
  expect(second.ended.exitCode, second.ended.stderr).toBe(143);
  expectSound(second.asked, { state: 'running', status: null, processes: 2, run: first.asked.run });
  expect(second.asked.pid).not.toBe(first.asked.pid);
  expect(second.asked.records.delivered).toBeGreaterThan(killed.records.delivered);

  const stopped = await statusJson();
  expectSound(stopped, { state: 'stopped', status: 'interrupted', pid: null, processes: 2, tornBytes: 0 });
  expect(stopped.etaMs === null || stopped.etaMs > 0).toBe(true);
  expect(await status()).toMatch(
    /^Run \S+: stopped, \d+ % done\n +journal +\S+run\.journal\n +objects +0 done, 1 begun, /,
  );

  world.s3.setFaults([]);
  const { report } = await world.report(FLAGS);
  expect(report.resumed).toBe(true);
  expect(await statusJson()).toMatchObject({
    ...{
      state: 'finished',
      status: 'delivered-with-rejects',
      pid: null,
      processes: 3,
      etaMs: 0,
      tornBytes: 0,
    },
    objects: { listed: 1, done: 1, failed: 0, begun: 0 },
    lines: { read: LINE_COUNT + 1, blank: 0, rejected: 1, rejectedByCode: { INVALID_JSON: 1 } },
    records: { delivered: LINE_COUNT },
    bytes: { listed: BODY.length, settled: BODY.length },
    ...{ deadLetters: 1, left: { objects: 0, bytes: 0 } },
  });
});

/** More than a slow stream takes while it is asked about, in objects of which most are not begun for long. */
const LINES = BODY.toString('latin1')
  .split(/(?<=\n)/)
  .slice(1, 1 + LINE_COUNT);
const PIECES = Array.from({ length: 80 }, (_, n) => ({
  key: `${String(n).padStart(2, '0')}.jsonl`,
  body: Buffer.from(LINES.slice((n % 20) * 2000, ((n % 20) + 1) * 2000).join(''), 'latin1'),
}));
const PIECES_BYTES = PIECES.reduce((sum, { body }) => sum + body.length, 0);
const PIECES_LINES = 4 * LINE_COUNT;
const SECOND_MS = 1000;
const LOOK_MS = 10;

const heldRecords = () =>
  Object.values(world.kinesis.stats().streams[STREAM]!.shards).reduce((sum, { records }) => sum + records, 0);

/** How long threads of a process have waited for a processor so far, all together: nobody can blame it for that. 0 where the system does not say. */
function starvedMs(pid: number | null): number {
  if (pid === null || !existsSync(`/proc/${pid}/schedstat`)) return 0;
  const ofThread = (thread: string) => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
    } catch {
      return 0; // it has just ended
    }
  };
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0);
}

/** Of a stream that is the limit: what it holds, and when it did. */
class Held {
  readonly #seen: { readonly atMs: number; readonly records: number; readonly lostMs: number }[] = [];
  readonly #timer = setInterval(() => this.now, LOOK_MS);
  #stillMs = 0;
  /** Of the run that puts to it, once that is known. */
  pid: number | null = null;

  /** `lostMs`: time in which the run waited for a processor, or this machine stood still. */
  get now(): number {
    const [atMs, records, before] = [performance.now(), heldRecords(), this.#seen.at(-1)];
    this.#stillMs += Math.max(0, atMs - (before?.atMs ?? atMs) - 2 * LOOK_MS);
    this.#seen.push({ atMs, records, lostMs: starvedMs(this.pid) + this.#stillMs });
    return records;
  }

  /** What it held when the run had had a second since; more by as much as it lost until now: the system counts a wait when it is over. */
  aSecondBefore(atMs: number): number {
    const last = this.#seen.at(-1)!;
    const hadMs = (one: typeof last) => atMs - one.atMs - (last.lostMs - one.lostMs);
    return this.#seen.findLast((one) => hadMs(one) >= SECOND_MS)?.records ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

it('says within a second what a slow stream holds, ten times in a run, and exactly that when the run is stopped', async () => {
  world = await World.open({ objects: PIECES, shards: 2, isProvisioned: true });
  const held = new Held();
  let isAsked = false;
  const run = world.backfill(['--downloads', '2'], {
    interrupt: { when: () => isAsked, signals: ['SIGTERM'] },
  });
  let isOver = false;
  void run.then(() => (isOver = true));
  try {
    await until(() => isOver || held.now > 0);
    held.pid = (await statusJson()).pid;
    for (let n = 0; n < 10; n++) {
      const begunMs = performance.now();
      const asked = await statusJson();
      const heldNow = held.now;
      const label = `${n}: ${JSON.stringify(asked.acknowledged)}`;
      expect(asked.state, label).toBe('running');
      expect(asked.acknowledged.records, label).toBeGreaterThanOrEqual(held.aSecondBefore(begunMs));
      expect(asked.acknowledged.records, label).toBeLessThanOrEqual(heldNow);
      // Lines of one length: stored bytes are done as records are.
      const doneRecords = (asked.bytes.done / PIECES_BYTES) * PIECES_LINES;
      expect(Math.abs(doneRecords - asked.acknowledged.records), label).toBeLessThan(PIECES_LINES / 100);
      // So many more that ten questions take longer than the first line of progress.
      const next = held.now + 1200;
      await until(() => isOver || held.now >= next);
    }
  } finally {
    isAsked = true;
    held.stop();
    await run;
  }
  const { exitCode, stderr, stdout } = await run;
  expect(exitCode, stderr).toBe(143);
  const stopped = await statusJson();
  expect(stopped.acknowledged.records).toBe(heldRecords());
  expect(stopped.records.delivered).toBe(stopped.acknowledged.records);
  expect(stdout).toContain('repeats      nothing');

  const [line] = stderr.split('\n').filter((one) => /^millrace: \d{4}-/.test(one));
  const [, percent, sent] = /Z (\d+) % \| ETA [\dm ]+s \| ([\d,]+) sent \| [\d,]+\/s \| /.exec(line!)!;
  const sentCount = Number(sent!.replaceAll(',', ''));
  expect(sentCount).toBeLessThan(PIECES_LINES / 2);
  expect(Math.abs(Number(percent) - (100 * sentCount) / PIECES_LINES)).toBeLessThan(2);
  expect(line).toMatch(/\/s \| held by the stream: [12] of 2 shards at 1,000 records\/s$/);
});

it('lists the runs of the folder that the command is given in, where no journal is named', async () => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }] });
  const none = await runCommand(['status'], { cwd: world.folder });
  expect([none.exitCode, none.stdout]).toEqual([
    0,
    'No runs in .millrace; --journal names the journal of one elsewhere\n',
  ]);
  const endpoints = world.flags.slice(world.flags.indexOf('--s3-endpoint-url'));
  const words = ['backfill', `s3://${BUCKET}/`, '--stream', STREAM, ...endpoints, '--quiet', '--json'];
  const ran = await runCommand(words, { cwd: world.folder });
  expect(ran.exitCode, ran.stderr).toBe(1);
  const { run } = JSON.parse(ran.stdout);
  const listed = await runCommand(['status'], { cwd: world.folder });
  expect([listed.exitCode, listed.stderr]).toEqual([0, '']);
  expect(listed.stdout).toMatch(
    new RegExp(`^${run}  finished  100 % \\| 40,000 acknowledged \\| 1 dead letters \\| `),
  );
  const { runs } = JSON.parse((await runCommand(['status', '--json'], { cwd: world.folder })).stdout);
  expect(runs).toMatchObject([{ run, state: 'finished', acknowledged: { records: LINE_COUNT } }]);
  expect(undocumentedFields({ runs })).toEqual([]);
});

it.each([
  {
    name: 'the name of the journal is empty',
    args: ['--journal='],
    says: 'Expected --journal to name a journal, but received nothing',
  },
  { name: 'there is none', args: ['--journal', '/nowhere/a.journal'], says: 'no such file' },
])('ends with 2 where $name', async ({ args, says }) => {
  const ended = await runCommand(['status', ...args, '--json']);
  expect([ended.exitCode, JSON.parse(ended.stdout)]).toEqual([
    2,
    { status: 'failed', exitCode: 2, error: expect.any(String) },
  ]);
  expect(ended.stderr).toContain(says);
});

it('would see a field that the documentation does not name', () => {
  expect(undocumentedFields({ run: '', records: { delivered: 0, teleported: 0 } })).toEqual([
    'records.teleported',
  ]);
});
