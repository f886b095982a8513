/** Format: the first bytes decide. */
import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { formatOf } from '../../src/source/format.ts';

it.each([
  { name: 'gzip', head: zlib.gzipSync('x'), format: 'gzip' },
  { name: 'a zstd frame', head: zlib.zstdCompressSync('x'), format: 'zstd' },
  { name: 'a skippable zstd frame', head: Buffer.from([0x5f, 0x2a, 0x4d, 0x18]), format: 'zstd' },
  { name: 'JSON', head: Buffer.from('{"a":1}'), format: 'plain' },
  { name: 'one byte', head: Buffer.from('1'), format: 'plain' },
  { name: 'half a gzip magic', head: Buffer.from([0x1f]), format: 'plain' },
  { name: 'half a zstd magic', head: Buffer.from([0x28, 0xb5, 0x2f]), format: 'plain' },
  { name: 'a byte order mark', head: Buffer.from('\ufeff{}'), format: 'plain' },
  { name: 'nothing', head: Buffer.alloc(0), format: 'plain' },
])('$name is $format', ({ head, format }) => {
  expect(formatOf(head)).toBe(format);
});
