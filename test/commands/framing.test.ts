/** `--framing`: values side by side and elements of an array, in the real command: what arrives, what is lost, through kills, stops and redrives. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { type DeadLetter, dataOf, runCommand, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const scanners = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];
const sorted = (texts: Iterable<string>) => [...texts].toSorted();

const COUNT = 6000;
const valueAt = (object: string, i: number) =>
  i % 500 === 7
    ? JSON.stringify({ o: object, i, spread: true }, null, 2)
    : `{"o":"${object}","i":${i}, "text":"}{\\"é${'x'.repeat(i % 300)}"}`;
const valuesOf = (object: string) => Array.from({ length: COUNT }, (_, i) => valueAt(object, i));
/** As Firehose writes them: no line ends between values. */
const sideBySide = (object: string) => Buffer.from(valuesOf(object).join(''));
/** As CloudTrail writes them. */
const elements = (object: string) =>
  Buffer.from(`{"Version":1,"Records":[${valuesOf(object).join(',')}],"End":{"Records":[0]}}`);
const asLatin1 = (texts: readonly string[]) => texts.map((text) => Buffer.from(text).toString('latin1'));

const objectsOf = (bodyOf: (object: string) => Buffer) => [
  { key: 'a/plain', body: bodyOf('plain') },
  { key: 'b/packed.gz', body: gzipSync(bodyOf('packed')) },
  { key: 'c/zstd.zst', body: zstdCompressSync(bodyOf('zstd')) },
  { key: 'd/small', body: Buffer.from(bodyOf === elements ? '{"Records":[]}' : ' \n') },
];
const ALL = ['plain', 'packed', 'zstd'].flatMap(valuesOf);

async function verify(flags: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['verify', '--json', ...flags, ...services], { env, cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

it.each(
  scanners.flatMap((scanner) => [
    { ...scanner, framing: 'values', bodyOf: sideBySide },
    { ...scanner, framing: 'array:/Records', bodyOf: elements },
  ]),
)(
  'every value is a record, byte for byte, from plain and packed objects, and verify counts and matches them: $framing, $scanner scanner',
  async ({ framing, bodyOf, env }) => {
    world = await World.open({ objects: objectsOf(bodyOf), shards: 2 });
    const { report, ended } = await world.report(['--framing', framing, '--segment-size', '64KiB'], { env });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(asLatin1(ALL)));
    expect(report.lines).toMatchObject({ read: ALL.length, blank: 0, rejected: 0 });
    expect(report.objects).toMatchObject({ done: 4, failed: 0 });
    // Without a key a record has its place: the offset of the value in the decompressed object.
    const content = bodyOf('plain').toString('latin1');
    for (const { partitionKey, data } of world.records().slice(0, 200)) {
      const text = data.toString('latin1');
      if (!text.includes('"plain"')) continue;
      expect(content.startsWith(text, Number(partitionKey.split(':')[1]))).toBe(true);
    }
    const verified = await verify(['--journal', world.journal, '--strict'], env);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      ...{ status: 'match', missing: 0, foreign: 0, duplicated: 0 },
      lines: { counted: ALL.length, records: ALL.length },
    });
    const again = await world.report(['--framing', framing], { env });
    expect(again.report).toMatchObject({
      resumed: true,
      records: { delivered: 0, deliveredBefore: ALL.length },
    });
  },
  120_000,
);

const textOf = ({ data }: DeadLetter) => Buffer.from(data!, 'base64').toString('latin1');

it.each(scanners)(
  'damage is one dead letter up to the end of its line, the values around it arrive, and verify expects no other: $scanner scanner',
  async ({ env }) => {
    const [first, second] = ['{"a":1}{"a":2}{"a":3,}{"a":4}', '{"a":5} {"a":"6\n{"a":7}{"a":\xff}'];
    const body = Buffer.from(`${first}\r\n${second}\n{"a":8} tru`, 'latin1');
    const deep = Buffer.from('[[[]]]{"b":1}{"u":"\xff"}[[}]', 'latin1');
    world = await World.open({
      objects: [
        { key: 'a', body },
        { key: 'b', body: deep },
      ],
      shards: 1,
    });
    const { report, ended } = await world.report(['--framing', 'values', '--max-depth', '2'], { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    expect(sorted(dataOf(world.records()))).toEqual(
      sorted(['{"a":1}', '{"a":2}', '{"a":5}', '{"a":7}', '{"a":8}', '{"b":1}']),
    );
    const letters = world
      .deadLetters()
      .toSorted((one, other) =>
        `${one.key}${one.offset! + 1000}`.localeCompare(`${other.key}${other.offset! + 1000}`),
      );
    expect(letters.map((letter) => [letter.key, letter.code, letter.offset, textOf(letter)])).toEqual([
      ['a', 'INVALID_JSON', 14, '{"a":3,}{"a":4}'],
      ['a', 'INVALID_JSON', 39, '{"a":"6'],
      ['a', 'INVALID_JSON', 54, '{"a":\xff}'],
      ['a', 'INVALID_JSON', 70, 'tru'],
      ['b', 'TOO_DEEP', 0, '[[[]]]'],
      ['b', 'INVALID_UTF8', 13, '{"u":"\xff"}'],
      ['b', 'INVALID_JSON', 22, '[[}]'],
    ]);
    expect(letters.every(({ length, data }) => length === Buffer.from(data!, 'base64').length)).toBe(true);
    expect(report.lines).toMatchObject({ read: 13, rejected: 7 });
    const verified = await verify(['--journal', world.journal], env);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      ...{ status: 'match-with-rejects', missing: 0, foreign: 0 },
      ...{
        lines: { counted: 13, records: 6, rejected: 7 },
        deadLetters: { held: 7, absent: 0, unclaimed: 0 },
      },
    });
  },
);

it('an object without the array, and one that is damaged around it, are a dead letter each with their beginning', async () => {
  const digest = Buffer.from(`{"digest":"${'x'.repeat(100_000)}"}`);
  const objects = [
    { key: 'a', body: digest },
    { key: 'b', body: Buffer.from('{"Records":[{"a":1}]x}') },
    { key: 'c', body: Buffer.from('{"Records"[{"a":2}]}') },
    { key: 'd', body: Buffer.from('{"Records":[{"a":3},{"a":') },
  ];
  world = await World.open({ objects, shards: 1 });
  const { ended } = await world.report(['--framing', 'array:/Records']);
  expect(ended.exitCode, ended.stderr).toBe(1);
  expect(sorted(dataOf(world.records()))).toEqual(['{"a":1}', '{"a":3}']);
  const letters = world.deadLetters().toSorted((one, other) => one.key.localeCompare(other.key));
  expect(letters.map((letter) => [letter.key, letter.code, letter.offset, letter.length])).toEqual([
    ['a', 'FRAMING', 0, digest.length],
    ['b', 'INVALID_JSON', 19, 3],
    ['c', 'INVALID_JSON', 0, 20],
    ['d', 'INVALID_JSON', 20, 5],
  ]);
  const verified = await verify(['--journal', world.journal]);
  expect(verified.report, verified.ended.stderr).toMatchObject({
    status: 'match-with-rejects',
    lines: { counted: 6 },
  });
});

it('a value that is too long to be kept is one dead letter with its beginning, and the next one arrives', async () => {
  const long = `{"long":"${'y'.repeat(3 << 20)}"}`;
  const body = Buffer.from(`{"a":1}${long}{"a":2}`);
  world = await World.open({
    objects: [
      { key: 'a', body: gzipSync(body) },
      { key: 'b', body },
    ],
    shards: 1,
  });
  const { report } = await world.report(['--framing', 'values']);
  expect(sorted(dataOf(world.records()))).toEqual(['{"a":1}', '{"a":1}', '{"a":2}', '{"a":2}']);
  expect(report.lines.rejectedByCode).toEqual({ RECORD_TOO_LARGE: 2 });
  for (const letter of world.deadLetters())
    expect([letter.offset, letter.length, textOf(letter)]).toEqual([7, long.length, long.slice(0, 65_536)]);
});

it('of a truncated gzip object every whole value in front of the damage arrives, and verify says the same', async () => {
  const body = gzipSync(sideBySide('packed'));
  world = await World.open({
    objects: [{ key: 'a.gz', body: body.subarray(0, body.length - 2000) }],
    shards: 1,
  });
  const { ended } = await world.report(['--framing', 'values']);
  expect(ended.exitCode, ended.stderr).toBe(1);
  const arrived = new Set(dataOf(world.records()));
  const values = asLatin1(valuesOf('packed'));
  expect(arrived.size).toBeGreaterThan(1000);
  expect(arrived).toEqual(new Set(values.slice(0, arrived.size)));
  const [letter] = world.deadLetters();
  expect(letter).toMatchObject({
    code: 'OBJECT_UNREADABLE',
    damage: { offset: values.slice(0, arrived.size).join('').length },
  });
  const verified = await verify(['--journal', world.journal]);
  expect(verified.report, verified.ended.stderr).toMatchObject({
    status: 'match-with-rejects',
    lines: { counted: arrived.size },
  });
});

it.each([
  { framing: 'values', bodyOf: sideBySide, order: 'none' },
  { framing: 'array:/Records', bodyOf: elements, order: 'key' },
])(
  'through kills and a stop every value arrives, and the damaged ones have one dead letter each: $framing, order $order',
  async ({ framing, bodyOf, order }) => {
    const lost = { key: 'z', body: Buffer.from('{"a":1}{"a":2,}\n{"a":3}') };
    const damaged = { key: 'z', body: Buffer.from('{"Records":[\n{"a":1},\n{"a":2,},\n{"a":3}\n]}') };
    const objects = [...objectsOf(bodyOf), framing === 'values' ? lost : damaged];
    world = await World.open({ objects, shards: 1, isProvisioned: true });
    const expected = sorted([...asLatin1(ALL), '{"a":1}', '{"a":3}']);
    const flags = ['--framing', framing, '--order', order];
    const faults = ['journal.after-sync:2:kill', 'publisher.after-put:2:kill', 'journal.before-sync:3:kill'];
    for (const [i, fault] of faults.entries()) {
      const log = join(world.folder, `fault-${i}`);
      const ended = await world.backfill(flags, { env: { MILLRACE_FAULT: fault, MILLRACE_FAULT_LOG: log } });
      expect([fault, ended.exitCode, existsSync(log)]).toEqual([fault, null, true]);
    }
    const stored = world.records().length;
    const interrupt = { when: () => world.records().length > stored + 1000, signals: ['SIGTERM' as const] };
    const stopped = await world.report(flags, { interrupt });
    expect(stopped.ended.exitCode, stopped.ended.stderr).toBe(143);
    const { report, ended } = await world.report(flags);
    expect(ended.exitCode, ended.stderr).toBe(1);
    expect(sorted(new Set(dataOf(world.records())))).toEqual(expected);
    expect(report.records.delivered + report.records.deliveredBefore).toBe(expected.length);
    expect(world.deadLetters().map(textOf)).toEqual([framing === 'values' ? '{"a":2,}' : '{"a":2,},']);
    const verified = await verify(['--journal', world.journal]);
    expect(verified.report, verified.ended.stderr).toMatchObject({ missing: 0, foreign: 0 });
  },
  120_000,
);

it('verify finds one value missing, one doubled and one altered', async () => {
  const values = Array.from({ length: 50 }, (_, i) => `{"i":"${i}"}`);
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from(values.join('')) }], shards: 1 });
  await world.report(['--framing', 'values']);
  const rows = world.records();
  const one = rows.findIndex(({ data }) => data.toString() === values[20]);
  const place = { key: 'a', offset: values.slice(0, 20).join('').length, length: values[20]!.length };
  const copyOf = (change: Parameters<World['withCopy']>[0]) =>
    world.withCopy(change, async (stream) => {
      const flags = ['--framing', 'values', '--stream', stream, '--from', 'trim-horizon'];
      return (await verify(['s3://bucket/', ...flags])).report;
    });
  expect(await copyOf((copied) => copied.splice(one, 1))).toMatchObject({
    ...{ status: 'differ', missing: 1, examples: { missing: [place] } },
  });
  expect(await copyOf((copied) => copied.push(copied[one]!))).toMatchObject({
    ...{ status: 'match', duplicated: 1 },
  });
  const altered = await copyOf((copied) => {
    copied[one] = { ...copied[one]!, data: Buffer.from('{"i":"x"}') };
  });
  expect(altered).toMatchObject({ status: 'differ', altered: 1, examples: { altered: [place] } });
}, 120_000);

it('where, edits, sample, schema and size limits see values as they see lines', async () => {
  world = await World.open({ objects: objectsOf(sideBySide), shards: 1 });
  const schema = join(world.folder, 'schema.json');
  writeFileSync(schema, '{"properties":{"i":{"not":{"const":1300}}}}');
  const flags = [
    '--framing',
    'values',
    '--where',
    'record.i < 2000 && source.offset > 100',
    '--drop',
    '/text',
  ];
  const { report } = await world.report([
    ...flags,
    '--schema',
    schema,
    '--sample',
    '50%',
    '--partition-key',
    '/o',
  ]);
  const kept = world.records().map(({ data }) => JSON.parse(data.toString()) as { i: number });
  expect(kept.length).toBeGreaterThan(2000);
  expect(kept.length).toBeLessThan(4000);
  expect(kept.every(({ i }) => i < 2000 && i !== 1300)).toBe(true);
  expect(report.lines.read).toBe(ALL.length);
  const verified = await verify(['--journal', world.journal, '--schema', schema]);
  expect(verified.report, verified.ended.stderr).toMatchObject({ missing: 0, foreign: 0 });
});

it('dead letters of values are sent again by redrive, those of several lines as one record', async () => {
  const spread = JSON.stringify({ a: 'x'.repeat(200), b: [1, 2] }, null, 2);
  const lost = '{"d":\n  2,\n}';
  const body = Buffer.from(`${spread}{"c":1}${lost}\n`);
  world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
  await world.report(['--framing', 'values', '--max-record', '100']);
  expect(world.deadLetters().map((letter) => [letter.code, textOf(letter)])).toEqual([
    ['RECORD_TOO_LARGE', spread],
    ['INVALID_JSON', lost],
  ]);
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['redrive', world.letters, '--stream', 'orders', ...services], {
    cwd: world.folder,
  });
  expect(ended.exitCode, ended.stderr).toBe(1);
  expect(dataOf(world.records())).toEqual(['{"c":1}', spread]);
  const [left, ...others] = world.deadLettersAt(`${world.letters}.again`);
  expect([left!.code, textOf(left!), others]).toEqual(['INVALID_JSON', lost, []]);
});

it('the framing is part of the run, and lines are the default', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"a":1}\n{"a":2}\n') }], shards: 1 });
  await world.report([]);
  const same = await world.report(['--framing', 'lines']);
  expect(same.report).toMatchObject({ resumed: true, records: { delivered: 0 } });
  const other = await world.backfill(['--framing', 'values']);
  expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining('framing')]);
  const bad = await world.backfill(['--framing', 'records']);
  expect([bad.exitCode, bad.stderr]).toEqual([
    2,
    expect.stringContaining('Expected --framing to be lines, values or array:POINTER'),
  ]);
});

it('a line that is values side by side is refused with a word about --framing', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"a":1}{"a":2}') }], shards: 1 });
  await world.report([]);
  expect(world.deadLetters()[0]!.message).toContain('--framing values');
  expect(readFileSync(world.letters, 'utf8').split('\n')).toHaveLength(2);
});

it('stages in JavaScript see values, and what is damaged among them is lost as without them', async () => {
  const spread = JSON.stringify({ i: 2, b: [1] }, null, 2);
  const body = Buffer.from(`{"i":1}${spread}{"i":3,}{"i":4}\n{"i":5}{"i":6}`);
  world = await World.open({ objects: [{ key: 'a', body: gzipSync(body) }], shards: 1 });
  const module = join(world.folder, 'double.mjs');
  writeFileSync(
    module,
    'export default { record: (value) => { if (value.i === 6) throw new Error("six"); return value.i === 1 ? [value, { i: 10 }] : value; } };',
  );
  const { report, ended } = await world.report(['--framing', 'values', '--transform', module]);
  expect(ended.exitCode, ended.stderr).toBe(1);
  expect(sorted(dataOf(world.records()))).toEqual(
    sorted(['{"i":1}', '{"i":10}', '{"i":2,"b":[1]}', '{"i":5}']),
  );
  expect(world.deadLetters().map((letter) => [letter.code, letter.offset, textOf(letter)])).toEqual([
    ['INVALID_JSON', 7 + spread.length, '{"i":3,}{"i":4}'],
    ['TRANSFORM', 30 + spread.length, '{"i":6}'],
  ]);
  expect(report.lines).toMatchObject({ read: 5, rejected: 2 });
  const verified = await verify(['--journal', world.journal]);
  expect(verified.report, verified.ended.stderr).toMatchObject({
    missing: 0,
    foreign: 0,
    lines: { counted: 5 },
  });
});

it.each(scanners)(
  'values of several lines keep every byte that no stage names, in records as in dead letters, whether the scanner or JavaScript works on them: $scanner scanner',
  async ({ env }) => {
    const spreadOf = (i: number) => `{\r\n  "i": ${i}.0,\n\t"mail": "m",\n  "b": [1,\n 2]\n}`;
    const body = Buffer.from(`${[1, 2, 3, 4].map(spreadOf).join('')}{"i":5,"mail":"n"}${spreadOf(6)}`);
    world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
    const module = join(world.folder, 'stages.mjs');
    const stages = join(import.meta.dirname, '..', '..', 'src', 'shape', 'stages', 'library.ts');
    writeFileSync(
      module,
      `import { drop, pipe, tap, where } from ${JSON.stringify(stages)};
       export default pipe(tap((value) => { if (value.i === 3) throw new Error('three'); }), where('record.i != 2'), drop('/mail'));`,
    );
    const { report, ended } = await world.report(['--framing', 'values', '--transform', module], { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    const without = (text: string) => text.replace(/\s*"mail": "m",/, '').replace(',"mail":"n"', '');
    const expected = [spreadOf(1), spreadOf(4), '{"i":5,"mail":"n"}', spreadOf(6)].map(without);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(expected));
    expect(world.deadLetters().map((letter) => [letter.code, letter.offset, textOf(letter)])).toEqual([
      ['TRANSFORM', 2 * spreadOf(1).length, spreadOf(3)],
    ]);
    expect(report.lines).toMatchObject({ read: 6, filtered: 1, rejected: 1 });
    const verified = await verify(['--journal', world.journal], env);
    expect(verified.report, verified.ended.stderr).toMatchObject({ missing: 0, foreign: 0 });
    // The scanner's own edits come to the same bytes.
    world.kinesis.call('CreateStream', { StreamName: 'native', ShardCount: 1 });
    const again = await runCommand(
      [
        ...[
          'backfill',
          's3://bucket/',
          '--stream',
          'native',
          '--journal',
          join(world.folder, 'native.journal'),
        ],
        ...['--framing', 'values', '--where', 'record.i != 2 && record.i != 3', '--drop', '/mail', '--quiet'],
        ...['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint],
      ],
      { env, cwd: world.folder },
    );
    expect(again.exitCode, again.stderr).toBe(0);
    expect(sorted(dataOf([...world.kinesis.records('native')]))).toEqual(sorted(expected));
  },
);
