/**
 * Fuzz: every scanner against the oracle, and against each other down to the frame, on random lines and rules.
 * MILLRACE_FUZZ_CASES sets how many cases; the seed of a failure is printed with it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pieceBytes, rules } from './generators.ts';
import { expectedRun, expectScan, runScanner, scannersUnderTest, seenRun } from './harness.ts';
import { tellUntried } from './instruction-sets.ts';

const cases = Number(process.env.MILLRACE_FUZZ_CASES ?? 20_000);
const scanners = scannersUnderTest();
tellUntried();

it(`finds no difference between ${scanners.map(({ name }) => name).join(', ')} and the oracle in ${cases} cases`, () => {
  let lines = 0;
  let records = 0;
  let rejects = 0;
  let keyed = 0;
  fc.assert(
    fc.property(pieceBytes, rules, fc.constantFrom(0, 0, 5, 2 ** 40), (bytes, someRules, objectOffset) => {
      const expected = expectedRun(expectScan(someRules, bytes, objectOffset));
      lines += expected.tally.lines;
      records += expected.tally.records;
      rejects += expected.tally.rejected;
      keyed += expected.records.filter(({ key }) => !key.startsWith('0123456789abcdef-7:')).length;
      const runs = scanners.map((scanner) =>
        runScanner(scanner, someRules, bytes, { objectOffset, laneCount: 2, isShared: false, margin: 0 }),
      );
      for (const [index, run] of runs.entries()) {
        expect({ by: scanners[index]!.name, ...seenRun(run) }).toEqual({
          by: scanners[index]!.name,
          ...expected,
        });
      }
    }),
    { numRuns: cases },
  );
  // docs/RELIABILITY.md, row 18: 100,000 lines at least with every commit.
  expect(lines / cases).toBeGreaterThan(5);
  // A generator that has gone stale would show here: all kinds of outcomes must have been met often.
  expect(Math.min(records / cases, rejects / cases, (keyed / cases) * 10)).toBeGreaterThan(0.5);
}, 3_600_000);
