import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/publish/breaker.ts';

const failed = (times: number, nowMs = 0, breaker = new Breaker(60_000, () => 0)) => {
  for (let i = 0; i < times; i++) breaker.onFailure(nowMs);
  return breaker;
};

describe('Breaker', () => {
  it.each([
    { failures: 4, state: 'closed', delayMs: 0 },
    { failures: 5, state: 'open', delayMs: 250 },
    { failures: 9, state: 'open', delayMs: 250 },
  ])('is $state after $failures failures in a row', ({ failures, state, delayMs }) => {
    const breaker = failed(failures);
    expect([breaker.state, breaker.delayMs(0)]).toEqual([state, delayMs]);
  });

  it('counts only failures in a row', () => {
    const breaker = failed(4);
    breaker.onSuccess();
    expect(failed(4, 0, breaker).state).toBe('closed');
  });

  it('lets one probe go, and none beside it', () => {
    const breaker = failed(5);
    expect([breaker.delayMs(249), breaker.delayMs(250)]).toEqual([1, 0]);
    breaker.onSend();
    expect([breaker.state, breaker.delayMs(10_000)]).toEqual(['probing', Number.POSITIVE_INFINITY]);
  });

  it('waits longer after each failed probe, to ten seconds, and opened once', () => {
    const breaker = failed(5);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      breaker.onSend();
      breaker.onFailure(0);
      waits.push(breaker.delayMs(0));
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
    expect(breaker.openedCount).toBe(1);
  });

  it('closes when a probe succeeds, and starts from the beginning', () => {
    const breaker = failed(5);
    breaker.onSend();
    breaker.onSuccess();
    expect([breaker.state, breaker.delayMs(0)]).toEqual(['closed', 0]);
    failed(5, 0, breaker);
    expect([breaker.delayMs(0), breaker.openedCount]).toEqual([250, 2]);
  });

  it.each([
    { afterMs: 59_999, isUnavailable: false },
    { afterMs: 60_000, isUnavailable: true },
  ])('says unavailable = $isUnavailable $afterMs ms after the first of only failures', (expected) => {
    const breaker = failed(1, 1_000);
    expect(breaker.onFailure(1_000 + expected.afterMs)).toBe(expected.isUnavailable);
  });

  it('does not hold against a service that nobody asked it for hours: the process stood still', () => {
    const breaker = new Breaker(300_000, () => 0);
    const minuteMs = 60_000;
    const hoursMs = 120 * minuteMs;
    expect([0, hoursMs, 2 * hoursMs].map((nowMs) => breaker.onFailure(nowMs))).toEqual([false, false, false]);
    const after = [1, 2, 3].map((minutes) => breaker.onFailure(2 * hoursMs + minutes * minuteMs));
    expect(after).toEqual([false, false, true]);
  });
});
