/** The name that was probably meant. */
import { expect, it } from 'vitest';
import { nearestTo } from '../../src/options/nearest.ts';

const KNOWN = ['stream', 'segment-size', 'parsers', 'publishers', 'rate', 'wire', 'include', 'exclude'];

it.each([
  { name: 'straem', meant: 'stream', why: 'two letters changed places' },
  { name: 'strem', meant: 'stream', why: 'one is missing' },
  { name: 'streams', meant: 'stream', why: 'one is too many' },
  { name: 'segmentSize', meant: 'segment-size', why: 'it is written as in a program' },
  { name: 'SEGMENT_SIZE', meant: 'segment-size', why: 'it is written as a variable' },
  { name: 'pasers', meant: 'parsers', why: 'the nearer of two' },
  { name: 'rat', meant: 'rate', why: 'short names have one edit' },
  { name: 'frobnicate', meant: null, why: 'nothing is near' },
  { name: 'x', meant: null, why: 'one letter is near everything' },
  { name: '', meant: null, why: 'nothing was said' },
  { name: 'stream'.repeat(1_000), meant: null, why: 'nobody types that much' },
])('$name is $meant: $why', ({ name, meant }) => {
  expect(nearestTo(name, KNOWN)).toBe(meant);
});
