import { describe, expect, it } from 'vitest';
import { backfillOptions } from '../../src/options/backfill.ts';
import { framingOf } from '../../src/options/framing.ts';
import { identityOf } from '../../src/options/identity.ts';

const optionsOf = (flags: Record<string, string>) => backfillOptions(['s3://b/p'], { stream: 's', ...flags });

describe('--framing', () => {
  it('says lines, values, or where an array is', () => {
    expect(framingOf(optionsOf({}).framing)).toBeNull();
    expect(framingOf(optionsOf({ framing: 'lines' }).framing)).toBeNull();
    expect(framingOf(optionsOf({ framing: 'values' }).framing)).toEqual({ tokens: null });
    expect(framingOf(optionsOf({ framing: 'array:/a~1b/0' }).framing)).toEqual({ tokens: ['a/b', '0'] });
    expect(framingOf(optionsOf({ framing: 'array:' }).framing)).toEqual({ tokens: [] });
  });

  it.each(['line', 'array', 'array:Records', 'array:/a~2', ''])('refuses %j', (framing) => {
    expect(() => optionsOf({ framing })).toThrow('Expected --framing to be lines, values or array:POINTER');
  });

  it('is part of what makes a run, but for lines, which runs of before have had', () => {
    const identity = (flags: Record<string, string>) => identityOf(optionsOf(flags), 'arn', null);
    expect(identity({ framing: 'lines' })).toEqual(identity({}));
    expect(identity({})).not.toHaveProperty('framing');
    expect(identity({ framing: 'values' })).toMatchObject({ framing: 'values' });
  });
});
