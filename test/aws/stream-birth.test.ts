import { describe, expect, it } from 'vitest';
import {
  birthOf,
  describeSuccessor,
  isSameStream,
  mergeBirths,
  UNKNOWN_BIRTH,
} from '../../src/aws/stream-birth.ts';

const born = (createdAtMs: number | null, streamId: string | null = null) => ({ createdAtMs, streamId });

describe('a stream and its successor', () => {
  it.each([
    { name: 'the same time', before: born(1_500), now: born(1_500), isSame: true },
    { name: 'another time', before: born(1_500), now: born(1_501), isSame: false },
    { name: 'whole seconds on one side, the same one', before: born(1_000), now: born(1_999), isSame: true },
    { name: 'whole seconds on one side, rounded up', before: born(2_000), now: born(1_501), isSame: true },
    { name: 'whole seconds on one side, another one', before: born(1_000), now: born(2_000), isSame: false },
    { name: 'no time in an older journal', before: UNKNOWN_BIRTH, now: born(1_500), isSame: true },
    { name: 'no time from the service', before: born(1_500), now: UNKNOWN_BIRTH, isSame: true },
    { name: 'another id at the same time', before: born(1_500, 'a'), now: born(1_500, 'b'), isSame: false },
    { name: 'the same id', before: born(1_500, 'a'), now: born(9_500, 'a'), isSame: true },
    { name: 'an id on one side', before: born(1_500), now: born(1_500, 'a'), isSame: true },
  ])('$name: same $isSame', ({ before, now, isSame }) => {
    expect(isSameStream(before, now)).toBe(isSame);
  });

  it('are told from what the service describes', () => {
    expect(birthOf({ StreamCreationTimestamp: new Date(1_500), StreamId: 'a' })).toEqual(born(1_500, 'a'));
    expect(birthOf({})).toEqual(UNKNOWN_BIRTH);
    expect(birthOf({ StreamCreationTimestamp: new Date(Number.NaN) })).toEqual(UNKNOWN_BIRTH);
  });

  it('are known by the last that was said of each', () => {
    expect(mergeBirths(born(1_500, 'a'), UNKNOWN_BIRTH)).toEqual(born(1_500, 'a'));
    expect(mergeBirths(UNKNOWN_BIRTH, born(1_500))).toEqual(born(1_500));
  });

  it('are named with their times', () => {
    const text = describeSuccessor('s', born(0), born(1_500, 'b'));
    expect(text).toContain('the one of 1970-01-01T00:00:00.000Z is gone');
    expect(text).toContain('this one is of 1970-01-01T00:00:01.500Z (b)');
  });
});
