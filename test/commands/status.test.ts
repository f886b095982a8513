/** How far a run is, asked while it goes on, after it was killed, after it was stopped and when it is done: the real command. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { RunStatus } from '../../src/report/status.ts';
import { undocumentedFields } from './documented.ts';
import { runCommand, World } from './fixture.ts';

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
    /^Run \S+: stopped\n +journal +\S+run\.journal\n +objects +0 done, 1 begun, /,
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

it.each([
  {
    name: 'no journal is named',
    args: [],
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
