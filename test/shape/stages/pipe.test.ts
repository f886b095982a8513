/** Pipes: stages one after the other, called plainly, and at work as the export of a module. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Carried } from '../../../src/shape/carried.ts';
import {
  coerce,
  drop,
  enrich,
  flatMap,
  format,
  hash,
  map,
  pipe,
  set,
  tap,
  use,
  where,
} from '../../../src/shape/stages/library.ts';
import { openStage } from '../../../src/shape/stages/open-stage.ts';

const PLACE = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };

describe('a pipe that is called', () => {
  it('gives what its stages make of a record, one after the other', () => {
    const clean = pipe(where('record.level == "error"'), drop('/user'), set('/seen', true));
    const record = { level: 'error', user: { mail: 'm' } };
    expect(clean(record)).toEqual({ level: 'error', seen: true });
    expect(record).toEqual({ level: 'error', user: { mail: 'm' } });
    expect(clean({ level: 'info' })).toBeUndefined();
  });

  it('lets each of many records pass on its own', () => {
    const split = pipe(
      flatMap<{ items: number[] }>(({ items }) => items.map((n) => ({ n }))),
      where('record.n > 1'),
      map<{ n: number }>(({ n }) => n * 10),
    );
    expect(split({ items: [1, 2, 3] })).toEqual([20, 30]);
    expect(split({ items: [1, 2] })).toBe(20);
    expect(split({ items: [] })).toBeUndefined();
    expect(pipe(map(() => [1, 2]))(0)).toEqual([[1, 2]]);
  });

  it('gives a promise only where a stage waits, and then all records in their order', async () => {
    const waits = pipe(
      flatMap<number>((n) => [n, n + 1]),
      map<number>(async (n) => n * 2),
      where('record > 2'),
    );
    await expect(waits(1)).resolves.toBe(4);
    await expect(waits(5)).resolves.toEqual([10, 12]);
    expect(pipe(map<number>((n) => n + 1))(1)).toBe(2);
  });

  it('may hold pipes, and tells what it holds', () => {
    const inner = pipe(
      drop('/a'),
      map((value) => value),
    );
    expect(pipe(inner, set('/b', 1)).stages.map(({ kind }) => kind)).toEqual(['drop', 'map', 'set']);
    expect(pipe()({ a: 1 })).toEqual({ a: 1 });
  });

  it('ends with the text of a format', () => {
    expect(pipe(coerce('/n', 'number'), format('n is {/n}'))({ n: '05' })).toBe('n is 5');
  });

  it('says which stage failed', async () => {
    expect(() => pipe(drop('/x'), coerce('/n', 'number'))({ n: 'x' })).toThrow(
      /^2 coerce: Cannot coerce \/n/,
    );
    expect(() =>
      pipe(
        map(() => 1n),
        drop('/a'),
      )({}),
    ).toThrow(/^2 drop: JSON cannot hold what it gave/);
    await expect(
      pipe(
        map(async () => Promise.reject(new Error('away'))),
        drop('/a'),
      )({}),
    ).rejects.toThrow('away');
  });

  it('leaves no promise behind that nobody waits for, where a function throws', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const fails = pipe(
      flatMap<number>(() => [1, 2]),
      map<number>((n) => {
        if (n === 2) throw new Error('at once');
        return Promise.reject(new Error('later'));
      }),
    );
    expect(() => fails(0)).toThrow('at once');
    await new Promise(setImmediate);
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });

  it('refuses what is no stage, and stages behind a format', () => {
    expect(() => pipe(((value: unknown) => value) as never)).toThrow(/part 1 of the pipe.*map\(fn\)/);
    expect(() => pipe(drop('/a'), null as never)).toThrow(/part 2 of the pipe.*received null/);
    expect(() => pipe(format('x'), drop('/a'))).toThrow(/format to be the last stage.*received drop/);
  });
});

describe('a module that exports stages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pipe-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const library = JSON.stringify(new URL('../../../src/shape/stages/library.ts', import.meta.url).href);

  function moduleOf(code: string): string {
    const path = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
    writeFileSync(path, `import * as m from ${library};\n${code}\n`);
    return path;
  }
  const hashKey = Buffer.from('a key of thirty-two bytes, really');
  const open = (code: string) =>
    openStage({ kind: 'use', module: moduleOf(code), name: 'default', hash: '' }, '3 use', { hashKey });

  it('keeps the bytes that no stage names, as long as all stages are data', async () => {
    const stage = await open("export default m.pipe(m.where('record.id > 0'), m.drop('/mail'));");
    const line = '{"id": 12345678901234567890, "mail":"m", "n":1.0}';
    expect(stage.runText!(Carried.ofText(line), PLACE)).toBe('{"id": 12345678901234567890, "n":1.0}');
    expect(stage.runText!(Carried.ofText('{"id":0}'), PLACE)).toBeNull();
  });

  it('keeps them behind a tap, too, also where it waits', async () => {
    const line = '{"id": 12345678901234567890, "n":1.0, "x":1}';
    for (const fn of ['() => {}', 'async (v) => { v.id = 1; }']) {
      const stage = await open(`export default m.pipe(m.tap(${fn}), m.drop('/x'));`);
      expect(await stage.runText!(Carried.ofText(line), PLACE)).toBe('{"id": 12345678901234567890, "n":1.0}');
    }
  });

  it('hashes with the key of the run', async () => {
    const stage = await open("export default m.pipe(m.hash('/id'));");
    const alone = await openStage({ kind: 'hash', pointer: '/id' }, '1 hash', { hashKey });
    const record = Carried.ofText('{"id":"u7"}');
    expect(stage.runText!(record, PLACE)).toBe(alone.runText!(record, PLACE));
  });

  it('gives many records, bytes for text, and nothing', async () => {
    const stage = await open(
      "export default m.pipe(m.flatMap((v) => v.items), m.where('record.n > 1'), m.format('n={/n}'));",
    );
    expect(stage.run({ items: [{ n: 1 }, { n: 2 }, { n: 3 }] }, PLACE)).toEqual([
      new TextEncoder().encode('n=2'),
      new TextEncoder().encode('n=3'),
    ]);
    expect(stage.run({ items: [] }, PLACE)).toBeUndefined();
    const single = await open("export default m.drop('/a');");
    expect(single.runText!(Carried.ofText('{"a":1,"b":1.0}'), PLACE)).toBe('{"b":1.0}');
  });

  it('is a stage of another pipe', async () => {
    const path = moduleOf('export const twice = m.pipe(m.map((n) => n * 2));');
    await expect(
      pipe(
        use(`${path}#twice`),
        map<number>((n) => n + 1),
      )(5),
    ).resolves.toBe(11);
    expect(use(path).spec).toEqual({ kind: 'use', module: path, name: 'default', hash: '' });
    expect(() => use('')).toThrow(/a module like/);
  });

  it('may look into a table, which is loaded with the first call', async () => {
    const table = join(folder, 'users.csv');
    writeFileSync(table, 'id,name\nu1,Ada\n');
    const joined = pipe(enrich({ table, on: '/id', into: '/user', onMissing: 'drop' }), drop('/id'));
    await expect(joined({ id: 'u1' })).resolves.toEqual({ user: { id: 'u1', name: 'Ada' } });
    await expect(joined({ id: 'u2' })).resolves.toBeUndefined();
  });

  it('sees a tap without being changed', async () => {
    const seen: unknown[] = [];
    const look = pipe(
      tap((value) => void seen.push(value)),
      drop('/a'),
    );
    expect(look({ a: 1 })).toEqual({});
    expect(seen).toEqual([{ a: 1 }]);
  });

  it('hashes plainly only with a key', () => {
    expect(() => pipe(hash('/a'))({ a: 1 })).toThrow(/Expected a key/);
  });
});
