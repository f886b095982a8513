/** Filter: the parts that list.test.ts does not reach through a listing. */
import { expect, it } from 'vitest';
import { prepareFilter } from '../../src/source/filter.ts';

const object = (key: string) => ({
  bucket: 'b',
  key,
  etag: '',
  size: 1,
  lastModifiedMs: 5,
  storageClass: 'STANDARD',
});

it.each([
  { glob: '*.gz', key: 'a/b/c.gz', isTaken: true },
  { glob: 'a/*.gz', key: 'a/b/c.gz', isTaken: false },
  { glob: 'a/**', key: 'a/b/c.gz', isTaken: true },
  { glob: 'a/**/*.gz', key: 'a/c.gz', isTaken: true },
  { glob: '*.{gz,zst}', key: '.hidden.zst', isTaken: true },
  { glob: 'dt=2024-0[1-6]-*/**', key: 'dt=2024-03-07/x', isTaken: true },
  { glob: 'dt=2024-0[1-6]-*/**', key: 'dt=2024-07-07/x', isTaken: false },
  { glob: '*.gz', key: 'c.gz.bak', isTaken: false },
])('$glob takes $key: $isTaken', ({ glob, key, isTaken }) => {
  expect(prepareFilter({ include: [glob] }).admits(object(key))).toBe(isTaken);
  expect(prepareFilter({ exclude: [glob] }).admits(object(key))).toBe(!isTaken);
});

it('compares keys by their UTF-8 bytes, as S3 does, not by UTF-16 units', () => {
  const filter = prepareFilter({ startAfter: '\uffee' });
  expect(filter.admitsKey('\u{1f600}')).toBe(true); // less in UTF-16
  expect(filter.admitsKey('\uffee')).toBe(false);
  expect(prepareFilter({}).admitsKey('')).toBe(true);
});
