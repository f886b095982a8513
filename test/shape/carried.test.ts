/** A record between two stages. */
import { describe, expect, it } from 'vitest';
import { Carried } from '../../src/shape/carried.ts';
import { StageFailure } from '../../src/shape/stage-failure.ts';

describe('a record between two stages', () => {
  it('keeps the text that it came with, and is parsed once', () => {
    const record = Carried.ofText('{"a": 1.0}');
    expect(record.value).toEqual({ a: 1 });
    expect(record.value).toBe(record.value);
    expect(record.text).toBe('{"a": 1.0}');
  });

  it('has the text of the value that it came with', () => {
    expect(Carried.ofValue({ a: 1, b: undefined }).text).toBe('{"a":1}');
  });

  it.each([
    ['a function', () => 1, /a function/],
    ['a number beyond JSON', 1n, /BigInt/],
    ['nothing', undefined, /undefined/],
  ])('is refused where it is %s', (_, value, reason) => {
    const record = Carried.ofValue(value);
    expect(() => record.text).toThrow(StageFailure);
    expect(() => record.text).toThrow(reason);
  });
});
