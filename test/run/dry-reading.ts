/**
 * Dry reading: a Reading of a source in one thread, as a dry run does, for tests of what is read.
 * Takes  options of the run, a source, and what differs.
 * Gives  the reading with its accounting, and everything that failed.
 */
import { Accounting } from '../../src/accounting/accounting.ts';
import type { MillraceError } from '../../src/base/errors.ts';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import type { parseBackfillOptions } from '../../src/options/backfill.ts';
import { createParseShared } from '../../src/parse/setup.ts';
import { createHeartbeats } from '../../src/ring/heartbeat.ts';
import { laneBytes } from '../../src/ring/layout.ts';
import { createDoorbells } from '../../src/ring/wait.ts';
import { planBudget } from '../../src/run/budget.ts';
import { Reading, type ReadingOptions } from '../../src/run/reading.ts';
import type { MemorySource } from '../source/memory-source.ts';

export function openDryReading(
  options: ReturnType<typeof parseBackfillOptions>,
  source: MemorySource,
  {
    onFound,
    ...given
  }: Partial<Omit<ReadingOptions, 'onFound'>> & { onFound?: (to: Accounting) => void } = {},
) {
  const budget = planBudget({ ...options, publishers: 1, recordBytesMax: 1 << 20, isOrdered: false });
  const deadLetters: DeadLetter[] = [];
  const failures: MillraceError[] = [];
  const accounting = new Accounting({
    ...{ journal: null, parserCount: 1, isDryRun: true },
    onDeadLetter: (deadLetter) => deadLetters.push(deadLetter),
    digestOf: () => ({ sumA: 0n, sumB: 0n }),
  });
  const reading = new Reading({
    ...{ sources: options.sources, options, source, budget, accounting, deadLetters: null, journal: null },
    setup: {
      rules: {
        ...{ partitionKey: null, explicitHashKey: null, onMissingKey: 'dead-letter', appendNewline: false },
        ...{ depthMax: 1024, recordBytesMax: 1 << 20, keyCharsMax: 256 },
      },
      lanes: [[new SharedArrayBuffer(laneBytes(budget.laneCapacityBytes))]],
      starts: new BigUint64Array(2),
      doorbells: createDoorbells(1),
      control: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
      shared: createParseShared().buffer,
      heartbeats: createHeartbeats(1),
      slices: accounting.slices.memory,
      ...{ isOrdered: false, isCollecting: true, schema: null, isPortable: false },
      ...{
        lineBytesMax: budget.lineBytesMax,
        windowBytes: budget.windowBytes,
        digestKey: new Uint8Array(16),
      },
    },
    onRejected: () => {},
    onFrames: () => {},
    onFound: () => onFound?.(accounting),
    onListed: () => {},
    onFailure: (error) => failures.push(error),
    ...given,
  });
  return { reading, accounting, deadLetters, failures };
}
