/** Lockfiles: what is installed is known by its hash, and a package that runs a script at installation is allowed or forbidden by name. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const paths = execFileSync('git', ['ls-files', '*package-lock.json'], { cwd: root })
  .toString('utf8')
  .trim()
  .split('\n');

interface Locked {
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const packagesOf = (path: string): [string, Locked][] =>
  Object.entries(read(path).packages as Record<string, Locked>).filter(
    ([name, { link }]) => name !== '' && !link,
  );

it.each(paths)('%s knows every package by its hash', (path) => {
  const packages = packagesOf(path);
  expect(packages.length).toBeGreaterThan(0);
  expect(
    packages.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([name]) => name),
  ).toEqual([]);
});

it('each script at installation is allowed or forbidden by name', () => {
  const scripted = packagesOf('package-lock.json').filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = scripted.map(([name]) => name.split('node_modules/').at(-1)!);
  expect(Object.keys(read('package.json').allowScripts)).toEqual(expect.arrayContaining(names));
});
