import { expect, it } from 'vitest';
import { frameBytes } from '../../src/record/frame.ts';
import { LANE_DATA_BYTE, laneBytes } from '../../src/ring/layout.ts';

it.each([
  { keyBytes: 0, dataBytes: 0, bytes: 40 },
  { keyBytes: 1, dataBytes: 0, bytes: 48 },
  { keyBytes: 3, dataBytes: 5, bytes: 48 },
  { keyBytes: 4, dataBytes: 5, bytes: 56 },
  { keyBytes: 256, dataBytes: 10 << 20, bytes: 40 + 256 + (10 << 20) },
])('a frame of $keyBytes + $dataBytes bytes takes $bytes', ({ keyBytes, dataBytes, bytes }) => {
  expect(frameBytes(keyBytes, dataBytes)).toBe(bytes);
});

it('a lane is its counters and its data', () => {
  expect(laneBytes(65_536)).toBe(LANE_DATA_BYTE + 65_536);
});
