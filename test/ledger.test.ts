/** A unit is settled when all of it is acknowledged or dead-lettered, and never before. */
import { expect, it } from 'vitest';
import { Ledger, UNIT_COUNT_MAX } from '../src/ledger.ts';

/** What has to happen to a unit of three records, one of which the stream refuses, and one rejected line. */
const STEPS: Readonly<Record<string, (ledger: Ledger<string>, unit: number) => void>> = {
  scanned: (ledger, unit) => {
    ledger.addScanned(unit, 3, 1);
    ledger.closeScan(unit);
  },
  letter: (ledger, unit) => ledger.addLetter(unit),
  acknowledged: (ledger, unit) => void Atomics.add(new Int32Array(ledger.acknowledged), unit, 2),
  refused: (ledger, unit) => ledger.addRefused(unit),
};

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

it.each(permutations(Object.keys(STEPS)))('after %s, %s, %s, %s, and not one step earlier', (...names) => {
  const ledger = new Ledger<string>();
  const unit = ledger.open('unit');
  for (const name of names) {
    expect(ledger.takeSettled()).toEqual([]);
    STEPS[name]!(ledger, unit);
  }
  expect(ledger.takeSettled()).toEqual(['unit']);
  expect([ledger.takeSettled(), ledger.openCount]).toEqual([[], 0]);
});

it('a number that is used again starts from zero', () => {
  const ledger = new Ledger<number>();
  const first = ledger.open(1);
  Atomics.add(new Int32Array(ledger.acknowledged), first, 5);
  ledger.addScanned(first, 5, 0);
  ledger.closeScan(first);
  ledger.takeSettled();
  expect(ledger.open(2)).toBe(first);
  ledger.addScanned(first, 1, 0);
  ledger.closeScan(first);
  expect(ledger.takeSettled()).toEqual([]);
});

it('a unit that is not open is a broken invariant', () => {
  expect(() => new Ledger<string>().addLetter(0)).toThrow('not open');
});

it('the listing waits while the ledger is full, and goes on when a unit is settled', async () => {
  const ledger = new Ledger<number>();
  const units: number[] = [];
  const busy = UNIT_COUNT_MAX - 8_192;
  for (let i = 0; i <= busy; i++) units.push(ledger.open(i));
  let hasRoom = false;
  const waiting = ledger.room().then(() => (hasRoom = true));
  await Promise.resolve();
  expect(hasRoom).toBe(false);
  ledger.closeScan(units[0]!);
  ledger.takeSettled();
  await waiting;
  expect(hasRoom).toBe(true);
});
