/** Stages: `--where`, edits and `--sample` in the real command: what arrives, what is counted, what verify, a resume and a redrive say of it. */
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { type DeadLetter, dataOf, runCommand, STREAM, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const KEY = 'a key of the tests, no secret';
const COUNT = 3000;
const scanners = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];

function lineOf(object: string, i: number): string {
  if (i % 100 === 99) return '';
  if (i % 100 === 98) return `{"o":"${object}","i":"${i}","mail":"m${i}@example.org"}`;
  return `{"o":"${object}","i":${i},  "mail":"m${i}@example.org", "n":1.50e1}`;
}
const linesOf = (object: string) => Array.from({ length: COUNT }, (_, i) => lineOf(object, i));
const bodyOf = (object: string) =>
  Buffer.from(
    linesOf(object)
      .map((line) => `${line}\n`)
      .join(''),
  );
const objects = () => [
  { key: 'p/plain.jsonl', body: bodyOf('plain') },
  { key: 'p/packed.jsonl.gz', body: gzipSync(bodyOf('packed')) },
];

async function verify(flags: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['verify', '--json', ...flags, ...services], { env, cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

it.each(scanners)(
  'what a condition leaves out is counted as filtered, what it cannot decide is a dead letter, and edits change what they name: $scanner scanner',
  async ({ env: scanner }) => {
    world = await World.open({ objects: objects(), shards: 2 });
    const env = { ...scanner, MILLRACE_HASH_KEY: KEY };
    const flags = ['--where', 'record.i < 1000 && source.key.startsWith("p/")', '--hash', '/mail'];
    const edits = ['--drop', '/o', '--set', '/src="s3"', '--rename', '/i=index', '--partition-key', '/mail'];
    const { report, ended } = await world.report([...flags, ...edits], { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    const perObject = { read: COUNT, blank: COUNT / 100, FILTER: COUNT / 100, kept: 980 };
    expect(report.lines).toEqual({
      read: 2 * perObject.read,
      blank: 2 * perObject.blank,
      filtered: 2 * (perObject.read - perObject.blank - perObject.FILTER - perObject.kept),
      rejected: 2 * perObject.FILTER,
      rejectedByCode: { FILTER: 2 * perObject.FILTER },
    });
    const [into, out] = [2 * (perObject.read - perObject.blank), 2 * perObject.kept];
    const failed = 2 * perObject.FILTER;
    // Null where the thread stood still while it was measured.
    const timeMs = expect.toBeOneOf([null, expect.any(Number)]) as unknown;
    expect(report.stages).toEqual([
      { label: 'where', in: into, out, dropped: report.lines.filtered, failed, timeMs },
      { label: 'edits', in: out, out, dropped: 0, failed: 0, timeMs },
    ]);
    const expected = Array.from({ length: 1000 }, (_, i) => i)
      .filter((i) => i % 100 < 98)
      .map((i) => {
        const mail = createHmac('sha256', KEY).update(`m${i}@example.org`).digest('hex');
        return { partitionKey: mail, data: `{"index":${i},  "mail":"${mail}", "n":1.50e1,"src":"s3"}` };
      });
    const found = world.records().map(({ partitionKey, data }) => ({ partitionKey, data: data.toString() }));
    const byKey = (one: { data: string }, other: { data: string }) => (one.data < other.data ? -1 : 1);
    expect(found.toSorted(byKey)).toEqual([...expected, ...expected].toSorted(byKey));
    expect(Buffer.from(world.deadLetters()[0]!.data!, 'base64').toString()).toMatch(
      /^{"o":.*@example.org"}$/,
    );
    expect(readFileSync(world.journal, 'utf8')).not.toContain(KEY);

    const verified = await verify(['--journal', world.journal], env);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      status: 'match-with-rejects',
      lines: { counted: 2 * COUNT, filtered: report.lines.filtered, records: 2 * perObject.kept },
      ...{ missing: 0, foreign: 0, duplicated: 0 },
    });
    expect(verified.report.warnings).toEqual([]);
    const part = await verify(['--journal', world.journal, '--where', 'record.i < 10'], env);
    expect([part.ended.exitCode, part.report.warnings]).toEqual([
      part.report.status === 'match' ? 0 : 1,
      ['Compared with --where as given here, not as the run had it.'],
    ]);
    const other = await verify(['--journal', world.journal], { ...env, MILLRACE_HASH_KEY: `${KEY}!` });
    expect(other.ended.exitCode).toBe(2);
    expect(other.ended.stderr + other.ended.stdout).toContain('another one');

    // The same command has nothing to do; another condition is another run.
    const again = await world.report([...flags, ...edits], { env });
    expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0 }, lines: report.lines });
    const changed = await world.backfill(['--where', 'record.i < 2000', ...edits], { env });
    expect([changed.exitCode, changed.stderr]).toEqual([2, expect.stringContaining('journal')]);
  },
  120_000,
);

it.each<{ answer: string; delivered: number; filtered: number }>([
  { answer: 'drop', delivered: COUNT - 2 * (COUNT / 100), filtered: COUNT / 100 },
  { answer: 'keep', delivered: COUNT - COUNT / 100, filtered: 0 },
])(
  '--on-where-error $answer decides about lines for which a condition has no answer',
  async ({ answer, delivered, filtered }) => {
    world = await World.open({ objects: [{ key: 'a', body: bodyOf('a') }], shards: 1 });
    const { report, ended } = await world.report(['--where', 'record.i >= 0', '--on-where-error', answer]);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect([report.records.delivered, report.lines.filtered]).toEqual([delivered, filtered]);
  },
);

it('a run that is stopped goes on with the lines that are left, and filters each of the others once', async () => {
  world = await World.open({ objects: objects(), shards: 1, isProvisioned: true });
  const flags = ['--where', 'has(record.n) && record.n == 15.0 && record.i >= 1500', '--drop', '/mail'];
  const kept = (COUNT - 1500) * 0.98;
  const interrupt = { when: () => world.records().length > 100, signals: ['SIGTERM' as const] };
  const first = await world.report(flags, { interrupt });
  expect(first.ended.exitCode, first.ended.stderr).toBe(143);
  expect(first.report.records.delivered).toBeLessThan(2 * kept);
  const second = await world.report(flags);
  expect(second.ended.exitCode, second.ended.stderr).toBe(0);
  expect(second.report).toMatchObject({
    resumed: true,
    lines: { read: 2 * COUNT, blank: 60, filtered: 2 * COUNT - 60 - 2 * kept, rejected: 0 },
  });
  expect(new Set(dataOf(world.records())).size).toBe(2 * kept);
  expect(second.report.records.delivered + second.report.records.deliveredBefore).toBe(2 * kept);
});

it.each(
  scanners.flatMap((one) => [
    { ...one, behind: 'nothing' },
    { ...one, behind: 'a transform' },
  ]),
)(
  'the report has a row for the sample and one for the condition, with $behind behind them: $scanner scanner',
  async ({ env, behind }) => {
    world = await World.open({ objects: objects(), shards: 2 });
    const module = join(world.folder, 'same.mjs');
    writeFileSync(module, 'export default (record) => record;');
    const transform = behind === 'nothing' ? [] : ['--transform', module];
    const flags = ['--sample', '30%', '--where', 'record.i < 1500', ...transform];
    const { report, ended } = await world.report(flags, { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    const [sample, where, ...others] = report.stages;
    const into = report.lines.read - report.lines.blank;
    expect(sample).toMatchObject({ label: 'sample', in: into, out: into - sample!.dropped, failed: 0 });
    expect(sample!.out / into).toBeCloseTo(0.3, 1);
    expect(where).toMatchObject({ label: 'where', in: sample!.out, failed: report.lines.rejected });
    expect(where!.dropped).toBe(report.lines.filtered - sample!.dropped);
    expect(where!.out).toBe(report.records.delivered);
    expect(Math.min(where!.dropped, where!.failed, where!.out)).toBeGreaterThan(0);
    expect(others).toMatchObject(
      transform.slice(1).map(() => ({ label: '1 use', in: where!.out, out: where!.out, dropped: 0 })),
    );
  },
  60_000,
);

it('--sample takes the same lines in every run and with every scanner, about as many as it says, and verify agrees', async () => {
  world = await World.open({ objects: objects(), shards: 2 });
  const { report, ended } = await world.report(['--sample', '10%']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  const { delivered } = report.records;
  expect(report.lines.filtered + report.lines.blank + delivered).toBe(2 * COUNT);
  expect(delivered).toBeGreaterThan(450);
  expect(delivered).toBeLessThan(750);
  const once = dataOf(world.records()).toSorted();
  const verified = await verify(['--journal', world.journal], { MILLRACE_SCANNER: 'portable' });
  expect(verified.report, verified.ended.stderr).toMatchObject({ status: 'match', missing: 0, foreign: 0 });
  const twice = await world.report(['--sample', '10%', '--restart'], {
    env: { MILLRACE_SCANNER: 'portable' },
  });
  expect(twice.report.records.delivered).toBe(delivered);
  expect(dataOf(world.records()).toSorted()).toEqual([...once, ...once].toSorted());
});

it('a redrive applies the stages to lines that were refused before them, and to no record twice', async () => {
  world = await World.open({
    objects: [{ key: 'a', etag: '"e"', body: Buffer.from('{"mail":"x","i":"1"}\n') }],
    shards: 1,
  });
  const env = { MILLRACE_HASH_KEY: KEY };
  const flags = ['--where', 'record.i > 0', '--hash', '/mail'];
  await world.report(flags, { env });
  const [{ data, ...letter }] = world.deadLetters() as [DeadLetter];
  expect([letter.code, letter.offset, Buffer.from(data!, 'base64').toString()]).toEqual([
    'FILTER',
    0,
    '{"mail":"x","i":"1"}',
  ]);
  const hashed = createHmac('sha256', KEY).update('x').digest('hex');
  const done = {
    ...letter,
    code: 'PUT_REFUSED',
    offset: 100,
    text: `{"mail":"${hashed}","i":2}`,
  };
  const file = join(world.folder, 'repaired.jsonl');
  writeFileSync(
    file,
    [{ ...letter, text: '{"mail":"x","i":1}' }, done].map((one) => JSON.stringify(one)).join('\n'),
  );
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['redrive', file, '--stream', STREAM, ...flags, '--json', ...services], {
    env,
    cwd: world.folder,
  });
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(dataOf(world.records()).toSorted()).toEqual([
    `{"mail":"${hashed}","i":1}`,
    `{"mail":"${hashed}","i":2}`,
  ]);
});

it('partition key and schema see what the stages have made of a line', async () => {
  const body = Buffer.from('{"old":"k1","v":1}\n{"old":"k2","v":"x"}\n{"old":"k3","v":2,"skip":true}\n');
  world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
  const schema = join(world.folder, 'schema.json');
  writeFileSync(
    schema,
    JSON.stringify({ required: ['id', 'v'], properties: { v: { type: 'integer' }, old: false } }),
  );
  const flags = [
    '--where',
    '!has(record.skip)',
    '--rename',
    '/old=id',
    '--partition-key',
    '/id',
    '--schema',
    schema,
  ];
  const { report, ended } = await world.report(flags);
  expect(ended.exitCode, ended.stderr).toBe(1);
  expect(report.lines).toMatchObject({ filtered: 1, rejected: 1, rejectedByCode: { SCHEMA: 1 } });
  expect(world.records().map(({ partitionKey, data }) => [partitionKey, data.toString()])).toEqual([
    ['k1', '{"id":"k1","v":1}'],
  ]);
});

it('stages that cannot work end the run before it starts, each with its reason', async () => {
  world = await World.open({ objects: [], shards: 1 });
  const flags = ['--drop', 'a', '--set', '/b', '--sample', '200%', '--on-where-error', 'x'];
  const wrong = await world.backfill(flags);
  expect(wrong.exitCode).toBe(2);
  for (const part of ['--drop', '--set to be POINTER=', '--sample', '--on-where-error'])
    expect(wrong.stderr).toContain(part);
  const clashing = await world.backfill(['--set', '/c={', '--rename', '/d=e', '--drop', '/d']);
  expect(clashing.exitCode).toBe(2);
  for (const part of ['/c=', '--rename /d']) expect(clashing.stderr).toContain(part);
  for (const where of [
    'record.a ==',
    'record.a == 1 && bogus',
    '"text"',
    'source.buckett == "b"',
    'record.a.matches("(")',
  ]) {
    const ended = await world.backfill(['--where', where]);
    expect([ended.exitCode, ended.stderr], where).toEqual([2, expect.stringContaining('--where')]);
  }
  const keyless = await world.backfill(['--hash', '/a']);
  expect([keyless.exitCode, keyless.stderr]).toEqual([2, expect.stringContaining('MILLRACE_HASH_KEY')]);
  const short = await world.backfill(['--hash', '/a'], { env: { MILLRACE_HASH_KEY: 'short' } });
  expect([short.exitCode, short.stderr]).toEqual([2, expect.stringContaining('16 bytes')]);
});
