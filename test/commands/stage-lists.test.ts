/** Lists of stages, from files and from programs, in the real command: what arrives, what is a dead letter, and which run a changed list is. */
import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type DeadLetter, dataOf, differences, runCommand, STREAM, World } from './fixture.ts';

/** Each of them starts a program or more, and the machine may have other work. */
vi.setConfig({ testTimeout: 180_000 });

let world: World;
afterEach(() => world?.close());

const KEY = 'a key of the tests, no secret';
const COUNT = 2000;
const scanners = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];
const lineOf = (i: number) =>
  i % 50 === 49
    ? `{"i":"${i}", "n":1.50e1}`
    : `{"i":${i}, "n":1.50e1, "big":123456789012345678901, "user":{"id":"u${i % 3}","mail":"m${i}"}, "at":${1.7e9 + i}}`;
const LINES = Array.from({ length: COUNT }, (_, i) => lineOf(i));
const objects = () => [{ key: 'p/a.jsonl', body: Buffer.from(LINES.map((line) => `${line}\n`).join('')) }];

/** @returns The flag that names the file. */
function config(stages: string, name = 'config.yaml'): string[] {
  const path = join(world.folder, name);
  writeFileSync(path, `stages:\n${stages}`);
  return ['--config', path];
}

function services(): string[] {
  return ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
}

async function verify(env: Readonly<Record<string, string | undefined>> = {}) {
  const args = ['verify', '--journal', world.journal, '--json', ...services()];
  const ended = await runCommand(args, { env, cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

const pseudonym = (text: string) => createHmac('sha256', KEY).update(text).digest('hex');

describe.each(scanners)('with the $scanner scanner', ({ env: scanner }) => {
  const env = { ...scanner, MILLRACE_HASH_KEY: KEY };

  it('each stage sees what the one before it has made, and all other bytes stay', async () => {
    world = await World.open({ objects: objects(), shards: 2 });
    writeFileSync(join(world.folder, 'users.csv'), 'id,name\nu0,Ada\nu1,Alan\n');
    const flags = config(`
  - where: record.i < 1500
  - drop: /n
  - rename: { /user: who }
  - where: record.who.id != "u9"
  - hash: /who/mail
  - coerce: { /at: timestamp }
  - set: { /who/seen: true }
  - enrich: { table: users.csv, on: /who/id, into: /who/name, on-missing: drop }
  - pick: [/i, /big, /who, /at]
`);
    const { report, ended } = await world.report(flags, { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    const kept = Array.from({ length: 1500 }, (_, i) => i).filter((i) => i % 50 !== 49 && i % 3 !== 2);
    expect(report.lines).toMatchObject({ read: COUNT, rejectedByCode: { FILTER: COUNT / 50 } });
    expect(report.lines.filtered).toBe(COUNT - COUNT / 50 - kept.length);
    const expected = kept.map((i) => {
      const [id, name] = [`u${i % 3}`, ['Ada', 'Alan'][i % 3]!];
      const at = new Date((1.7e9 + i) * 1000).toISOString();
      return `{"i":${i}, "big":123456789012345678901, "who":{"id":"${id}","mail":"${pseudonym(`m${i}`)}","seen":true,"name":{"id":"${id}","name":"${name}"}}, "at":"${at}"}`;
    });
    expect(dataOf(world.records()).toSorted()).toEqual(expected.toSorted());
    const verified = await verify(env);
    expect(verified.report, verified.ended.stderr).toMatchObject({
      ...{ status: 'match-with-rejects', missing: 0, foreign: 0, duplicated: 0 },
    });
  });

  it('a format gives text, and what a stage cannot do is a dead letter that names it', async () => {
    world = await World.open({ objects: objects(), shards: 2 });
    const flags = config(`
  - pick: [/i, /user]
  - coerce: { /user/id: number }
  - where: { expression: record.i >= 0, on-error: drop }
  - format: "{/i} <{/user/mail}> {/none}"
`);
    const { report, ended } = await world.report(flags, { env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    // No user there, so nothing to coerce; but an i that is text.
    expect(report.lines).toMatchObject({ filtered: COUNT / 50, rejected: COUNT - COUNT / 50 });
    expect(world.deadLetters()[0]).toMatchObject({
      code: 'TRANSFORM',
      message: 'Stage 2 coerce failed: Cannot coerce /user/id: it reads as no number',
    });
    const text = await world.report([...config('  - format: "{/i} <{/user/mail}>{/none}"\n'), '--restart'], {
      env,
    });
    expect([text.ended.exitCode, text.report.records.delivered], text.ended.stderr).toEqual([0, COUNT]);
    const expected = LINES.map((line) => JSON.parse(line)).map(({ i, user }) => `${i} <${user?.mail ?? ''}>`);
    expect(dataOf(world.records()).toSorted()).toEqual(expected.toSorted());
  });
});

it('a list that is changed is another run, and the same one goes on where it was', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const flags = config('  - pick: [/i]\n  - drop: /n\n');
  const first = await world.report(flags);
  expect([first.ended.exitCode, first.report.records.delivered], first.ended.stderr).toEqual([0, COUNT]);
  const again = await world.report(config('  - pick: /i\n  - { drop: [/n] }\n', 'same.yaml'));
  expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0, deliveredBefore: COUNT } });
  for (const other of [
    '  - drop: /n\n  - pick: [/i]\n',
    '  - pick: [/i]\n',
    '  - pick: [/i, /n]\n  - drop: /n\n',
  ]) {
    const changed = await world.backfill(config(other, 'other.yaml'));
    expect([changed.exitCode, changed.stderr], other).toEqual([2, expect.stringContaining('journal')]);
  }
  const without = await world.backfill();
  expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining('--config FILE')]);
});

it('a redrive does the same stages to lines that they have refused', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"n":"x", "m":1}\n') }], shards: 1 });
  const flags = config('  - coerce: { /n: number }\n  - drop: /m\n');
  await world.report(flags);
  const [{ data: _, ...letter }] = world.deadLetters() as [DeadLetter];
  const file = join(world.folder, 'repaired.jsonl');
  writeFileSync(file, `${JSON.stringify({ ...letter, text: '{"n":"07", "m":1}' })}\n`);
  const args = ['redrive', file, '--stream', STREAM, ...flags, ...services()];
  const ended = await runCommand(args, { cwd: world.folder });
  expect([ended.exitCode, dataOf(world.records())], ended.stderr).toEqual([0, ['{"n":7}']]);
});

it('a module that exports a pipe is found from the folder of the file, and has the bytes, tables and key of the run', async () => {
  world = await World.open({ objects: objects(), shards: 2 });
  mkdirSync(join(world.folder, 'conf'));
  writeFileSync(join(world.folder, 'conf', 'users.csv'), 'id,name\nu0,Ada\n');
  const library = JSON.stringify(new URL('../../src/shape/stages/library.ts', import.meta.url).href);
  writeFileSync(
    join(world.folder, 'conf', 'clean.mjs'),
    `import { drop, enrich, flatMap, hash, pipe, where } from ${library};
    const table = new URL('users.csv', import.meta.url).pathname;
    export const clean = pipe(where('record.i < 100', { onError: 'drop' }), hash('/user/mail'), enrich({ table, on: '/user/id', into: '/p', onMissing: 'drop' }), drop('/at'));
    export const twice = pipe(flatMap(({ i, big }) => [{ i, n: 1 }, { i, n: 2 }]), where('record.i > 50 || record.n == 1'));
    `,
  );
  const env = { MILLRACE_HASH_KEY: KEY };
  const { report, ended } = await world.report(config('  - use: ./clean.mjs#clean\n', 'conf/config.yaml'), {
    env,
  });
  expect(ended.exitCode, ended.stderr).toBe(0);
  const kept = Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 50 !== 49 && i % 3 === 0);
  expect(report.lines.filtered).toBe(COUNT - kept.length);
  const expected = kept.map(
    (i) =>
      `{"i":${i}, "n":1.50e1, "big":123456789012345678901, "user":{"id":"u0","mail":"${pseudonym(`m${i}`)}"}, "p":{"id":"u0","name":"Ada"}}`,
  );
  const found = dataOf(world.records()).map((data) => data.replace(/, *"p":/, ', "p":'));
  expect(found.toSorted()).toEqual(expected.toSorted());
  const verified = await verify(env);
  expect(verified.report, verified.ended.stderr).toMatchObject({ status: 'match', missing: 0, foreign: 0 });

  // The table is part of what was sent.
  writeFileSync(join(world.folder, 'conf', 'users.csv'), 'id,name\nu0,Ada L.\n');
  const changed = await world.backfill(config('  - use: ./clean.mjs#clean\n', 'conf/config.yaml'), { env });
  expect([changed.exitCode, changed.stderr]).toEqual([2, expect.stringContaining('journal')]);

  // Parts that hold functions come from the module in each thread.
  const many = await world.report(
    [...config('  - use: ./clean.mjs#twice\n', 'conf/config.yaml'), '--restart'],
    {
      env,
    },
  );
  expect(many.ended.exitCode, many.ended.stderr + many.report.error).toBe(1);
  const numbers = LINES.map((line) => JSON.parse(line)).filter(({ i }) => typeof i === 'number');
  const doubled = numbers.flatMap(({ i }) =>
    i > 50 ? [`{"i":${i},"n":1}`, `{"i":${i},"n":2}`] : [`{"i":${i},"n":1}`],
  );
  const all = [...dataOf(world.records())];
  expect(
    differences(
      [...expected, ...doubled],
      all.map((data) => data.replace(/, *"p":/, ', "p":')),
    ),
  ).toEqual(new Map());
  expect(many.report).toMatchObject({ lines: { rejectedByCode: { FILTER: COUNT / 50 } } });
  expect(world.deadLetters()[0]!.message).toMatch(/^Stage 2 where failed/);
});

it('what is wrong with a list ends the run before it starts', async () => {
  world = await World.open({ objects: objects(), shards: 1 });
  const cases: [stages: string, says: string][] = [
    ['  - dropp: /a\n', 'Did you mean drop?'],
    ['  - pick: /a\n  - where: record.\n', 'Expected where to be a CEL condition'],
    ['  - use: ./none.mjs\n', 'none.mjs'],
    ['  - enrich: { table: none.csv, on: /a, into: /b }\n', 'none.csv'],
    ['  - pick: /a\n  - hash: /a\n', 'MILLRACE_HASH_KEY'],
  ];
  for (const [stages, says] of cases) {
    const ended = await world.backfill(config(stages));
    expect([ended.exitCode, ended.stderr], stages).toEqual([2, expect.stringContaining(says)]);
  }
  const typed = await world.backfill(['--stages', '[]']);
  expect([typed.exitCode, typed.stderr]).toEqual([
    2,
    expect.stringContaining('in a file that --config names'),
  ]);
});
