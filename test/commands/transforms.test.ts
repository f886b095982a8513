/** Transforms: modules of the user's in the real command: what arrives, what is counted, and what verify and a resume say of it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { S3Fault } from '../../src/embedded/fast-s3.ts';
import { dataOf, runCommand, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const COUNT = 3000;
const scanners = [
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
];

const linesOf = (object: string) =>
  Array.from({ length: COUNT }, (_, i) => (i % 100 === 99 ? '' : `{"o":"${object}", "i":${i}}`));
const bodyOf = (object: string) =>
  Buffer.from(
    linesOf(object)
      .map((line) => `${line}\r\n`)
      .join(''),
  );
const objects = () => [
  { key: 'p/plain.jsonl', body: bodyOf('plain') },
  { key: 'p/packed.jsonl.gz', body: gzipSync(bodyOf('packed')) },
];

/** @returns The flag that names it. */
function moduleOf(text: string, name = 'transform.mjs', exported = ''): string[] {
  const path = join(world.folder, name);
  writeFileSync(path, text);
  return ['--transform', `${path}${exported}`];
}

async function verify(flags: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['verify', '--json', ...flags, ...services], { env, cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

describe('--transform', () => {
  it.each(scanners)(
    'sends what a function makes of each record; what it drops is filtered, on what it throws is a dead letter: $scanner scanner',
    async ({ env }) => {
      world = await World.open({ objects: objects(), shards: 2 });
      const flags = [
        ...moduleOf(`export default (record, source) => {
          if (record.i % 10 === 1) return undefined;
          if (record.i % 100 === 2) throw new TypeError('two');
          return { k: record.o + record.i, from: source.key };
        }`),
        ...['--partition-key', '/k', '--where', 'record.i < 2000'],
      ];
      const { report, ended } = await world.report(flags, { env });
      expect(ended.exitCode, ended.stderr).toBe(1);
      expect(report.lines).toEqual({
        ...{ read: 2 * COUNT, blank: 60, filtered: 2 * (990 + 200), rejected: 40 },
        rejectedByCode: { TRANSFORM: 40 },
      });
      const kept = Array.from({ length: 2000 }, (_, i) => i).filter(
        (i) => i % 10 !== 1 && i % 100 !== 2 && i % 100 !== 99,
      );
      const expected = ['plain', 'packed'].flatMap((o) =>
        kept.map((i) => `{"k":"${o}${i}","from":"p/${o}.jsonl${o === 'packed' ? '.gz' : ''}"}`),
      );
      expect(dataOf(world.records()).toSorted()).toEqual(expected.toSorted());
      expect(
        world.records().every(({ partitionKey, data }) => JSON.parse(`${data}`).k === partitionKey),
      ).toBe(true);
      const [letter] = world.deadLetters();
      expect(letter).toMatchObject({ code: 'TRANSFORM', message: 'Stage 1 use failed: TypeError: two' });
      expect(Buffer.from(letter!.data!, 'base64').toString()).toMatch(/^{"o":"\w+", "i":(\d*0)?2}$/);

      const verified = await verify(['--journal', world.journal], env);
      expect(verified.report, verified.ended.stderr).toMatchObject({
        ...{ status: 'match-with-rejects', missing: 0, foreign: 0, duplicated: 0 },
        lines: { counted: 2 * COUNT, records: expected.length, filtered: report.lines.filtered },
      });
      const again = await world.report(flags, { env });
      expect(again.report).toMatchObject({ resumed: true, records: { delivered: 0 }, lines: report.lines });
    },
  );

  it('what a module prints goes to stderr: stdout has the one document of --json', async () => {
    world = await World.open({ objects: objects(), shards: 1 });
    const module = moduleOf(`console.log('loaded');
      export default (record) => {
        if (record.i === 0) console.info('asked');
        if (record.i === 0) process.stdout.write('written\\n');
        return record.i < 5 ? record : undefined;
      };`);
    const { report, ended } = await world.report(module);
    expect([ended.exitCode, report.status], ended.stderr).toEqual([0, 'delivered']);
    for (const word of ['loaded', 'asked', 'written']) expect(ended.stderr).toContain(`${word}\n`);
    const args = [
      'preview',
      's3://bucket/',
      '--s3-endpoint-url',
      world.s3.endpoint,
      '--limit',
      '8',
      '--json',
    ];
    const shown = await runCommand([...args, ...module], { cwd: world.folder });
    const outcomes = shown.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).outcome);
    expect(outcomes).toHaveLength(8);
    expect(outcomes).toContain('filtered');
    expect(shown.stderr).toContain('loaded\n');
  });

  it('takes TypeScript, asynchronous functions, objects with open and close, and a named export', async () => {
    world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
    writeFileSync(
      join(world.folder, 'more.ts'),
      'export const plus = (a: number, b: number): number => a + b;',
    );
    const flags = moduleOf(
      `import { plus } from './more.ts';
       let base: number | null = null;
       import { appendFileSync } from 'node:fs';
       export const later = {
         close() { appendFileSync(new URL('closed', import.meta.url), 'x'); },
         async open(context: { label: string }) { base = context.label.length; },
         async record(record: { i: number }) { await null; return { sum: plus(record.i, base!) }; },
       };`,
      'transform.ts',
      '#later',
    );
    const { ended } = await world.report([...flags, '--parsers', '1']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const sums = dataOf(world.records()).map((text) => JSON.parse(text).sum);
    expect(sums.toSorted((a, b) => a - b).slice(0, 3)).toEqual([5, 6, 7]);
    expect(sums).toHaveLength(COUNT - 30);
    expect(readFileSync(join(world.folder, 'closed'), 'utf8')).toBe('x');
  });

  it('several are asked in the order of their flags, and bytes go out as they are', async () => {
    world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
    const first = moduleOf('export default ({ i }) => ({ text: "line " + i });', 'first.mjs');
    const second = moduleOf('export default ({ text }) => new TextEncoder().encode(text);', 'second.mjs');
    const { ended } = await world.report([...first, ...second]);
    expect(ended.exitCode, ended.stdout).toBe(0);
    expect(dataOf(world.records()).toSorted().slice(0, 3)).toEqual(['line 0', 'line 1', 'line 10']);
  });

  it('a module that cannot be loaded ends the run before it starts, with file, line and reason', async () => {
    world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
    const cases = [
      [moduleOf('const a = 1;\n\nexport default (v => ;', 'bad.mjs'), /bad\.mjs, line 3/],
      [moduleOf('\nthrow new Error("not today");', 'throws.mjs'), /not today .*throws\.mjs, line 2/],
      [moduleOf('export default 5;', 'five.mjs'), /a default export that is a function/],
      [moduleOf('export default (v) => v;', 'one.mjs', '#two'), /an export named two/],
      [['--transform', 'absent.mjs'], /absent\.mjs: .*there is no such file/],
      [moduleOf('process.exit(0);', 'exits.mjs'), /it ended its thread with exit code 0/],
    ] as const;
    for (const [flags, why] of cases) {
      const ended = await world.backfill(flags);
      expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringMatching(why)]);
    }
    expect(world.records()).toEqual([]);
  });

  it('a changed module, or a changed file that it imports, is another run', async () => {
    world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
    writeFileSync(join(world.folder, 'more.mjs'), 'export const more = 1;');
    const flags = moduleOf(
      "import { more } from './more.mjs'; export default (record) => ({ ...record, more });",
    );
    await world.report(flags);
    writeFileSync(join(world.folder, 'more.mjs'), 'export const more = 2;');
    const changed = await world.backfill(flags);
    expect([changed.exitCode, changed.stderr]).toEqual([
      2,
      expect.stringContaining('a file that one imports, has changed'),
    ]);
    expect(changed.stderr).toContain('and its modules as they were: millrace backfill');
    const verified = await verify(['--journal', world.journal]);
    expect([verified.ended.exitCode, verified.ended.stderr + verified.ended.stdout]).toEqual([
      2,
      expect.stringContaining('were changed since'),
    ]);
  });

  it.each([
    ['counts', 'let n = 0; export default (record) => ({ ...record, n: n++ });'],
    ['asks the clock', 'export default (record) => ({ ...record, at: Date.now() });'],
    ['asks for chance', 'export default (record) => (Math.random() < 0.5 ? record : null);'],
  ])(
    'refuses a module that is not repeatable because it %s, unless --volatile-transform allows it',
    async (_, text) => {
      world = await World.open({ objects: objects().slice(0, 1), shards: 1 });
      const flags = moduleOf(text);
      const refused = await world.backfill(flags);
      expect([refused.exitCode, refused.stdout + refused.stderr]).toEqual([
        2,
        expect.stringContaining('--volatile-transform'),
      ]);
      expect(world.records()).toEqual([]);
      const allowed = await world.backfill([...flags, '--volatile-transform', '--restart']);
      expect(allowed.exitCode, allowed.stderr).toBe(0);
      expect(world.records().length).toBeGreaterThan(0);
      const verified = await verify(['--journal', world.journal]);
      expect(verified.report.warnings).toContainEqual(expect.stringContaining('--volatile-transform'));
    },
  );
});

const FAR = [
  {
    name: 'far.mjs',
    code: `import { drop, map, pipe } from 'millrace/stages'; import { defineTransform } from 'millrace/transform';`,
  },
  {
    name: 'far.cjs',
    code: `const { drop, map, pipe } = require('millrace/stages'); const { defineTransform } = require('millrace/transform');`,
  },
];

it.each(FAR)(
  'a module in an empty folder, far from any package, finds millrace/stages and millrace/transform: $name',
  async ({ name, code }) => {
    world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"a":1,"b":2}\n') }], shards: 1 });
    const path = join(world.folder, 'empty', name);
    mkdirSync(join(world.folder, 'empty'));
    const isCommon = name.endsWith('.cjs');
    const says = isCommon ? 'module.exports =' : 'export default';
    const own = isCommon ? `require('millrace/transform')` : `await import('millrace/transform')`;
    writeFileSync(
      path,
      `${code}
     const seen = defineTransform({ record: async (record) => ({ ...record, later: Object.keys(${own}).includes('defineTransform') }) });
     ${says} pipe(drop('/b'), map((record) => seen.record(record)));`,
    );
    const given = ['--transform', path, '--config', join(world.folder, 'empty.yaml')];
    writeFileSync(join(world.folder, 'empty.yaml'), 'stream: orders\n');
    const { ended } = await world.report(given);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(dataOf(world.records())).toEqual(['{"a":1,"later":true}']);
    const listed = join(world.folder, 'listed.yaml');
    writeFileSync(listed, `stages:\n  - use: ./empty/${name}\n`);
    const shown = await runCommand(
      ['preview', 's3://bucket/', '--config', listed, '--json', '--s3-endpoint-url', world.s3.endpoint],
      { cwd: world.folder },
    );
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(JSON.parse(shown.stdout).records[0].text).toBe('{"a":1,"later":true}');
    // Another name is still unknown, and says so.
    writeFileSync(path, isCommon ? `require('millrace/other');` : `import 'millrace/other';`);
    const other = await world.backfill(['--transform', path, '--new-run']);
    expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining('millrace')]);
  },
);

it('a package of that name that is there counts, and no other', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"a":1}\n') }], shards: 1 });
  const folder = join(world.folder, 'node_modules', 'millrace');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module","exports":{"./transform":"./own.js"}}');
  writeFileSync(
    join(folder, 'own.js'),
    'export const defineTransform = () => ({ record: () => ({ theirs: true }) });',
  );
  const path = join(world.folder, 'near.mjs');
  writeFileSync(
    path,
    `import { defineTransform } from 'millrace/transform'; export default defineTransform({});`,
  );
  const { ended } = await world.report(['--transform', path]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(dataOf(world.records())).toEqual(['{"theirs":true}']);
});

const RECORDS = (object: string) => Array.from({ length: 600 }, (_, i) => `{"o":"${object}","i":${i}}`);
const EIGHT = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => ({
  key,
  body: Buffer.from(
    RECORDS(key)
      .map((line) => `${line}\n`)
      .join(''),
  ),
}));

it.each<{ name: string; fault: S3Fault; exitCode: number; first: string; isPacked?: boolean }>([
  {
    name: 'of an object that comes late',
    fault: { kind: 'internal-error', times: 3 },
    exitCode: 0,
    first: 'a',
  },
  {
    name: 'of a compressed object that comes late',
    ...{ fault: { kind: 'internal-error', times: 3 }, exitCode: 0, first: 'a', isPacked: true },
  },
  { name: 'of the next, where the first is gone', fault: { kind: 'no-such-key' }, exitCode: 1, first: 'b' },
])('what is tried twice are the first hundred lines in the order of the listing, $name', async (given) => {
  const { fault, exitCode, first, isPacked } = given;
  const objects = EIGHT.map(({ key, body }) => ({ key, body: isPacked ? gzipSync(body) : body }));
  world = await World.open({ objects, shards: 1 });
  world.s3.setFaults([{ ...fault, target: 'a' }]);
  const [path, calls] = [join(world.folder, 'count.mjs'), join(world.folder, 'calls')];
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs';
     export default (record) => {
       appendFileSync(${JSON.stringify(calls)}, record.o + record.i + '\\n');
       return record;
     };`,
  );
  const { report, ended } = await world.report(['--transform', path, '--parsers', '4']);
  expect(ended.exitCode, ended.stderr).toBe(exitCode);
  expect(world.s3.stats().faultsFired[fault.kind]).toBeGreaterThan(0);
  const counts = new Map<string, number>();
  for (const call of readFileSync(calls, 'utf8').trimEnd().split('\n'))
    counts.set(call, (counts.get(call) ?? 0) + 1);
  const twice = [...counts].filter(([, count]) => count > 1);
  expect(twice.toSorted()).toEqual(Array.from({ length: 100 }, (_, i) => [`${first}${i}`, 2]).toSorted());
  const total = (8 - report.objects.failed) * 600;
  expect(counts.size).toBe(total);
  // A trial is no work of the stage.
  expect(report.stages).toMatchObject([{ in: total, out: total }]);
});

it('a module that is not repeatable has sent nothing, from no thread, when it is refused', async () => {
  world = await World.open({ objects: EIGHT, shards: 1 });
  const [path, mark] = [join(world.folder, 'slow.mjs'), join(world.folder, 'first')];
  // The object that comes first differs and is slow: other threads would have sent all they have by then.
  writeFileSync(
    path,
    `import { readFileSync, writeFileSync } from 'node:fs';
     const mark = ${JSON.stringify(mark)};
     let time = 0;
     let first = null;
     export default async (record) => {
       if (first === null) {
         try { writeFileSync(mark, record.o, { flag: 'wx' }); } catch {}
         first = readFileSync(mark, 'utf8');
       }
       if (record.o !== first) return record;
       if (record.i === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
       return { ...record, time: time++ };
     };`,
  );
  const flags = ['--transform', path, '--parsers', '4', '--downloads', '1'];
  const { report, ended } = await world.report(flags);
  expect([ended.exitCode, report.error]).toEqual([2, expect.stringContaining('not repeatable')]);
  expect(world.records()).toEqual([]);
  const allowed = await world.report([...flags, '--volatile-transform', '--restart']);
  expect(allowed.ended.exitCode, allowed.ended.stderr).toBe(0);
  expect(world.records()).toHaveLength(8 * 600);
}, 60_000);

it('a module that is not repeatable for lines of the first object alone is refused each time, however late that comes', async () => {
  world = await World.open({ objects: EIGHT, shards: 1 });
  const path = join(world.folder, 'late.mjs');
  writeFileSync(
    path,
    'let time = 0; export default (record) => (record.o === "a" ? { time: time++ } : record);',
  );
  for (let turn = 0; turn < 3; turn++) {
    world.s3.setFaults([{ kind: 'internal-error', target: 'a', times: 2 }]);
    const { report, ended } = await world.report(['--transform', path, '--parsers', '4', '--restart']);
    expect(world.s3.stats().faultsFired['internal-error']).toBe(2 * (turn + 1));
    expect([ended.exitCode, report.error]).toEqual([2, expect.stringContaining('not repeatable')]);
    expect(world.records()).toEqual([]);
  }
}, 60_000);

it('a run whose first lines are all left out before the stage is tried with the first that are not', async () => {
  world = await World.open({ objects: EIGHT, shards: 1 });
  const path = join(world.folder, 'time.mjs');
  writeFileSync(path, 'let time = 0; export default (record) => ({ ...record, time: time++ });');
  const flags = ['--transform', path, '--where', 'record.o == "g"', '--parsers', '3'];
  const { report, ended } = await world.report(flags);
  expect([ended.exitCode, report.error]).toEqual([2, expect.stringContaining('not repeatable')]);
  expect(world.records()).toEqual([]);
});
