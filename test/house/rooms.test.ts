/** Rooms: small houses with known floors, and this repository's own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Import, readImports } from './imports.ts';
import { drawRooms } from './rooms.ts';

const root = join(import.meta.dirname, '..', '..');
const imports = (...pairs: [from: string, to: string][]): Import[] =>
  pairs.map(([from, to]) => ({ from, to, isTypeOnly: false }));

it('a room stands one floor above the highest that it imports, and a loose file is a room', () => {
  const house = drawRooms(
    imports(
      ['src/cli.ts', 'src/run/run.ts'],
      ['src/run/run.ts', 'src/base/errors.ts'],
      ['src/run/run.ts', 'src/source/list.ts'],
      ['src/run/stop.ts', 'src/source/list.ts'],
      ['src/run/stop.ts', 'src/run/run.ts'],
      ['src/source/list.ts', 'src/base/errors.ts'],
    ),
  );
  expect(house.floors).toEqual([['src/base'], ['src/source'], ['src/run'], ['src/cli.ts']]);
  expect(house.arrows.map(({ from, to, importCount }) => [from, to, importCount])).toEqual([
    ['src/cli.ts', 'src/run', 1],
    ['src/run', 'src/base', 1],
    ['src/run', 'src/source', 2],
    ['src/source', 'src/base', 1],
  ]);
  expect(house.circles).toEqual([]);
});

it('of a circle the arrow with the fewest imports points up', () => {
  const house = drawRooms(
    imports(
      ['src/a/1.ts', 'src/b/1.ts'],
      ['src/a/2.ts', 'src/b/1.ts'],
      ['src/b/1.ts', 'src/c/1.ts'],
      ['src/b/2.ts', 'src/c/1.ts'],
      ['src/c/1.ts', 'src/a/1.ts'],
    ),
  );
  expect(house.circles).toEqual([['src/a', 'src/b', 'src/c']]);
  expect(house.arrows.filter(({ isUpward }) => isUpward)).toEqual([
    { from: 'src/c', to: 'src/a', importCount: 1, isUpward: true },
  ]);
  expect(house.floors).toEqual([['src/c'], ['src/b'], ['src/a']]);
});

it('imports of types, imports that wait and exports of others are seen; a comment is not', () => {
  const all = readImports(root);
  const of = (from: string) => all.filter((one) => one.from === from);
  expect(of('src/index.ts').map(({ isTypeOnly }) => isTypeOnly)).toContain(true);
  expect(of('src/commands/table.ts').map(({ to }) => to)).toContain('src/commands/backfill.ts');
  expect(all.filter(({ to }) => !/^(src|workers)\/.*\.(ts|mjs)$/.test(to))).toEqual([]);
});

it('every room of docs/ARCHITECTURE.md is a folder of src/, and imports only those below it there', () => {
  const page = readFileSync(join(root, 'docs', 'ARCHITECTURE.md'), 'utf8');
  const rooms = [...page.matchAll(/^\| `(\w+)\/` \|/gm)].map(([, room]) => room!);
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(rooms.toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  const place = (path: string) => rooms.indexOf(path.split('/')[1]!);
  const between = readImports(root).filter(({ from, to }) => place(from) >= 0 && place(to) >= 0);
  expect(between.filter(({ from, to }) => place(to) < place(from))).toEqual([]);
});

it('no room imports upwards and none stands in a circle', () => {
  const { arrows, circles } = drawRooms(readImports(root));
  expect({ circles, upward: arrows.filter(({ isUpward }) => isUpward) }).toEqual({ circles: [], upward: [] });
});
