/** RestoreManifest: what S3 Batch Operations reads. */
import { expect, it } from 'vitest';
import { restoreManifestLine } from '../../../src/source/s3/restore-manifest.ts';

it.each([
  { name: 'a plain key', key: 'logs/2020/a.jsonl', line: 'data,logs/2020/a.jsonl\n' },
  { name: 'commas, quotes and spaces', key: 'a,b "c"', line: 'data,a%2Cb%20%22c%22\n' },
  { name: 'newlines and plus signs', key: 'a\nb+c', line: 'data,a%0Ab%2Bc\n' },
  { name: 'other scripts', key: 'ü/é', line: 'data,%C3%BC/%C3%A9\n' },
])('writes $name', ({ key, line }) => {
  expect(restoreManifestLine({ bucket: 'data', key })).toBe(line);
});
