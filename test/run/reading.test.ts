/** Reading, over a source that is not S3: what is asked of a source is what src/source/source.ts says, and nothing else. */
import { afterEach, expect, it } from 'vitest';
import { Accounting } from '../../src/accounting/accounting.ts';
import type { MillraceError } from '../../src/base/errors.ts';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import { createParseShared } from '../../src/parse/setup.ts';
import { createHeartbeats } from '../../src/ring/heartbeat.ts';
import { laneBytes } from '../../src/ring/layout.ts';
import { createDoorbells } from '../../src/ring/wait.ts';
import { planBudget } from '../../src/run/budget.ts';
import { Reading } from '../../src/run/reading.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';
import { type MemorySource, openMemorySource } from '../source/memory-source.ts';

const lines = (count: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `{"id":${i}}\n`).join(''));

let reading: Reading | undefined;
afterEach(async () => {
  await reading?.close();
});

async function read(source: MemorySource) {
  const options = parseBackfillOptions(['s3://memory/'], { stream: 'none', parsers: 1, downloads: 2 });
  const budget = planBudget({ ...options, publishers: 1, recordBytesMax: 1 << 20, isOrdered: false });
  const deadLetters: DeadLetter[] = [];
  const failures: MillraceError[] = [];
  const accounting = new Accounting({
    ...{ journal: null, parserCount: 1, isDryRun: true },
    onDeadLetter: (deadLetter) => deadLetters.push(deadLetter),
    digestOf: () => ({ sumA: 0n, sumB: 0n }),
  });
  reading = new Reading({
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
    onFound: () => {},
    onListed: () => {},
    onFailure: (error) => failures.push(error),
  });
  await reading.download();
  await reading.idle();
  return { tally: accounting.counts.tally, counts: accounting.counts, deadLetters, failures, reading };
}

it('reads every line of every object that the source lists', async () => {
  const source = openMemorySource(
    new Map([
      ['b', lines(300)],
      ['a', lines(50)],
    ]),
  );
  const { tally, counts, failures, reading: done } = await read(source);
  expect([tally.records, tally.lines, counts.objectsDone, failures]).toEqual([350, 350, 2, []]);
  expect([done.listTally.listed, source.asked.length]).toEqual([2, 2]);
});

it('asks again where the source fails for a moment, and gives up an object that is gone', async () => {
  const source = openMemorySource(
    new Map([
      ['a', lines(50)],
      ['b', lines(60)],
    ]),
  );
  source.failures.push(
    new SourceFailure('transient', 'it stumbled'),
    new SourceFailure('gone', 'it has left'),
  );
  const { tally, deadLetters, failures, reading: done } = await read(source);
  expect(source.failures).toEqual([]);
  expect([source.asked.length, done.stats.retries, failures]).toEqual([3, 1, []]);
  expect(deadLetters.map(({ code, message }) => [code, message])).toEqual([
    [
      'OBJECT_UNREADABLE',
      expect.stringMatching(/^Cannot read s3:\/\/memory\/[ab]: it no longer exists \(it has left\)/),
    ],
  ]);
  expect([50, 60]).toContain(tally.records);
});
