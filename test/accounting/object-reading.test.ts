import { expect, it } from 'vitest';
import { ObjectReading } from '../../src/accounting/object-reading.ts';

it('is idle when all that was on its way has come to its end, in whatever order', () => {
  const reading = new ObjectReading('plain');
  expect(reading.isIdle).toBe(true);
  for (const what of ['segment', 'piece', 'slice', 'slice'] as const) reading.begin(what);
  const seen = [reading.isIdle];
  reading.end('slice');
  reading.end('segment');
  reading.endPiece(100, false);
  seen.push(reading.isIdle);
  reading.end('slice');
  seen.push(reading.isIdle);
  expect([seen, reading.storedBytes, reading.isAtEnd]).toEqual([[false, false, true], 100, false]);
});

it('is at its end with the last piece of a compressed object', () => {
  const reading = new ObjectReading(null);
  reading.format = 'gzip';
  for (const isLast of [false, true]) {
    reading.begin('piece');
    reading.endPiece(50, isLast);
  }
  expect([reading.isAtEnd, reading.storedBytes, reading.isIdle]).toEqual([true, 100, true]);
});
