import { expect, it } from 'vitest';
import { peakMemoryBytes } from '../../src/base/peak-memory.ts';

it('is never less than what the process has now', () => {
  const block = Buffer.alloc(64 << 20, 1);
  expect(peakMemoryBytes()).toBeGreaterThan(block.length);
});
