import { expect, it } from 'vitest';
import { generateLines } from '../../../src/embedded/s3/lines.ts';

it.each([64, 77, 684, 5000])('makes whole lines of %i bytes, each a JSON object of its own', (lineBytes) => {
  const bytes = generateLines({ seed: 3, sizeBytes: lineBytes * 20 + 1, lineBytes });
  const lines = bytes.toString().split('\n').slice(0, -1);
  expect([bytes.length, bytes.at(-1), new Set(lines.map((line) => line.length))]).toEqual([
    lineBytes * 20,
    0x0a,
    new Set([lineBytes - 1]),
  ]);
  expect(new Set(lines.map((line) => JSON.parse(line).id)).size).toBe(20);
});

it('is the same for the same seed only', () => {
  const make = (seed: number) => generateLines({ seed, sizeBytes: 5000 });
  expect([make(1).equals(make(1)), make(1).equals(make(2))]).toEqual([true, false]);
});
