/** Records that the service, or a proxy before it, refuses with their whole request; with the real command and eight slow requests in flight. */
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { deaggregate } from '../../src/record/aggregate.ts';
import { dataOf, differences, linesOf, World } from './fixture.ts';

const LINE_COUNT = 6_000;
const POISON = 'the record that nobody takes';
const BAD = [700, 701, 4_321];
const LINES = linesOf(clicks({ seed: 61, lineCount: LINE_COUNT })).map((line, n) =>
  BAD.includes(n) ? line.replace('{', `{"poison":"${POISON}",`) : line,
);
const SLOW: KinesisFault = { kind: 'delay', name: 'slow', delayMs: 60 };
const FLAGS = ['--partition-key', '/u', '--publishers', '2', '--in-flight', '8', '--batch-records', '100'];
let world: World;
afterEach(() => world?.close());

async function open(...faults: readonly KinesisFault[]): Promise<void> {
  world = await World.open({
    objects: [{ key: 'a.jsonl', body: Buffer.from(`${LINES.join('\n')}\n`, 'latin1') }],
    shards: 4,
  });
  world.kinesis.setFaults([...faults, SLOW], 7);
}

const REFUSED: KinesisFault = {
  kind: 'error',
  name: 'refused',
  code: 'ValidationException',
  containing: POISON,
  delayMs: 60,
};

it.each([
  { name: '', flags: [] },
  { name: ' in order', flags: ['--order', 'key'] },
  { name: ' from aggregates', flags: ['--aggregate', '--aggregate-bytes', '20KiB'] },
  { name: ' in JSON', flags: ['--wire', 'json'] },
])(
  'three records that are refused with their requests become dead letters$name, exit 1',
  async ({ flags }) => {
    await open(REFUSED);
    const { report, ended } = await world.report([...FLAGS, ...flags]);
    expect(world.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
    expect([ended.exitCode, report.status, ended.stderr]).toEqual([1, 'delivered-with-rejects', '']);
    expect(report.lines.rejectedByCode).toEqual({ PUT_REFUSED: BAD.length });
    const letters = world.deadLetters();
    expect(letters.map(({ data }) => Buffer.from(data!, 'base64').toString('latin1')).sort()).toEqual(
      BAD.map((n) => LINES[n]!).sort(),
    );
    expect(letters[0]).toMatchObject({ code: 'PUT_REFUSED', message: expect.stringContaining('Validation') });
    expect(report.records.delivered).toBe(LINE_COUNT - BAD.length);
    const records = world.records();
    const isAggregated = flags.includes('--aggregate');
    const stored = records.flatMap(({ data }) => {
      const parts = isAggregated ? deaggregate(data) : null;
      return parts?.map((part) => ({ data: Buffer.from(part.data) })) ?? [{ data }];
    });
    expect(
      differences(
        LINES.filter((_, n) => !BAD.includes(n)),
        dataOf(stored),
      ),
    ).toEqual(new Map());
  },
);

it('a proxy that takes no bodies over 20 KB gets smaller ones: everything is delivered', async () => {
  await open({ kind: 'error', name: 'too large', code: '', status: 413, overBytes: 20_000, delayMs: 60 });
  const { report, ended } = await world.report([...FLAGS, '--batch-records', '500']);
  expect(world.kinesis.stats().faultsFired['too large']).toBeGreaterThan(0);
  expect([ended.exitCode, report.status, report.records.delivered]).toEqual([0, 'delivered', LINE_COUNT]);
  expect(differences(LINES, dataOf(world.records()))).toEqual(new Map());
});

it('a service that takes nothing ends the run with 2 and without one dead letter', async () => {
  await open({ ...REFUSED, containing: '{' });
  const { report, ended } = await world.report(FLAGS);
  expect([ended.exitCode, report.status]).toEqual([2, 'failed']);
  expect(report.error).toMatch(/ValidationException.*16 requests in a row were refused/);
  expect([world.deadLetters(), world.records().length]).toEqual([[], 0]);
});

it('a service that answers 429 forty times costs seconds, not minutes', async () => {
  await open({ kind: 'error', name: 'busy', code: '', status: 429, skip: 4, times: 40, delayMs: 60 });
  const { report, ended } = await world.report([...FLAGS, '--batch-records', '50']);
  expect(world.kinesis.stats().faultsFired.busy).toBe(40);
  expect([ended.exitCode, report.records.delivered]).toEqual([0, LINE_COUNT]);
  expect([report.requests.breakerOpened, report.requests.putFailed]).toEqual([0, 0]);
  expect(report.requests.throttledRecords).toBeGreaterThan(0);
});
