/**
 * docs/RELIABILITY.md, row 14: the disk fails at the k-th call, for every k, and then the process or the power goes.
 * Claims, for every k: the failure was reported with exit 3; what was promised is still there afterwards; what the journal
 * believes was delivered; and the same command then ends with each rejected line exactly once and the true sums.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { realFiles } from '../../src/journal/files.ts';
import { Journal } from '../../src/journal/journal.ts';
import { readJournal } from '../../src/journal/read.ts';
import { JournalState } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';
import { type Failure, MemoryDisk, seeded } from './memory-disk.ts';
import {
  DEAD_LETTER_NAMES,
  DEAD_LETTERS,
  deadLetterNames,
  JOURNAL,
  noLock,
  smallRun,
  TRUTH,
  WORK,
} from './small-run.ts';

/** `key:start-end` ranges of 100 bytes that a journal believes done, read without the engine's help. */
async function believed(disk: MemoryDisk): Promise<Set<string>> {
  const done = new Set<string>();
  if (disk.content(JOURNAL) === null) return done;
  const state = new JournalState();
  await readJournal(await disk.open(JOURNAL, 'read'), (entry, atMs) => state.apply(entry, atMs));
  for (const work of WORK) {
    const found = state.lookup(work);
    for (let start = 0; start < work.size; start += 100) {
      const end = Math.min(start + 100, work.size);
      const isDone =
        found.kind === 'settled' ||
        (found.kind === 'partial' && found.object.done.some(([from, to]) => from <= start && end <= to));
      if (isDone) done.add(`${work.key}:${start}-${end}`);
    }
  }
  return done;
}

async function finish(disk: MemoryDisk, label: string): Promise<void> {
  const last = await smallRun(disk);
  expect(last.error, label).toBeNull();
  expect(deadLetterNames(disk.content(DEAD_LETTERS)), label).toEqual(DEAD_LETTER_NAMES);
  const again = await smallRun(disk);
  expect([again.error, again.delivered.size], label).toEqual([null, 0]);
  const state = new JournalState();
  await readJournal(await disk.open(JOURNAL, 'read'), (entry, atMs) => state.apply(entry, atMs));
  expect(state.totals.tally, label).toEqual(TRUTH);
}

async function callsOfOneRun(): Promise<number> {
  const disk = new MemoryDisk();
  expect((await smallRun(disk)).error).toBeNull();
  return disk.calls;
}

const FAILURES: { failure: Failure; lasting: boolean }[] = [
  { failure: 'full', lasting: false },
  { failure: 'full', lasting: true },
  { failure: 'input-output', lasting: false },
  { failure: 'short', lasting: false },
];
describe.each(FAILURES)('disk failure $failure (lasting: $lasting)', ({ failure, lasting }) => {
  it.each(['kill', 'power', 'torn'] as const)(
    'at every call, then %s: nothing promised is lost, nothing is skipped',
    async (event) => {
      const calls = await callsOfOneRun();
      let fired = 0;
      for (let k = 1; k <= calls; k += 1) {
        const label = `${failure} at call ${k}, then ${event}`;
        const disk = new MemoryDisk().failAt(k, failure, lasting);
        const outcome = await smallRun(disk);
        if (disk.fired) fired += 1;
        if (failure === 'short') expect(outcome.error, label).toBeNull();
        if (outcome.error !== null) {
          expect(outcome.error, label).toBeInstanceOf(MillraceError);
          expect((outcome.error as MillraceError).exitCode, label).toBe(3);
        }
        const next = disk.after(event, seeded(k));
        const done = await believed(next);
        for (const name of outcome.promised)
          expect(done.has(name), `${label}: ${name} was promised`).toBe(true);
        for (const name of done)
          expect(outcome.delivered.has(name), `${label}: ${name} was not delivered`).toBe(true);
        await finish(next, label);
      }
      expect(fired).toBe(calls);
    },
  );
});

it('survives a loss of power, a kill and a failing disk again and again (seeds 1 to 200)', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    let disk = new MemoryDisk();
    for (let turn = 0; turn < 6; turn += 1) {
      const label = `seed ${seed}, turn ${turn}`;
      if (random() < 0.5)
        disk.failAt(1 + Math.floor(random() * 30), random() < 0.5 ? 'full' : 'input-output', random() < 0.5);
      const compactBytesMin = random() < 0.5 ? 1 : undefined;
      const outcome = await smallRun(disk, { stopAfter: Math.floor(random() * 8), compactBytesMin });
      if (outcome.error !== null)
        expect((outcome.error as MillraceError).exitCode, `${label}: ${outcome.error}`).toBe(3);
      const event = (['kill', 'power', 'torn'] as const)[Math.floor(random() * 3)]!;
      disk = disk.after(event, random);
    }
    await finish(disk, `seed ${seed}`);
  }
});

describe('after a failure', () => {
  it('the journal stays failed, and closing it writes nothing more', async () => {
    const disk = new MemoryDisk();
    const journal = await Journal.open({
      path: JOURNAL,
      run: 'r',
      identity: {},
      digestKey: '',
      files: disk,
      lock: noLock,
    });
    disk.failAt(disk.calls + 2, 'input-output'); // the sync after the write
    journal.append({ kind: 'object-done', object: WORK[0]!, tally: tally() });
    const error = await journal.commit().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'MILLRACE_JOURNAL', exitCode: 3 });
    expect(() => journal.append({ kind: 'object-done', object: WORK[1]!, tally: tally() })).toThrow(
      error as Error,
    );
    await expect(journal.commit()).rejects.toBe(error);
    const calls = disk.calls;
    await journal.close({ status: 'failed', complete: false });
    expect(disk.calls).toBe(calls);
  });

  it('of the dead-letter file, nothing that needs its letters is journaled', async () => {
    const disk = new MemoryDisk();
    const journal = await Journal.open({
      path: JOURNAL,
      run: 'r',
      identity: {},
      digestKey: '',
      files: disk,
      lock: noLock,
    });
    const reason = new MillraceError('MILLRACE_DEAD_LETTER', 'full', { exitCode: 3 });
    journal.beforeCommit = () => Promise.reject(reason);
    journal.append({ kind: 'object-done', object: WORK[0]!, tally: tally({ rejected: 1 }) });
    const before = disk.content(JOURNAL)!.byteLength;
    await expect(journal.commit()).rejects.toBe(reason);
    expect(disk.content(JOURNAL)!.byteLength).toBe(before);
  });

  it('a lock that was taken away stops the next commit', async () => {
    let held = true;
    const lock = async () => ({ isHeld: async () => held, release: async () => {} });
    const journal = await Journal.open({
      path: JOURNAL,
      run: 'r',
      identity: {},
      digestKey: '',
      files: new MemoryDisk(),
      lock,
    });
    held = false;
    journal.append({ kind: 'object-done', object: WORK[0]!, tally: tally() });
    await expect(journal.commit()).rejects.toThrow(/its lock was taken away/);
  });
});

describe('a real disk that is full', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'));
  let mounted = false;
  let why = '';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
    mounted = true;
  } catch (error) {
    why = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    console.log(`A 64 KB tmpfs cannot be mounted here, the test on a real full disk is skipped: ${why}`);
  }

  it.skipIf(!mounted)(
    'stops the run with exit 3, keeps the journal, and the run goes on when there is room',
    async () => {
      try {
        const path = join(folder, 'run.journal');
        const open = () => Journal.open({ path, run: 'r', identity: {}, digestKey: '' });
        const journal = await open();
        let promised = 0;
        const object = (n: number) => ({ bucket: 'b', key: `k${n}`, etag: '"1"', size: 10 });
        const error = await (async () => {
          for (let n = 0; n < 2000; n += 1) {
            journal.append({ kind: 'object-done', object: object(n), tally: tally({ records: 1 }) });
            await journal.commit();
            promised = n + 1;
          }
        })().catch((reason: unknown) => reason);
        await journal.close(null).catch(() => undefined);
        expect(error).toMatchObject({
          code: 'MILLRACE_JOURNAL',
          exitCode: 3,
          message: expect.stringContaining('the disk is full (ENOSPC)'),
        });
        expect(promised).toBeGreaterThan(100);
        expect(readFileSync(path).byteLength).toBeGreaterThan(50_000);
        execFileSync('mount', ['-o', 'remount,size=256k', folder], { stdio: 'pipe' });
        const second = await open();
        expect(second.before.tally.records).toBe(promised);
        for (let n = 0; n < promised; n += 1) expect(second.state.lookup(object(n)).kind).toBe('settled');
        second.append({ kind: 'object-done', object: object(promised), tally: tally({ records: 1 }) });
        await second.close({ status: 'delivered', complete: true });
      } finally {
        execFileSync('umount', [folder], { stdio: 'pipe' });
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('a folder that refuses is reported with its path', async () => {
    const base = mkdtempSync(join(tmpdir(), 'millrace-file-'));
    writeFileSync(join(base, 'file'), '');
    const path = join(base, 'file', 'run.journal');
    const error = await Journal.open({ path, run: 'r', identity: {}, digestKey: '', files: realFiles }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: 'MILLRACE_JOURNAL',
      exitCode: 2,
      message: expect.stringContaining(path),
    });
    rmSync(base, { recursive: true });
  });
});
