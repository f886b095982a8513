/** Seams: a run knows its source by src/source/source.ts, and S3 has a name only where that has a reason. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const sources = globSync('src/**/*.ts', { cwd: ROOT });
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Rooms and files that may name S3 or its calls. */
const S3_NAMED: Readonly<Record<string, string>> = {
  'src/source/s3/': 'it is what only S3 knows',
  'src/aws/': 'it is how S3 and Kinesis are reached',
  'src/embedded/': 'it is an S3',
  'src/options/': 'flags and variables have the name',
  'src/commands/': 'people read what the commands do',
  'src/base/limits.ts': 'each limit stands beside its source',
  'src/base/object-uri.ts': 'it knows the scheme',
  'src/run/archived-objects.ts': 'people are told which service takes the manifest',
  'src/source/source.ts': 'it says where the one source is that there is',
  'src/index.ts': 'its example begins with a URI',
};

it('name S3 and its calls only where that has a reason', () => {
  // Imports say where something is, not what it is.
  const naming = sources.filter((path) =>
    /\bs3\b|s3client|getobject|listobjects/i.test(read(path).replace(/ from '[^']+'/g, '')),
  );
  const reasonOf = (path: string) =>
    Object.keys(S3_NAMED).find((known) => path === known || (known.endsWith('/') && path.startsWith(known)));
  expect(naming.filter((path) => reasonOf(path) === undefined)).toEqual([]);
  expect([...new Set(naming.map(reasonOf))].toSorted()).toEqual(Object.keys(S3_NAMED).toSorted());
});

it('stands S3 on src/source, which knows nothing of it', () => {
  const outsiders = sources.flatMap((path) =>
    [...read(path).matchAll(/from '(\.[^']+)'/g)]
      .map(([, to]) => normalize(join(dirname(path), to!)))
      .filter((to) => to.startsWith('src/source/s3/') && !path.startsWith('src/source/s3/'))
      .map(() => path),
  );
  expect([...new Set(outsiders)]).toEqual(['src/run/sources.ts']);
});
