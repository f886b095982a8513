import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const rows = readFileSync(join(ROOT, 'docs', 'DEPENDENCIES.md'), 'utf8').match(/^\| `.*$/gm) ?? [];

it('the page of dependencies names each package once, with its reason', () => {
  const named = rows.flatMap((row) =>
    [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!),
  );
  expect(named.toSorted()).toEqual(Object.keys(manifest.devDependencies).toSorted());
  expect(rows.filter((row) => row.split('|')[2]!.trim() === '')).toEqual([]);
});

it('an installation brings no other package, and every version is exact', () => {
  expect([manifest.dependencies, manifest.optionalDependencies]).toEqual([undefined, undefined]);
  const versions = Object.values<string>(manifest.devDependencies);
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
