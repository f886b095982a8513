/** docs/LIMITS.md and src/base/limits.ts: every constant has its row, every row its constant, and both say the same number. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ENGINE, GIB, KIB, KINESIS, KPL, MIB, RECORD, S3, ZSTD } from '../../src/base/limits.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'LIMITS.md'), 'utf8');
const UNITS: Readonly<Record<string, number>> = { KiB: KIB, MiB: MIB, GiB: GIB };

/** `2 MiB`, `1,000`, `2^128 - 1` and `f3 89 9a c2`, as the constants are. */
function read(text: string): unknown {
  if (text === '2^128 - 1') return (1n << 128n) - 1n;
  if (/^[0-9a-f]{2}( [0-9a-f]{2})+$/.test(text))
    return Uint8Array.from(text.split(' '), (byte) => Number(`0x${byte}`));
  const [, digits, unit] = text.match(/^([\d,]+)(?: (KiB|MiB|GiB))?$/) ?? [];
  return digits === undefined ? text : Number(digits.replaceAll(',', '')) * (unit ? UNITS[unit]! : 1);
}

it('names every limit of the code with its value, and no other', () => {
  const rows = [...PAGE.matchAll(/^\| `([A-Z0-9]+\.\w+)` \| ([^|]+) \|/gm)];
  const code = Object.entries({ KINESIS, RECORD, KPL, S3, ENGINE, ZSTD }).flatMap(([group, limits]) =>
    Object.entries(limits).map(([name, value]) => [`${group}.${name}`, value]),
  );
  expect(Object.fromEntries(rows.map(([, name, value]) => [name, read(value!)]))).toEqual(
    Object.fromEntries(code),
  );
});

it('says where each limit of a service is from', () => {
  const rows = PAGE.split('\n').filter((line) => /^\| `(KINESIS|RECORD|KPL|S3)\./.test(line));
  expect(rows.length).toBeGreaterThan(10);
  expect(
    rows.filter((line) => !/\| (SDK|QUOTA|LARGE|S3UG|KPL)(, (SDK|QUOTA|LARGE))* \|$/.test(line)),
  ).toEqual([]);
});
