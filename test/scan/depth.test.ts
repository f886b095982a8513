import { expect, it } from 'vitest';
import { isTooDeep } from '../../src/scan/depth.ts';

it.each([
  { line: '[[]]', deepest: 2 },
  { line: '{"a":[{}]}', deepest: 3 },
  { line: '"[[[["', deepest: 0 },
  { line: '"\\"[["[', deepest: 1 },
  { line: '"\\\\"[[', deepest: 2 },
  { line: '"[[[', deepest: 0 },
  { line: '[]]]][[', deepest: 1 },
  { line: ' [ [ x', deepest: 2 },
])('counts at most $deepest levels in $line', ({ line, deepest }) => {
  // Space before it, because a line shorter than the limit is not even looked at.
  const bytes = Buffer.from(' '.repeat(10) + line);
  expect(isTooDeep(bytes, 0, bytes.length, deepest)).toBe(false);
  if (deepest > 0) expect(isTooDeep(bytes, 0, bytes.length, deepest - 1)).toBe(true);
});
