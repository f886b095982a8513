/** `stages:` of files and programs: what each item may be, and what is said about one that is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { backfillOptions } from '../../src/options/backfill.ts';
import { readConfigFile } from '../../src/options/config-file.ts';
import { identityOf } from '../../src/options/identity.ts';
import { parseVerifyOptions } from '../../src/options/verify.ts';
import type { StageSpec } from '../../src/shape/stage.ts';
import { drop, format, map, pipe, set, use, where } from '../../src/shape/stages/library.ts';
import { configSchema } from '../house/flags.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-stages-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function fromFile(yaml: string): Promise<readonly StageSpec[]> {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, yaml);
  return backfillOptions(['s3://b/p'], { stream: 's', ...(await readConfigFile(file)) }).stages;
}

const fromProgram = (stages: unknown, more = {}) =>
  backfillOptions({ sources: 's3://b/p', stream: 's', stages: stages as never, ...more }).stages;

const ALL = `stages:
  - sample: 10%
  - where: record.level == "error"
  - where: { expression: "record.n > 1", on-error: keep }
  - drop: [/user/mail, /user/phone]
  - set: { /seen: true, "/a~1b": { "x": [1] } }
  - rename: { /at: ts }
  - hash: /user/id
  - pick: [/ts, /user, /seen]
  - coerce: { /ts: timestamp }
  - enrich: { table: users.csv, on: /user/id, into: /user/profile, on-missing: null }
  - enrich: { table: s3://ref/users.parquet, on: /id, into: /p, key: user, on-missing: dead-letter }
  - use: ./clean.ts#clean
  - use: ${folder}/other.mjs
  - format: "[{/ts}] {/user/id}"
`;
const SPECS: StageSpec[] = [
  { kind: 'sample', percent: 10 },
  { kind: 'where', expression: 'record.level == "error"', onError: 'dead-letter' },
  { kind: 'where', expression: 'record.n > 1', onError: 'keep' },
  { kind: 'drop', pointer: '/user/mail' },
  { kind: 'drop', pointer: '/user/phone' },
  { kind: 'set', pointer: '/seen', json: 'true' },
  { kind: 'set', pointer: '/a~1b', json: '{"x":[1]}' },
  { kind: 'rename', pointer: '/at', name: 'ts' },
  { kind: 'hash', pointer: '/user/id' },
  { kind: 'pick', pointers: ['/ts', '/user', '/seen'] },
  { kind: 'coerce', pointer: '/ts', to: 'timestamp' },
  {
    ...{ kind: 'enrich', table: join(folder, 'users.csv'), on: '/user/id', into: '/user/profile' },
    ...{ key: null, onMissing: 'null' },
  },
  {
    ...{ kind: 'enrich', table: 's3://ref/users.parquet', on: '/id', into: '/p' },
    ...{ key: 'user', onMissing: 'dead-letter' },
  },
  { kind: 'use', module: join(folder, 'clean.ts'), name: 'clean', hash: '' },
  { kind: 'use', module: join(folder, 'other.mjs'), name: 'default', hash: '' },
  { kind: 'format', template: '[{/ts}] {/user/id}' },
];

it('reads every stage from a file, modules from the folder of the file', async () => {
  expect(await fromFile(ALL)).toEqual(SPECS);
});

it('takes pipes and stages of a program, and comes out as it is when it is checked again', () => {
  const clean = pipe(where('record.a'), pipe(drop('/a'), set('/b', 1)));
  const specs = [
    { kind: 'where', expression: 'record.a', onError: 'dead-letter' },
    { kind: 'drop', pointer: '/a' },
    { kind: 'set', pointer: '/b', json: '1' },
  ];
  expect(fromProgram(clean)).toEqual(specs);
  expect(fromProgram([...clean.stages])).toEqual(specs);
  expect(fromProgram([where('record.a'), pipe(drop('/a')), set('/b', 1)])).toEqual(specs);
  expect(fromProgram(fromProgram(clean))).toEqual(specs);
  expect(fromProgram(SPECS)).toEqual(SPECS);
  expect(fromProgram(drop('/a'))).toEqual([{ kind: 'drop', pointer: '/a' }]);
  expect(fromProgram(use(new URL('file:///x/y.ts#z')))).toEqual([
    { kind: 'use', module: '/x/y.ts', name: 'z', hash: '' },
  ]);
  expect([fromProgram(null), fromProgram([]), fromProgram(undefined)]).toEqual([[], [], []]);
});

it('is part of the identity, from which verify takes the same list', async () => {
  const identity = (stages: readonly StageSpec[]) =>
    identityOf(backfillOptions({ sources: 's3://b/p', stream: 's', stages }), 'arn:s', null);
  expect(identity(SPECS).stages).toEqual(SPECS);
  expect(identity([])).not.toHaveProperty('stages');
  const kept = JSON.parse(JSON.stringify(identity(SPECS))) as Record<string, unknown>;
  expect(parseVerifyOptions([], { stream: 's' }, kept).stages).toEqual(SPECS);
});

const problemsOf = async (work: () => unknown): Promise<readonly string[]> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
};

describe('an item that is wrong is refused with its position', () => {
  it.each<[yaml: string, says: string]>([
    ['text', 'Expected stages to be a list of stages in a file that --config names, but received "text".'],
    ['{ drop: /a }', 'Expected stages to be a list of stages in a file'],
    ['[drop]', 'Expected stage 1 to be one stage, like drop: /user/mail, but received "drop".'],
    ['[{ drop: /a, set: { /b: 1 } }]', 'Expected stage 1 to be one stage'],
    ['[{}]', 'Expected stage 1 to be one stage'],
    ['[{ drop: /a }, { dropp: /b }]', 'Expected stage 2 to be one of where, sample, '],
    ['[{ dropp: /b }]', 'Did you mean drop?'],
    ['[{ map: x }]', 'Expected stage 1 to be one of where'],
    ['[{ drop: a }]', 'Expected stage 1, drop, to have a JSON Pointer like /user/mail, but received "a".'],
    ['[{ drop: [] }]', 'Expected stage 1, drop, to have a JSON Pointer'],
    [
      '[{ drop: null }]',
      'Expected stage 1, drop, to have a JSON Pointer like /user/mail, but received null.',
    ],
    [
      '[{ set: /a }]',
      'Expected stage 1, set, to have values by a JSON Pointer like /user/mail, but received "/a".',
    ],
    [
      '[{ set: { a: 1 } }]',
      'Expected stage 1, set, to have a JSON Pointer like /user/mail, but received "a".',
    ],
    ['[{ rename: { /a: 1 } }]', 'Expected stage 1, rename, to have a name for /a, but received 1.'],
    ['[{ coerce: { /a: int } }]', 'to have number, string, boolean or timestamp for /a, but received "int".'],
    [
      '[{ sample: 0% }]',
      'Expected stage 1, sample, to have a share over 0 % and below 100 %, but received "0%".',
    ],
    [
      '[{ where: { expression: x, onErr: drop } }]',
      'Expected stage 1, where, to have a condition like record.type == "order", or expression and onError',
    ],
    [
      '[{ where: { expression: x, on-error: stop } }]',
      'to have dead-letter, drop or keep for errors, but received "stop".',
    ],
    [
      '[{ format: "{/a" }]',
      'Expected stage 1, format, to have a template like [{/ts}] {/message} (a lone {, which is written twice), but received "{/a".',
    ],
    ['[{ format: "{a}" }]', '(what stands in braces is no JSON Pointer)'],
    [
      '[{ format: x }, { drop: /a }]',
      'Expected format to be the last stage, because what it makes is no JSON, but received drop behind it.',
    ],
    [
      '[{ enrich: users.csv }]',
      'Expected stage 1, enrich, to have table, on, into, and at most key and onMissing',
    ],
    [
      '[{ enrich: { table: u.csv, on: /a, into: /b, onMiss: drop } }]',
      'Expected stage 1, enrich, to have table',
    ],
    ['[{ enrich: { table: u.csv, on: /a, into: b } }]', 'Expected `into` of enrich to be a JSON Pointer'],
    ['[{ use: "#name" }]', 'Expected stage 1, use, to have a module like ./module.ts or ./module.ts#name'],
  ])('%s', async (yaml, says) => {
    expect(await problemsOf(() => fromFile(`stages: ${yaml}`))).toEqual([expect.stringContaining(says)]);
  });

  it('all of them at once', async () => {
    const problems = await problemsOf(() =>
      fromFile('stages: [{ drop: a }, { nothing: 1 }, { sample: 200% }]\nwire: x'),
    );
    expect(problems).toHaveLength(4);
  });

  it.each<[stages: unknown, says: string]>([
    [
      pipe(drop('/a'), map(String)),
      "Expected stage 2 to be data, but received map, which holds a function, and no function travels to threads: export the pipe from a module, and give use('./module.ts') in its place.",
    ],
    [
      [(value: unknown) => value],
      "Expected stage 1 to be a stage like drop('/user/mail'), but received a function.",
    ],
    [['drop'], 'but received "drop".'],
    [[{ kind: 'dropp', pointer: '/a' }], 'Expected stage 1 to be a stage'],
    [[{ kind: 'drop', pointer: 'a' }], 'Expected stage 1, drop, to have a JSON Pointer'],
    [[format('x'), drop('/a')], 'Expected format to be the last stage'],
  ])('of a program (%#)', async (stages, says) => {
    expect(await problemsOf(() => fromProgram(stages))).toEqual([expect.stringContaining(says)]);
  });
});

it('stands alone: flags that go in an order of their own are refused beside it', async () => {
  expect(await problemsOf(() => fromProgram(drop('/a'), { where: 'record.a', samplePercent: 5 }))).toEqual([
    'Expected stages to stand alone, because they say in which order records go through them, but received --where, --sample beside them: write them as stages.',
  ]);
  expect(await problemsOf(() => fromFile('stages: [{ drop: /a }]\ndrop: /b'))).toHaveLength(1);
  expect(
    await problemsOf(() =>
      parseVerifyOptions(['s3://b/p'], { stream: 's', stages: [{ drop: '/a' }], set: '/b=1' }, null),
    ),
  ).toEqual([expect.stringContaining('received --set beside them')]);
  expect(fromProgram(drop('/a'), { hashKeyFile: 'key' })).toHaveLength(1);
});

it('is never typed', async () => {
  expect(await problemsOf(() => backfillOptions(['s3://b/p'], { stream: 's', stages: true }))).toEqual([
    'Expected stages to be a list of stages in a file that --config names, but received true.',
  ]);
});

it('fits the schema of configuration files where the program takes it', async () => {
  const { $defs } = JSON.parse(configSchema());
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const validate = ajv.compile({ ...$defs.backfill, $defs });
  const { parse } = await import('yaml');
  expect([validate(parse(ALL)), validate.errors]).toEqual([true, null]);
  const wrong = [
    '[drop]',
    '[{}]',
    '[{ drop: /a, set: { /b: 1 } }]',
    '[{ dropp: /a }]',
    '[{ drop: a }]',
    '[{ drop: [] }]',
  ];
  const wrongToo = [
    '[{ set: { a: 1 } }]',
    '[{ rename: { /a: 1 } }]',
    '[{ coerce: { /a: int } }]',
    '[{ sample: 100 }]',
    '[{ where: { expression: x, onErr: drop } }]',
    '{ drop: /a }',
  ];
  for (const yaml of [...wrong, ...wrongToo])
    expect([yaml, validate({ stages: parse(yaml) })]).toEqual([yaml, false]);
});
