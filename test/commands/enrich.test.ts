/** Lookup tables in the real command: records get their rows, within --memory, and a table that has changed is another run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { BUCKET, dataOf, runCommand, STREAM, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const scanners: readonly { scanner: string; env: Readonly<Record<string, string>> }[] = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];
const COUNT = 3000;
const USERS = 500;
const body = Buffer.from(
  Array.from(
    { length: COUNT },
    (_, i) => `{"i":${i}, "user":{"id":${i % (USERS + 100)}}, "n":1.50e1}\n`,
  ).join(''),
);
const csv = (from = 0) =>
  `id,name\n${Array.from({ length: USERS }, (_, i) => `${i},"name ${i + from}"\n`).join('')}`;
const objects = (table = csv()) => [
  { key: 'p/plain.jsonl', body },
  { key: 'p/packed.jsonl.gz', body: gzipSync(body) },
  { key: 'ref/users.csv.gz', body: gzipSync(table) },
];

/** @returns The flags that name a file with these stages. */
function stagesOf(...stages: object[]): string[] {
  const path = join(world.folder, 'stages.json');
  writeFileSync(path, JSON.stringify({ stages }));
  return ['--config', path];
}

/** What the lines of one object become. @param missing The value in place of a row, or null: such a line is left out. */
function expectedLines(missing: string | null): string[] {
  return Array.from({ length: COUNT }, (_, i) => i).flatMap((i) => {
    const id = i % (USERS + 100);
    if (id >= USERS && missing === null) return [];
    const row = id < USERS ? `{"id":"${id}","name":"name ${id}"}` : missing;
    return [`{"i":${i}, "user":{"id":${id},"profile":${row}}, "n":1.50e1}`];
  });
}

const sources = [`s3://${BUCKET}/p/`];
const report = (flags: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  world.report(flags, { sources, env });
/** What people are told. */
const told = (flags: readonly string[]) => world.backfill(flags, { sources });

async function verify(flags: readonly string[]) {
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['verify', '--json', ...flags, ...services], { cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

it.each(scanners)(
  'each record gets its row from a table of S3, and verify does the same: $scanner scanner',
  async ({ env }) => {
    world = await World.open({ objects: objects(), shards: 2 });
    const table = `s3://${BUCKET}/ref/users.csv.gz`;
    const flags = stagesOf({ enrich: { table, on: '/user/id', into: '/user/profile' } });
    const { report: found, ended } = await report(flags, env);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(found.lines).toMatchObject({ read: 2 * COUNT, filtered: 0, rejected: 0 });
    expect(found.stages).toEqual([
      { label: '1 enrich', in: 2 * COUNT, out: 2 * COUNT, dropped: 0, failed: 0, timeMs: expect.any(Number) },
    ]);
    const expected = expectedLines('null');
    expect(dataOf(world.records()).toSorted()).toEqual([...expected, ...expected].toSorted());
    const dry = await told([...flags, '--dry-run']);
    expect(dry.stderr).toMatch(
      /table s3:\/\/\S+\/ref\/users\.csv\.gz: 500 rows in [\d.]+ kB for all threads/,
    );
    const { report: verified, ended: verifying } = await verify(['--journal', world.journal]);
    expect(verified, verifying.stderr).toMatchObject({ status: 'match', missing: 0, foreign: 0 });
  },
);

it('lines without a row are filtered, or dead letters, as the stage says', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  writeFileSync(join(world.folder, 'users.csv'), csv());
  const stage = { table: './users.csv', on: '/user/id', into: '/user/profile' };
  const dropping = await report(stagesOf({ enrich: { ...stage, 'on-missing': 'drop' } }));
  expect(dropping.ended.exitCode, dropping.ended.stderr).toBe(0);
  const expected = expectedLines(null);
  expect(dropping.report.lines.filtered).toBe(2 * (COUNT - expected.length));
  expect(dataOf(world.records()).toSorted()).toEqual([...expected, ...expected].toSorted());
  const strict = await report([
    ...stagesOf({ enrich: { ...stage, 'on-missing': 'dead-letter' } }),
    ...['--dry-run'],
  ]);
  expect(strict.report.lines.rejectedByCode).toEqual({ TRANSFORM: 2 * (COUNT - expected.length) });
});

it('a table that has changed since the run began is refused with one sentence, by a resume and by verify', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const path = join(world.folder, 'users.csv');
  writeFileSync(path, csv());
  const flags = stagesOf({ enrich: { table: path, on: '/user/id', into: '/user/profile' } });
  expect((await report(flags)).ended.exitCode).toBe(0);
  writeFileSync(path, csv(1));
  const sentence = `the table ${path} has changed (its version was "sha256:`;
  const resumed = await told(flags);
  expect(resumed.exitCode).toBe(2);
  expect(resumed.stderr).toContain(sentence);
  expect(resumed.stderr).toContain(
    'with the other flags as they are and its tables as they were: millrace backfill',
  );
  const verified = await verify(['--journal', world.journal]);
  expect(verified.ended.exitCode).toBe(2);
  expect(verified.ended.stdout).toContain(
    `Expected the lookup tables that the run had, but ${JSON.stringify(sentence).slice(1, -1)}`,
  );
  writeFileSync(path, csv());
  expect((await report(flags)).report).toMatchObject({ resumed: true, records: { delivered: 0 } });
});

it('tables count in --memory: one that does not fit ends the run before it starts', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const path = join(world.folder, 'big.jsonl');
  const filler = 'x'.repeat(1000);
  writeFileSync(
    path,
    Array.from({ length: 60_000 }, (_, i) => `{"id":${i},"filler":"${filler}"}\n`).join(''),
  );
  const flags = [
    ...stagesOf({ enrich: { table: path, on: '/user/id', into: '/p' } }),
    '--dry-run',
    '--verbose',
  ];
  const small = await told([...flags, '--memory', '80MiB']);
  expect(small.exitCode).toBe(2);
  expect(small.stderr).toMatch(
    /Expected --memory to have room for the table .*big\.jsonl, but the other buffers leave [\d.]+ MB of it: give more, about \d+ MiB more/,
  );
  const enough = await told([...flags, '--memory', '512MiB']);
  expect(enough.exitCode, enough.stderr).toBe(0);
  expect(enough.stderr).toMatch(/6\d\.\d MB {2}lookup tables, for all threads/);
});

it('a pipe in a module shares its table with all threads, too, and enrichWith asks a service for many records at once', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  writeFileSync(join(world.folder, 'users.csv'), csv());
  const stages = new URL('../../src/shape/stages/library.ts', import.meta.url).href;
  writeFileSync(
    join(world.folder, 'pipe.mjs'),
    `import { enrich, enrichWith, map, pipe } from ${JSON.stringify(stages)};
     const sizes = [];
     const ask = async (keys) => { sizes.push(keys.length); return keys.map((key) => ({ calls: sizes.length, of: keys.length })); };
     export default pipe(
       enrich({ table: new URL('./users.csv', import.meta.url), on: '/user/id', into: '/profile', onMissing: 'drop' }),
       enrichWith(ask, { on: '/i', into: '/asked' }),
       map(({ i, profile, asked }) => ({ i, name: profile.name, ...asked })),
     );`,
  );
  const { report: found, ended } = await report([
    '--transform',
    join(world.folder, 'pipe.mjs'),
    '--volatile-transform',
    '--parsers',
    '2',
  ]);
  expect(ended.exitCode, ended.stderr + ended.stdout).toBe(0);
  const records = dataOf(world.records()).map(
    (text) => JSON.parse(text) as { i: number; name: string; of: number },
  );
  expect(records).toHaveLength(2 * expectedLines(null).length);
  expect(found.lines.filtered).toBe(2 * (COUNT - expectedLines(null).length));
  expect(records.every(({ i, name }) => name === `name ${i % (USERS + 100)}`)).toBe(true);
  expect(Math.max(...records.map(({ of }) => of))).toBe(100);
});

it('lines without a row are sent by a redrive, once the table has it', async () => {
  world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
  const path = join(world.folder, 'users.csv');
  writeFileSync(path, csv());
  const enrich = { table: path, on: '/user/id', into: '/user/profile', 'on-missing': 'dead-letter' };
  const flags = stagesOf({ enrich });
  const first = await report(flags);
  expect(first.ended.exitCode, first.ended.stderr).toBe(1);
  const missing = COUNT - expectedLines(null).length;
  expect(first.report.lines.rejectedByCode).toEqual({ TRANSFORM: missing });
  const more = Array.from({ length: 100 }, (_, i) => `${USERS + i},"name ${USERS + i}"\n`).join('');
  writeFileSync(path, csv() + more);
  const ended = await runCommand(
    [
      'redrive',
      world.letters,
      '--stream',
      STREAM,
      '--kinesis-endpoint-url',
      world.kinesis.endpoint,
      '--json',
      ...flags,
    ],
    { cwd: world.folder },
  );
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(JSON.parse(ended.stdout).records.delivered).toBe(missing);
  const rows = dataOf(world.records()).map(
    (text) => JSON.parse(text) as { i: number; user: { id: number; profile: { name: string } } },
  );
  expect(new Set(rows.map(({ i }) => i)).size).toBe(COUNT);
  expect(rows.every(({ user: { id, profile } }) => profile.name === `name ${id}`)).toBe(true);
});

it('what a service does not answer is a dead letter of that line alone, and nobody waits for the others', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const stages = new URL('../../src/shape/stages/library.ts', import.meta.url).href;
  writeFileSync(
    join(world.folder, 'service.mjs'),
    `import { enrichWith, pipe } from ${JSON.stringify(stages)};
     let calls = 0;
     const ask = async (keys) => {
       calls++;
       if (calls % 2 === 1) throw new Error('HTTP 503');
       return keys.map((key) => (key === 7 ? new Error('locked') : { key }));
     };
     export default pipe(enrichWith(ask, { on: '/i', into: '/found' }));`,
  );
  const { report: found, ended } = await report(['--transform', join(world.folder, 'service.mjs')]);
  expect(ended.exitCode, ended.stderr + ended.stdout).toBe(1);
  expect(found.lines).toMatchObject({ rejected: 2, rejectedByCode: { TRANSFORM: 2 } });
  const [letter] = world.deadLetters();
  expect(letter!.message).toBe('Stage 1 enrichWith failed: LookupError: no answer from the service: locked');
  const answered = dataOf(world.records()).map((text) => JSON.parse(text) as { i: number; found: unknown });
  expect(answered).toHaveLength(2 * (COUNT - 1));
  expect(answered.every(({ i, found: one }) => (one as { key: number }).key === i)).toBe(true);
});

it('preview shows rows in their records, and says which lines have none', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const table = `s3://${BUCKET}/ref/users.csv.gz`;
  const flags = stagesOf({ enrich: { table, on: '/user/id', into: '/user/profile', 'on-missing': 'drop' } });
  const ended = await runCommand(
    [
      'preview',
      `s3://${BUCKET}/p/plain`,
      '--json',
      '--limit',
      '502',
      '--s3-endpoint-url',
      world.s3.endpoint,
      ...flags,
    ],
    { cwd: world.folder },
  );
  expect(ended.exitCode, ended.stderr).toBe(0);
  const shown = ended.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(shown).toHaveLength(502);
  expect(shown[499].records[0].text).toBe(
    '{"i":499, "user":{"id":499,"profile":{"id":"499","name":"name 499"}}, "n":1.50e1}',
  );
  expect(shown.slice(500).map(({ outcome, stage }) => [outcome, stage])).toEqual([
    ['filtered', '1 enrich'],
    ['filtered', '1 enrich'],
  ]);
});
