/** One line to many records, in the real command: keys, refused records, stops in the middle of a line, and what verify proves of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { type DeadLetter, dataOf, runCommand, STREAM, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const COUNT = 2000;
const PER_LINE = 4;
const LINES = Array.from({ length: COUNT }, (_, i) => `{"id":${i},"pad":"${'x'.repeat(i % 60)}"}`);
const BODY = Buffer.from(LINES.map((line) => `${line}\n`).join(''));
const OFFSETS = LINES.map((_, i) => LINES.slice(0, i).reduce((sum, line) => sum + line.length + 1, 0));
const EXPECTED = LINES.flatMap((_, id) =>
  Array.from({ length: PER_LINE }, (_, n) => `{"id":${id},"n":${n}}`),
);

function transform(text: string): string[] {
  const path = join(world.folder, 'transform.mjs');
  writeFileSync(path, text);
  return ['--transform', path];
}
const SPLIT = `export default ({ id }) => Array.from({ length: ${PER_LINE} }, (_, n) => ({ id, n }));`;

const services = () => [
  '--s3-endpoint-url',
  world.s3.endpoint,
  '--kinesis-endpoint-url',
  world.kinesis.endpoint,
];
async function verify(...flags: readonly string[]) {
  const args = ['verify', '--json', '--journal', world.journal, ...flags, ...services()];
  const ended = await runCommand(args, { cwd: world.folder });
  return { stderr: ended.stderr, ...JSON.parse(ended.stdout || 'null') };
}

const objects = [
  { key: 'a.jsonl', body: BODY, keyed: true },
  { key: 'b.jsonl.gz', body: gzipSync(BODY), keyed: false },
];

it.each([
  { name: 'native', env: {} },
  { name: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
])(
  'each element of an array is a record, with a key of its place and number: $name scanner',
  async ({ env }) => {
    world = await World.open({ objects: objects.slice(0, 1), shards: 2 });
    const { report, ended } = await world.report(transform(SPLIT), { env });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(report.lines).toMatchObject({ read: COUNT, filtered: 0, added: COUNT * (PER_LINE - 1) });
    expect(report.stages).toMatchObject([
      { label: '1 use', in: COUNT, out: EXPECTED.length, dropped: 0, failed: 0 },
    ]);
    const records = world.records();
    expect(dataOf(records).toSorted()).toEqual(EXPECTED.toSorted());
    for (const { partitionKey, data } of records) {
      const { id, n } = JSON.parse(String(data));
      expect(partitionKey).toMatch(new RegExp(`^[\\w-]{11}:${OFFSETS[id]}${n > 0 ? `\\.${n}` : ''}$`));
    }
    expect(await verify()).toMatchObject({
      ...{
        status: 'match',
        lines: { counted: COUNT, records: EXPECTED.length, added: COUNT * (PER_LINE - 1) },
      },
    });
  },
);

it('verify finds one record dropped, one doubled and one altered', async () => {
  world = await World.open({ objects: objects.slice(0, 1), shards: 1 });
  await world.report(transform(SPLIT));
  const rows = world.records();
  const copyOf = (change: Parameters<World['withCopy']>[0]) =>
    world.withCopy(change, (stream) => verify('--stream', stream, '--from', 'trim-horizon'));
  const one = rows.findIndex(({ partitionKey }) => partitionKey.endsWith(`:${OFFSETS[700]}.2`));
  expect(one).toBeGreaterThanOrEqual(0);
  const place = { key: 'a.jsonl', offset: OFFSETS[700], output: 2 };
  expect(await copyOf((copied) => copied.splice(one, 1))).toMatchObject({
    ...{ status: 'differ', missing: 1, examples: { missing: [place] } },
  });
  expect(await copyOf((copied) => copied.push(copied[one]!))).toMatchObject({
    status: 'match',
    duplicated: 1,
  });
  const altered = await copyOf((copied) => {
    copied[one] = { ...copied[one]!, data: Buffer.from('{"id":700,"n":"2"}') };
  });
  expect(altered).toMatchObject({ status: 'differ', altered: 1, examples: { altered: [place] } });
}, 90_000);

it.each(objects)(
  'a run of $key that is stopped goes on with the outputs that are left of each line',
  async (object) => {
    world = await World.open({ objects: [object], shards: 1, isProvisioned: true });
    const flags = [...transform(SPLIT), ...(object.keyed ? ['--order', 'key'] : [])];
    const interrupt = { when: () => world.records().length > 300, signals: ['SIGTERM' as const] };
    const first = await world.report(flags, { interrupt });
    expect(first.ended.exitCode, first.ended.stderr).toBe(143);
    expect(first.report.records.delivered).toBeLessThan(EXPECTED.length);
    const left = readFileSync(world.journal, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"kind":"left"'));
    expect(left.some((line) => /"outputs":\[[\d,]*[123]/.test(line))).toBe(true);
    const second = await world.report(flags);
    expect(second.ended.exitCode, second.ended.stderr).toBe(0);
    expect(second.report).toMatchObject({
      resumed: true,
      lines: { read: COUNT, added: COUNT * (PER_LINE - 1), rejected: 0, filtered: 0 },
    });
    expect(dataOf(world.records()).toSorted()).toEqual(EXPECTED.toSorted());
    expect(second.report.records.delivered + second.report.records.deliveredBefore).toBe(EXPECTED.length);
    expect(await verify()).toMatchObject({ status: 'match', missing: 0, duplicated: 0 });
  },
  90_000,
);

it('an output that the stream refuses is a dead letter of its own; a redrive sends it as it is, under its key', async () => {
  world = await World.open({ objects: objects.slice(0, 1), shards: 1 });
  const flags = transform(
    `export default ({ id }) => [{ id }, id === 77 ? Buffer.from('the refused\\nrecord 77') : { id, n: 1 }];`,
  );
  world.kinesis.setFaults(
    [{ kind: 'error', name: 'refused', code: 'ValidationException', containing: 'the refused', delayMs: 5 }],
    7,
  );
  const { report, ended } = await world.report([...flags, '--append-newline']);
  expect(ended.exitCode, ended.stderr).toBe(1);
  expect(world.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
  expect(report.lines).toMatchObject({ rejectedByCode: { PUT_REFUSED: 1 }, added: COUNT });
  const [letter] = world.deadLetters() as (DeadLetter & { output: number; raw: boolean })[];
  expect(letter).toMatchObject({ code: 'PUT_REFUSED', offset: OFFSETS[77], output: 1, raw: true });
  expect(Buffer.from(letter!.data!, 'base64').toString()).toBe('the refused\nrecord 77\n');
  expect(await verify()).toMatchObject({ status: 'match-with-rejects', deadLetters: { held: 1, absent: 0 } });

  world.kinesis.setFaults([], 7);
  const redrive = ['redrive', world.letters, '--stream', STREAM, ...flags, '--append-newline', '--json'];
  const sent = await runCommand([...redrive, ...services()], { cwd: world.folder });
  expect(sent.exitCode, sent.stderr).toBe(0);
  const [found] = world.records().filter(({ data }) => data.includes('the refused'));
  expect([found!.partitionKey, String(found!.data)]).toEqual([
    expect.stringMatching(new RegExp(`:${OFFSETS[77]}\\.1$`)),
    'the refused\nrecord 77\n',
  ]);
  expect(await verify()).toMatchObject({
    status: 'match',
    missing: 0,
    foreign: 0,
    deadLetters: { held: 0 },
  });
}, 90_000);

it('a line on which one of its outputs cannot be sent is one dead letter, with the line as it lies there', async () => {
  world = await World.open({ objects: objects.slice(0, 1), shards: 1 });
  const flags = transform(
    `export default ({ id }) => [{ id }, id === 5 ? { big: 'x'.repeat(2 ** 20) } : id === 6 ? { n: 1n } : { id }];`,
  );
  const { report } = await world.report(flags);
  expect(report.lines.rejectedByCode).toEqual({ TRANSFORM: 2 });
  expect(
    world.deadLetters().map(({ offset, data }) => [offset, String(Buffer.from(data!, 'base64'))]),
  ).toEqual([
    [OFFSETS[5], LINES[5]],
    [OFFSETS[6], LINES[6]],
  ]);
  expect(report.records.delivered).toBe(2 * (COUNT - 2));
});
