/** ORC: files that another implementation has written, in every way in which S3 Inventory could have them written. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openOrc } from '../../../src/source/s3/orc.ts';

interface Fixture {
  readonly writtenBy: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Base64. */
  readonly files: Readonly<Record<string, string>>;
}
const { files, rows }: Fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, 'orc-files.json'), 'utf8'),
);
const NAMES = ['key', 'is_latest', 'size', 'last_modified_date', 'storage_class'];

async function read(bytes: Buffer, wanted = NAMES) {
  const ranges: [number, number][] = [];
  const file = await openOrc(async (start, end) => {
    ranges.push([start, end]);
    return bytes.subarray(start, end);
  }, bytes.length);
  const found: unknown[] = [];
  for await (const row of file.rows(new Set(wanted))) found.push(JSON.parse(JSON.stringify(row)));
  return { found, ranges, columns: file.columns };
}

describe.each(Object.entries(files))('a file that is %s', (_, base64) => {
  const bytes = Buffer.from(base64, 'base64');

  it('gives its rows, nulls among them', async () => {
    const { found, columns } = await read(bytes);
    expect([columns, found]).toEqual([NAMES, rows]);
  });

  it('is read for the columns that are asked for, and no others', async () => {
    const { found, ranges } = await read(bytes, ['size', 'gone']);
    expect(found).toEqual(rows.map(({ size }) => ({ size })));
    const all = (await read(bytes)).ranges;
    expect(ranges.length).toBeLessThan(all.length);
  });

  it('is refused, or gives other rows, but never hangs, whichever byte is damaged', async () => {
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x41;
      await read(damaged).catch(() => refused++);
    }
    expect(refused).toBeGreaterThan(5);
  });
});

it.each([
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'something else', bytes: Buffer.from('{"not":"orc"}\n'.repeat(50)) },
])('refuses $name', async ({ bytes }) => {
  await expect(read(bytes)).rejects.toThrow(/it is no ORC file/);
});
