import { expect, it } from 'vitest';
import { wordsOf } from '../../src/run/notices.ts';

it('what publishers tell is one sentence for users, or nothing', () => {
  expect(wordsOf({ kind: 'reshard', shardCount: 6 })).toBe('the stream was resharded: 6 open shards now');
  expect(wordsOf({ kind: 'breaker', reason: 'it answers 500' })).toMatch(
    /fails \(it answers 500\); sending stops/,
  );
  expect(wordsOf({ kind: 'refresh-failed', reason: 'no route' })).toMatch(
    /listed \(no route\); asking again$/,
  );
  expect(wordsOf({ kind: 'refused', records: [] })).toBeNull();
});
