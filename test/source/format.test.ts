/** Format: the first bytes decide. */
import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOf } from '../../src/inflate/magic.ts';
import { foreignFormatOf, textOnly } from '../../src/source/format.ts';
import { FORMAT_HEAD_BYTES } from '../../src/source/object.ts';

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

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const utf32le = (text: string) =>
  Buffer.concat([...text].map((c) => Buffer.from([c.charCodeAt(0), 0, 0, 0])));
const line = '{"a":1,"b":"some text"}\n';

/** Beginnings of files that the formats' own tools wrote, where no tool is at hand. */
const FOREIGN: readonly { readonly name: string; readonly head: Buffer; readonly format: string | null }[] = [
  { name: 'bzip2', head: Buffer.from('425a68393141592653599f2b5c4e0000', 'hex'), format: 'bzip2' },
  { name: 'bzip2 of nothing', head: Buffer.from('425a683917724538509000000000', 'hex'), format: 'bzip2' },
  { name: 'xz', head: Buffer.from('fd377a585a000004e6d6b4460200', 'hex'), format: 'xz' },
  { name: 'zip', head: Buffer.from('504b03041400000008000000', 'hex'), format: 'zip' },
  { name: 'an empty zip', head: Buffer.from('504b0506000000000000', 'hex'), format: 'zip' },
  { name: 'an LZ4 frame', head: Buffer.from('04224d186440a71800000081', 'hex'), format: 'LZ4' },
  { name: 'an old LZ4 frame', head: Buffer.from('02214c1817000000f008', 'hex'), format: 'LZ4' },
  { name: 'framed Snappy', head: Buffer.from('ff060000734e61507059001a0000', 'hex'), format: 'Snappy' },
  { name: 'Snappy of Java', head: Buffer.from('82534e41505059000000000100000001', 'hex'), format: 'Snappy' },
  {
    name: 'Snappy in blocks of Hadoop',
    head: Buffer.from('0000001800000016185c7b2261223a31', 'hex'),
    format: 'Snappy',
  },
  { name: 'Parquet', head: Buffer.from('50415231150415180c15', 'hex'), format: 'Parquet' },
  { name: 'encrypted Parquet', head: Buffer.from('5041524500000015041518', 'hex'), format: 'Parquet' },
  { name: 'ORC', head: Buffer.from('4f52431100000a06120408', 'hex'), format: 'ORC' },
  { name: 'Avro', head: Buffer.from('4f626a0104166176726f2e73', 'hex'), format: 'Avro' },
  { name: '7-Zip', head: Buffer.from('377abcaf271c0004', 'hex'), format: '7-Zip' },
  {
    name: 'UTF-16, little end first, with its mark',
    head: Buffer.from(`\ufeff${line}`, 'utf16le'),
    format: 'UTF-16',
  },
  { name: 'UTF-16, big end first, with its mark', head: utf16be(`\ufeff${line}`), format: 'UTF-16' },
  { name: 'UTF-16, little end first', head: Buffer.from(line, 'utf16le'), format: 'UTF-16' },
  { name: 'UTF-16, big end first', head: utf16be(line), format: 'UTF-16' },
  { name: 'UTF-32', head: utf32le(line), format: 'UTF-32' },
  {
    name: 'UTF-32 with its mark',
    head: Buffer.concat([Buffer.from('fffe0000', 'hex'), utf32le(line)]),
    format: 'UTF-32',
  },
  { name: 'a line that begins like Parquet', head: Buffer.from('PAR1 is no JSON\n'), format: null },
  { name: 'a line that begins like ORC', head: Buffer.from('ORCHARD\r\n{}\n'), format: null },
  { name: 'a line that begins like bzip2', head: Buffer.from('BZh9 is no JSON\n'), format: null },
  { name: 'a line of zeros', head: Buffer.alloc(16), format: null },
  { name: 'a UTF-8 byte order mark', head: Buffer.from(`\ufeff${line}`), format: null },
];

describe('foreignFormatOf', () => {
  it.each(FOREIGN)('says of $name: $format', ({ head, format }) => {
    expect(foreignFormatOf(head.subarray(0, FORMAT_HEAD_BYTES))).toBe(format);
  });

  it('never takes JSON for anything else', () => {
    const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n', '\ufeff');
    fc.assert(
      fc.property(space, fc.json(), (before, json) => {
        const head = Buffer.from(`${before}${json}\n`).subarray(0, FORMAT_HEAD_BYTES);
        expect([formatOf(head), foreignFormatOf(head)]).toEqual(['plain', null]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('textOnly', () => {
  async function* chunksOf(bytes: Uint8Array, size: number, error?: Error) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    if (error !== undefined) throw error;
  }
  const passed: Uint8Array[] = [];
  async function pass(content: AsyncIterable<Uint8Array>): Promise<string> {
    passed.length = 0;
    for await (const chunk of textOnly('gzip', content)) passed.push(Buffer.from(chunk));
    return Buffer.concat(passed).toString();
  }

  it.each([1, 3, 15, 16, 17, 1000])('passes text on, %d bytes at a time', async (size) => {
    for (const text of [line.repeat(5), '{}\n', ''])
      expect(await pass(chunksOf(Buffer.from(text), size))).toBe(text);
  });

  it.each([
    { bytes: zlib.gzipSync(line), what: 'gzip within gzip' },
    { bytes: zlib.zstdCompressSync(line), what: 'zstd within gzip' },
    ...FOREIGN.filter(({ format }) => format !== null).map(({ head, format }) => ({
      bytes: head,
      what: `${format} within gzip`,
    })),
  ])('passes nothing on of $what', async ({ bytes, what }) => {
    for (const size of [2, 1000]) {
      await expect(pass(chunksOf(bytes, size))).rejects.toMatchObject({
        code: 'MILLRACE_OBJECT_UNREADABLE',
        message: expect.stringContaining(`it is ${what};`),
      });
      expect(passed).toEqual([]);
    }
  });

  it('passes on what comes before damage, however little it is', async () => {
    const damage = new Error('damaged');
    await expect(pass(chunksOf(Buffer.from('{}\n'), 3, damage))).rejects.toBe(damage);
    expect(Buffer.concat(passed).toString()).toBe('{}\n');
  });
});
