/** Transforms that go wrong, in the real command: each ends in a dead letter or a named failure, and the run can be resumed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { dataOf, runCommand, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const COUNT = 3000;
const BAD = 1234;
const LINES = Array.from({ length: COUNT }, (_, i) => `{"i":${i}}`);
const BODY = Buffer.from(LINES.map((line) => `${line}\n`).join(''));

/**
 * A module that does something on one line, and leaves a mark when it does. The file beside it is what it does: to take it away repairs
 * the module, and leaves it the same for the run.
 */
async function open(does: string): Promise<{ flags: string[]; hasFired: () => boolean; repair: () => void }> {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }], shards: 1 });
  const [path, mark, cure] = ['transform.mjs', 'fired', 'cured'].map((name) => join(world.folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    path,
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
     const kept = [];
     export default (record) => {
       if (record.i !== ${BAD} || existsSync(${JSON.stringify(cure)})) return record;
       writeFileSync(${JSON.stringify(mark)}, '');
       ${does}
     };`,
  );
  const flags = ['--transform', path, '--parsers', '1'];
  return { flags, hasFired: () => existsSync(mark), repair: () => writeFileSync(cure, '') };
}

it.each([
  ['throws', `throw new Error('no');`, /Error: no/],
  ['never comes back', 'for (;;);', /--transform-timeout/],
  ['gives a promise that never settles', 'return new Promise(() => {});', /--transform-timeout/],
  ['gives a BigInt', 'return { i: 1n };', /BigInt/],
  ['gives a circle', 'record.self = record; return record;', /circular/],
  ['changes its input and throws', 'record.i = "changed"; throw new Error("changed");', /Error: changed/],
])('the line on which a transform %s is a dead letter, and the run goes on', async (_, does, why) => {
  const { flags, hasFired } = await open(does);
  const { report, ended } = await world.report([...flags, '--transform-timeout', '300ms']);
  expect([hasFired(), ended.exitCode, ended.stderr]).toEqual([true, 1, '']);
  expect(report.lines).toMatchObject({ read: COUNT, rejected: 1, rejectedByCode: { TRANSFORM: 1 } });
  const [letter] = world.deadLetters();
  expect(letter!.message).toMatch(why);
  expect(Buffer.from(letter!.data!, 'base64').toString()).toBe(LINES[BAD]);
  expect(dataOf(world.records())).toHaveLength(COUNT - 1);
});

const HANGS = {
  'in a microtask': 'await null; for (;;);',
  'behind a timer': 'await new Promise((resolve) => setTimeout(resolve, 20)); for (;;);',
  'behind a file': "await readFile('/dev/null'); for (;;);",
  'in a callback of its own': 'await new Promise(() => setImmediate(() => { for (;;); }));',
};

it.each(Object.entries(HANGS))(
  'a transform that hangs behind an await, %s, loses that line alone: others that were on their way are sent once, and verify agrees',
  async (_, hangs) => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }], shards: 1 });
    const [path, mark] = ['transform.mjs', 'fired'].map((name) => join(world.folder, name)) as [
      string,
      string,
    ];
    writeFileSync(
      path,
      `import { writeFileSync } from 'node:fs';
       import { readFile } from 'node:fs/promises';
       export default async (record) => {
         if (record.i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, record.i % 5));
         else if (record.i % 3 === 0) await null;
         if (record.i !== ${BAD}) return record;
         writeFileSync(${JSON.stringify(mark)}, '');
         ${hangs}
       };`,
    );
    const flags = ['--transform', path, '--parsers', '2', '--transform-timeout', '300ms'];
    const { report, ended } = await world.report(flags, { timeoutMs: 150_000 });
    expect([existsSync(mark), ended.stderr]).toEqual([true, '']);
    expect(report.lines).toMatchObject({ read: COUNT, rejected: 1, rejectedByCode: { TRANSFORM: 1 } });
    expect(report.stages).toMatchObject([{ in: COUNT, out: COUNT - 1, failed: 1 }]);
    expect([report.exitCode, ended.exitCode]).toEqual([1, 1]);
    const [letter] = world.deadLetters();
    expect(letter!.message).toBe('Stage 1 use failed: it took longer than --transform-timeout');
    expect(Buffer.from(letter!.data!, 'base64').toString()).toBe(LINES[BAD]);
    expect(dataOf(world.records()).toSorted()).toEqual(LINES.filter((__, i) => i !== BAD).toSorted());
    const services = [
      '--s3-endpoint-url',
      world.s3.endpoint,
      '--kinesis-endpoint-url',
      world.kinesis.endpoint,
    ];
    const verified = await runCommand(
      ['verify', '--json', '--journal', world.journal, '--transform-timeout', '300ms', ...services],
      { cwd: world.folder, timeoutMs: 150_000 },
    );
    expect(JSON.parse(verified.stdout || 'null'), verified.stderr).toMatchObject({
      ...{ missing: 0, foreign: 0, duplicated: 0 },
      deadLetters: { held: 1, absent: 0 },
    });
  },
  330_000,
);

it('a limit of dead letters counts those of transforms', async () => {
  const { flags } = await open(`throw new Error('no');`);
  const { ended, report } = await world.report([...flags, '--max-rejects', '0']);
  expect([ended.exitCode, report.error]).toEqual([2, expect.stringContaining('--max-rejects')]);
});

it.each([
  ['ends its thread', 'process.exit(0);', /parser thread (failed|ended)/, {}],
  ['takes more memory than there is', 'for (;;) kept.push(new Array(1e5).fill(record.i));', /memory/, {}],
  [
    'hangs behind an await for longer than a thread may, before its own time is over,',
    'return Promise.resolve().then(() => { for (;;); });',
    /no sign of life/,
    { MILLRACE_HANG_MS: '3000' },
  ],
  [
    'leaves a promise that fails to nobody',
    `Promise.reject(new Error('left alone')); return record;`,
    /left alone/,
    {},
  ],
])(
  'a transform that %s ends the run with its name, and the same command goes on',
  async (_, does, why, env) => {
    const { flags, hasFired, repair } = await open(does);
    const { report, ended } = await world.report([...flags, '--transform-timeout', '20s'], { env });
    expect([hasFired(), ended.exitCode, report.error]).toEqual([true, 3, expect.stringMatching(why)]);
    repair();
    const again = await world.report([...flags, '--transform-timeout', '20s']);
    expect(again.ended.exitCode, again.ended.stderr).toBe(0);
    expect(again.report).toMatchObject({ resumed: true, lines: { read: COUNT, rejected: 0 } });
    expect(new Set(dataOf(world.records())).size).toBe(COUNT);
  },
  90_000,
);

it('an asynchronous transform is not begun again because --transform-timeout is short, as long as lines of its slice go on', async () => {
  const lines = Array.from({ length: 12 }, (_, i) => `{"i":${i}}\n`).join('');
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from(lines) }], shards: 1 });
  const [path, calls] = [join(world.folder, 'slow.mjs'), join(world.folder, 'calls')];
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs';
     export default async (record) => {
       appendFileSync(${JSON.stringify(calls)}, record.i + ' ');
       await new Promise((resolve) => setTimeout(resolve, 250 * record.i));
       return record;
     };`,
  );
  const flags = ['--transform', path, '--transform-timeout', '600ms', '--volatile-transform'];
  const { report, ended } = await world.report(flags);
  expect([ended.exitCode, report.records.delivered], ended.stderr).toEqual([0, 12]);
  expect(readFileSync(calls, 'utf8')).toBe('0 1 2 3 4 5 6 7 8 9 10 11 ');
}, 60_000);
