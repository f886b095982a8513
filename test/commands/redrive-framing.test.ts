/** Dead letters of runs with `--framing` on their way back, by real runs: what arrives, under which keys, what fails again, and what `verify` says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { coordinateOf } from '../../src/run/parse-pool.ts';
import { type DeadLetter, dataOf, runCommand, STREAM, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const textOf = ({ data }: Pick<DeadLetter, 'data'>) => Buffer.from(data!, 'base64').toString('latin1');
const sorted = (texts: Iterable<string>) => [...texts].toSorted();
const scanners = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];

const services = () => [
  ...['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint],
];

async function redrive(
  file: string,
  flags: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
) {
  const given = ['redrive', file, '--stream', STREAM, '--json', '--quiet', ...flags, ...services()];
  const ended = await runCommand(given, { cwd: world.folder, env });
  return { ...ended, report: ended.stdout === '' ? null : JSON.parse(ended.stdout) };
}

async function verify(flags: readonly string[] = []) {
  const given = ['verify', '--json', '--journal', world.journal, ...flags, ...services()];
  const ended = await runCommand(given, { cwd: world.folder });
  return JSON.parse(ended.stdout || 'null');
}

/** Repairs letters in place. @param change What a letter's data becomes, or null: it stays as it is. */
function repair(change: (text: string, letter: DeadLetter) => string | null): DeadLetter[] {
  const letters = world.deadLetters();
  const repaired = letters.map((letter) => {
    const text = change(textOf(letter), letter);
    if (text === null) return letter;
    const { data: _, ...rest } = letter;
    return { ...rest, text };
  });
  writeFileSync(world.letters, repaired.map((letter) => `${JSON.stringify(letter)}\n`).join(''));
  return letters;
}

it.each(scanners)(
  'every value of a loss that was repaired is a record of its own under its own place, and the same redrive sends the same again: $scanner scanner',
  async ({ env }) => {
    const body = Buffer.from('{"a":1}{"a":2,}{"a":3}{\n "a":4}\n{"a":5} {"a":6');
    world = await World.open({ objects: [{ key: 'k.gz', body: gzipSync(body) }], shards: 1 });
    const { ended } = await world.report(['--framing', 'values'], { env });
    expect(ended.exitCode).toBe(1);
    const letters = repair((text) => text.replace(',}', '}').replace(/6$/, '6}'));
    expect(letters.map(textOf)).toEqual(['{"a":2,}{"a":3}{\n "a":4}', '{"a":6']);
    const coordinate = coordinateOf(letters[0]!);
    const rows = () => world.records().map(({ partitionKey, data }) => `${partitionKey} ${data}`);
    const before = rows();
    const sent = await redrive(world.letters, ['--framing', 'values'], env);
    expect([sent.exitCode, sent.stderr]).toEqual([0, '']);
    expect(sent.report).toMatchObject({ lines: { read: 4, rejected: 0 }, records: { delivered: 4 } });
    const news = [
      `${coordinate}:7 {"a":2}`,
      `${coordinate}:14 {"a":3}`,
      `${coordinate}:21 {\n "a":4}`,
      `${coordinate}:40 {"a":6}`,
    ];
    expect(rows().slice(before.length).toSorted()).toEqual(news.toSorted());
    expect(await verify()).toMatchObject({
      ...{ missing: 0, deadLetters: { held: 0, redriven: 2, absent: 0 } },
    });
    const again = await redrive(world.letters, ['--framing', 'values'], env);
    expect(again.exitCode).toBe(0);
    expect(rows().slice(before.length).toSorted()).toEqual([...news, ...news].toSorted());
  },
  60_000,
);

it.each(scanners)(
  'elements that one of them took with it up to the end of the file arrive, what closes the array does not: $scanner scanner',
  async ({ env }) => {
    const body = Buffer.from('{"V":1,"Records":[{"a":1},{"a":2,},{"a":3},\t[4]],"E":{"Records":[0]}}');
    world = await World.open({ objects: [{ key: 'trail', body }], shards: 1 });
    await world.report(['--framing', 'array:/Records'], { env });
    expect(dataOf(world.records())).toEqual(['{"a":1}']);
    const [letter] = repair((text) => text.replace('2,', '2'));
    expect(textOf(letter!)).toBe(body.subarray(26).toString());
    const sent = await redrive(world.letters, ['--framing', 'array:/Records'], env);
    expect([sent.exitCode, sent.stderr]).toEqual([0, '']);
    expect(sorted(dataOf(world.records()))).toEqual(sorted(['{"a":1}', '{"a":2}', '{"a":3}', '[4]']));
    expect(await verify()).toMatchObject({ missing: 0, deadLetters: { held: 0, redriven: 1 } });
  },
  60_000,
);

it('a letter of one element is one record, a document is taken apart, and what nobody has repaired fails again as it was', async () => {
  const schema = '{"type":"object","required":["a"]}';
  const objects = [
    { key: 'a', body: Buffer.from('{"Records":[{"a":1},{"b":"}, {"},{"a":3}]}') },
    { key: 'b', body: Buffer.from('{"records":[{"a":4},{"a":5}]}') },
    { key: 'c', body: Buffer.from('{"Records"[{"a":6},{"a":7}]}') },
    { key: 'd', body: Buffer.from('{"Records":[{"a":8}]x}') },
    { key: 'e', body: Buffer.from('{"other":[{"a":9}]}') },
    { key: 'f', body: Buffer.from('{"Records":[{"a":10,}]}') },
  ];
  world = await World.open({ objects, shards: 1 });
  const path = join(world.folder, 'schema.json');
  writeFileSync(path, schema);
  const flags = ['--framing', 'array:/Records', '--schema', path];
  await world.report(flags);
  expect(sorted(dataOf(world.records()))).toEqual(['{"a":1}', '{"a":3}', '{"a":8}']);
  repair((text, { key }) => {
    if (key === 'a') return text.replace('"b"', '"a"');
    if (key === 'b') return text.replace('records', 'Records');
    if (key === 'c') return text.replace('[', ':[');
    return null;
  });
  const sent = await redrive(world.letters, flags);
  expect(sent.exitCode).toBe(1);
  expect(sent.report.lines).toMatchObject({ rejectedByCode: { FRAMING: 1, INVALID_JSON: 2 } });
  expect(sorted(dataOf(world.records()).slice(3))).toEqual(
    sorted(['{"a":"}, {"}', '{"a":4}', '{"a":5}', '{"a":6}', '{"a":7}']),
  );
  const again = world.deadLettersAt(`${world.letters}.again`);
  const byKey = new Map(world.deadLetters().map((letter) => [letter.key, letter]));
  expect(again.map(({ key }) => key).toSorted()).toEqual(['d', 'e', 'f']);
  for (const { key, code, offset, data, length } of again) {
    const { code: codeBefore, offset: at, data: as, length: bytes } = byKey.get(key)!;
    expect([key, code, offset, data, length]).toEqual([key, codeBefore, at, as, bytes]);
  }
  expect(await verify(['--schema', path])).toMatchObject({
    deadLetters: { held: 3, redriven: 3, absent: 0 },
  });
}, 60_000);

it('of a letter of several values one fails again at its own place, and verify does not call the letter delivered', async () => {
  const body = Buffer.from('{"a":1}{"a":2,}{"a":3}{"a":4}');
  world = await World.open({ objects: [{ key: 'k', body }], shards: 1 });
  await world.report(['--framing', 'values']);
  repair((text) => text.replace('2,', '2').replace('3', 'x'));
  const sent = await redrive(world.letters, ['--framing', 'values']);
  expect(sent.exitCode).toBe(1);
  expect(dataOf(world.records())).toEqual(['{"a":1}', '{"a":2}']);
  const again = world.deadLettersAt(`${world.letters}.again`);
  expect(again.map((letter) => [letter.code, letter.offset, textOf(letter)])).toEqual([
    ['INVALID_JSON', 14, '{"a":x}{"a":4}'],
  ]);
  expect(await verify()).toMatchObject({ deadLetters: { held: 1, redriven: 0 } });
  writeFileSync(
    `${world.letters}.again`,
    JSON.stringify({ ...again[0], data: undefined, text: '{"a":3}{"a":4}' }),
  );
  const last = await redrive(`${world.letters}.again`, ['--framing', 'values']);
  expect([last.exitCode, sorted(dataOf(world.records()))]).toEqual([
    0,
    ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}'],
  ]);
}, 60_000);

it('without --framing a document that had no array is no record, and the beginning of what was too long to be kept is never sent', async () => {
  const long = `{"a":2,}${'{"a":3}'.repeat(400_000)}`;
  const objects = [
    { key: 'a', body: Buffer.from('{"other":[{"a":1}]}') },
    { key: 'b', body: Buffer.from(`{"Records":[{"a":1},${long}`) },
  ];
  world = await World.open({ objects, shards: 1 });
  await world.report(['--framing', 'array:/Records']);
  // The beginning is repaired where it lies, as if it were all.
  repair((text, { key }) =>
    key === 'a' ? null : `${text.replace('2,', '2')}`.padEnd(65_536, ' ').slice(0, 65_536),
  );
  for (const flags of [[], ['--framing', 'array:/Records']]) {
    const sent = await redrive(world.letters, flags);
    expect([sent.exitCode, sent.stderr]).toEqual([1, '']);
    expect(dataOf(world.records())).toEqual(['{"a":1}']);
    const again = world.deadLettersAt(`${world.letters}.again`).slice(-2);
    expect(again.map(({ code }) => code).toSorted()).toEqual(['FRAMING', 'INVALID_JSON']);
    const messages = again.map(({ message }) => message).join('\n');
    expect(messages).toContain('holds only the first 65536 bytes');
    expect(messages.includes('redrive has no --framing now')).toBe(flags.length === 0);
    expect(again.map(({ length }) => length).toSorted()).toEqual([19, long.length]);
  }
}, 60_000);

it('what may be a document or an element is not guessed, and leaving --framing out sends it as one record', async () => {
  const body = Buffer.from('{"Records":[{"a":1},{"Records":[1,]}]}');
  world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
  await world.report(['--framing', 'array:/Records']);
  repair((text) => text.replace(',]}]}', ']}'));
  const guessed = await redrive(world.letters, ['--framing', 'array:/Records']);
  expect([guessed.exitCode, dataOf(world.records())]).toEqual([1, ['{"a":1}']]);
  expect(world.deadLettersAt(`${world.letters}.again`)[0]!.message).toContain('Nobody knows whether');
  const sent = await redrive(world.letters, []);
  expect([sent.exitCode, dataOf(world.records())]).toEqual([0, ['{"a":1}', '{"Records":[1]}']]);
}, 60_000);

it('values side by side that a run of lines refused arrive by the flag that their dead letter names', async () => {
  world = await World.open({
    objects: [{ key: 'a', body: Buffer.from('{"a":1}{"a":2}\n{"a":3}\n') }],
    shards: 1,
  });
  await world.report([]);
  expect(world.deadLetters()[0]!.message).toContain('--framing values');
  const sent = await redrive(world.letters, ['--framing', 'values']);
  expect([sent.exitCode, sorted(dataOf(world.records()))]).toEqual([0, ['{"a":1}', '{"a":2}', '{"a":3}']]);
});
