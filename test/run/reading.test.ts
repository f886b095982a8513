/** Reading, over a source that is not S3: what is asked of a source is what src/source/source.ts says, and nothing else. */
import { afterEach, expect, it } from 'vitest';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import type { Reading } from '../../src/run/reading.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';
import { type MemorySource, openMemorySource } from '../source/memory-source.ts';
import { openDryReading } from './dry-reading.ts';

const lines = (count: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `{"id":${i}}\n`).join(''));

let reading: Reading | undefined;
afterEach(async () => {
  await reading?.close();
});

async function read(source: MemorySource) {
  const options = parseBackfillOptions(['s3://memory/'], { stream: 'none', parsers: 1, downloads: 2 });
  const opened = openDryReading(options, source);
  reading = opened.reading;
  await reading.download();
  await reading.idle();
  const { counts } = opened.accounting;
  return { ...opened, tally: counts.tally, counts };
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
