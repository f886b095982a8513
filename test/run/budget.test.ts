/** The buffers of a run are a sum under --memory. */
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/limits.ts';
import { type BudgetInput, formatBudget, planBudget, tableBytesMax } from '../../src/run/budget.ts';

const INPUT: BudgetInput = {
  memoryBytes: 512 * MIB,
  downloads: 16,
  parsers: 2,
  publishers: 2,
  recordBytesMax: MIB,
  isOrdered: false,
};

describe('the budget', () => {
  it.each([
    INPUT,
    { ...INPUT, memoryBytes: 64 * MIB, parsers: 1, publishers: 1 },
    { ...INPUT, memoryBytes: 100 * MIB },
    { ...INPUT, isOrdered: true },
    { ...INPUT, downloads: 256 },
    { ...INPUT, recordBytesMax: 10 * MIB },
  ])('never sums up to more than the memory, and gives everybody something: %j', (input) => {
    const budget = planBudget(input);
    const sum = budget.users.reduce((total, { bytes }) => total + bytes, 0);
    expect(sum).toBeLessThanOrEqual(input.memoryBytes);
    expect(budget.downloads).toBeGreaterThanOrEqual(1);
    expect(budget.blocksPerSlot).toBeGreaterThanOrEqual(2);
    expect(budget.laneCapacityBytes).toBeGreaterThan(input.recordBytesMax);
    expect(budget.publisherBytes).toBeGreaterThanOrEqual(4 * input.recordBytesMax);
  });

  it('keeps fewer blocks out than there are on two cores, all of them in order, and more with more parsers', () => {
    const [one, ordered, eight] = [{ parsers: 1 }, { parsers: 1, isOrdered: true }, { parsers: 8 }].map(
      (input) => planBudget({ ...INPUT, ...input }),
    );
    expect(one!.blocksOutMax).toBe(20);
    expect(one!.blocksOutMax).toBeLessThan(one!.downloads * one!.blocksPerSlot);
    expect(ordered!.blocksOutMax).toBe(ordered!.downloads * ordered!.blocksPerSlot);
    expect(eight!.blocksOutMax).toBeGreaterThan(eight!.downloads * eight!.blocksPerSlot);
  });

  it('has blocks for lines that parsers give to each other where there are several, of what nobody else takes', () => {
    const spare = (input: Partial<BudgetInput>) => planBudget({ ...INPUT, ...input }).spareBlocks;
    expect([
      spare({ parsers: 1 }),
      spare({}),
      spare({ parsers: 4 }),
      spare({ parsers: 32, memoryBytes: 2048 * MIB }),
    ]).toEqual([0, 3, 9, 24]);
    const scarce = { ...INPUT, memoryBytes: 100 * MIB };
    const { windowBytes, users } = planBudget(scarce);
    expect([spare(scarce), windowBytes]).toEqual([0, 0]);
    expect(users.filter(({ name }) => name.includes('give'))).toEqual([]);
    expect(planBudget(INPUT).users.find(({ name }) => name.includes('give'))?.bytes).toBe(3 * MIB);
  });

  it('names the smallest memory that works: that much is enough, one MiB less is not', () => {
    const tooSmall = { ...INPUT, memoryBytes: MIB };
    let message = '';
    try {
      planBudget(tooSmall);
    } catch (error) {
      message = (error as Error).message;
    }
    const neededMib = Number(/at least (\d+)MiB/.exec(message)?.[1]);
    expect(planBudget({ ...INPUT, memoryBytes: neededMib * MIB }).downloads).toBe(1);
    expect(() => planBudget({ ...INPUT, memoryBytes: (neededMib - 1) * MIB })).toThrow('--memory');
  });

  it('counts lookup tables once, and says how large they may be', () => {
    const tableBytes = tableBytesMax(INPUT);
    const budget = planBudget({ ...INPUT, tableBytes });
    expect(budget.users[0]).toEqual({ name: 'lookup tables, for all threads', bytes: tableBytes });
    expect(budget.buffersBytes).toBe(INPUT.memoryBytes);
    expect([budget.downloads, budget.blocksPerSlot]).toEqual([1, 2]);
    expect(() => planBudget({ ...INPUT, tableBytes: tableBytes + 1 })).toThrow(
      /^Expected --memory to be at least 513MiB for lookup tables of \d+ MB, 2 parsers/,
    );
  });

  it('is printed in one line, buffers and the rest apart; with --verbose there is one more for each user', () => {
    const budget = planBudget(INPUT);
    const { memoryBytes } = INPUT;
    const mb = (bytes: number) => Math.round(bytes / 1e6);
    const { buffersBytes, runtimeBytes } = budget;
    const line = `memory: up to ${mb(buffersBytes + runtimeBytes)} MB: buffers of ${mb(buffersBytes)} MB, of the ${mb(memoryBytes)} MB that --memory allows them; Node with ${1 + INPUT.parsers + INPUT.publishers} threads about ${mb(runtimeBytes)} MB`;
    expect(formatBudget(budget, { memoryBytes, verbose: false })).toBe(line);
    const [first, ...rest] = formatBudget(budget, { memoryBytes, verbose: true }).split('\n');
    expect([first, rest.length]).toEqual([line, budget.users.length + 1]); // and what is left
    expect(budget.users.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(buffersBytes);
  });
});
