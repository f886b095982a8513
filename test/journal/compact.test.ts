import { expect, it } from 'vitest';
import { isWorthCompacting } from '../../src/journal/compact.ts';
import { FirstLines } from '../../src/journal/first-lines.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JournalState } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';
import { MemoryDisk, seeded } from './memory-disk.ts';
import { JOURNAL, noLock } from './small-run.ts';

const open = (files: MemoryDisk, compactBytesMin?: number) =>
  Journal.open({
    path: JOURNAL,
    run: 'r',
    identity: {},
    digestKey: '',
    files,
    lock: noLock,
    compactBytesMin,
  });

async function longJournal(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const journal = await open(disk);
  for (let n = 0; n < 20; n += 1) {
    const id = journal.pin({ bucket: 'b', key: `k${n}`, etag: '"1"', size: 1000 });
    for (let at = n === 19 ? 100 : 0; at < 1000; at += 20) {
      journal.append({
        kind: 'segment',
        id,
        start: at,
        end: at + 20,
        tally: tally({ records: 1, sumB: BigInt(at) }),
      });
    }
    if (n < 19) journal.append({ kind: 'object-done', id });
    await journal.commit();
  }
  await journal.close(null);
  return disk;
}

it('loses nothing when the disk fails at any call and then the process or the power goes', async () => {
  const disk = await longJournal();
  const before = await open(disk.after('kill', Math.random));
  const counter = disk.after('kill', Math.random);
  const longBytes = counter.content(JOURNAL)!.byteLength;
  await open(counter, 1);
  expect(counter.calls).toBeGreaterThan(5);
  let compacted = 0;
  for (const failure of ['full', 'input-output', 'short'] as const) {
    for (const event of ['kill', 'power', 'torn'] as const) {
      for (let k = 1; k <= counter.calls + 1; k += 1) {
        const trial = disk.after('kill', Math.random).failAt(k, failure);
        const opened = await open(trial, 1).catch((error: unknown) => error);
        if (!(opened instanceof Journal))
          expect(opened).toMatchObject({ code: 'MILLRACE_JOURNAL', exitCode: 3 });
        const next = trial.after(event, seeded(k));
        if (next.content(JOURNAL)!.byteLength < longBytes / 2) compacted += 1;
        const again = await open(next);
        const label = `${failure} at call ${k}, then ${event}`;
        expect(again.before, label).toEqual(before.before);
        expect(again.state.partial(19)!.done, label).toEqual([[100, 1000]]);
        expect(again.state.lookup({ bucket: 'b', key: 'k7', etag: '"1"', size: 1000 }).kind, label).toBe(
          'settled',
        );
      }
    }
  }
  expect(compacted).toBeGreaterThan(9); // both outcomes were seen
});

it.each([
  { name: 'a long journal of one finished object', bytes: 20_000, min: 20_000, worth: true },
  { name: 'a journal one byte under the least size', bytes: 19_999, min: 20_000, worth: false },
  { name: 'a short one, whatever the least size', bytes: 2_900, min: 1, worth: false },
])('judges $name', ({ bytes, min, worth }) => {
  const state = new JournalState();
  state.apply({ kind: 'object-done', object: { bucket: 'b', key: 'k', etag: '', size: 1 } }, 0);
  expect(isWorthCompacting(state, bytes, min)).toBe(worth);
});

it('keeps what was sent again, as one line', async () => {
  const disk = await longJournal();
  const journal = await open(disk);
  for (let n = 0; n < 5; n += 1) journal.append({ kind: 'again', ambiguous: 500, resent: n });
  await journal.close(null);
  const compacted = await open(disk, 1);
  expect(compacted.state.again).toEqual({ ambiguous: 2500, resent: 10 });
  const text = Buffer.from(disk.content(JOURNAL)!).toString();
  expect(text.split('"kind":"again"')).toHaveLength(2);
});

it('keeps what was acknowledged, and forgets the pulses before the last', async () => {
  const disk = await longJournal();
  const journal = await open(disk);
  for (let n = 1; n <= 1000; n += 1)
    journal.append({
      kind: 'pulse',
      records: n,
      bytes: n,
      done: n,
      before: { records: 950, bytes: 0, done: 0 },
    });
  await journal.close(null);
  const again = await open(disk, 1);
  expect(
    disk
      .content(JOURNAL)!
      .toString()
      .match(/"kind":"pulse"/g),
  ).toHaveLength(1);
  expect(again.state.acknowledged).toMatchObject({ records: 1950, bytes: 1000 });
});

it('keeps which lines --limit has found to be the first ones', async () => {
  const disk = new MemoryDisk();
  const journal = await open(disk);
  const object = (n: number) => ({ bucket: 'b', key: `first-${n}`, etag: '"1"', size: n });
  const cut = { ...object(1500), offset: 7, stored: 9 };
  const found = new FirstLines({ lines: 99, taken: 99, more: true, cut });
  for (let n = 0; n < 1501; n++) found.add(object(n));
  for (const entry of found.entries()) journal.append(entry);
  for (let n = 0; n < 500; n++) {
    const id = journal.pin(object(n));
    for (let at = 0; at < 100; at += 10)
      journal.append({ kind: 'segment', id, start: at, end: at + 10, tally: tally() });
    journal.append({ kind: 'object-done', id });
  }
  await journal.close(null);
  const longBytes = disk.content(JOURNAL)!.byteLength;
  const compacted = await open(disk, 1);
  expect(disk.content(JOURNAL)!.byteLength).toBeLessThan(longBytes / 2);
  const kept = compacted.state.firstLines!;
  expect([kept.facts, kept.objectCount]).toEqual([found.facts, 1501]);
  expect([kept.find(object(1500)), kept.find({ ...object(3), size: 4 }), kept.find(object(1501))]).toEqual([
    ...['exact', 'other', 'absent'],
  ]);
  expect([kept.cutOf(object(1500)), kept.cutOf(object(3))]).toEqual([cut, null]);
});
