import { expect, it } from 'vitest';
import type { Files, OpenedFile } from '../../src/journal/files.ts';
import { Journal } from '../../src/journal/journal.ts';
import type { JournalOptions } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/read.ts';
import { JournalState } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';
import { readStatus } from '../../src/observe/status.ts';
import { MemoryDisk, seeded } from './memory-disk.ts';
import { JOURNAL, noLock } from './small-run.ts';

const DRAFT = `${JOURNAL}.new`;
const BYTES_MIN = 16 << 10;
const OBJECT_BYTES = 4_000;

const open = (files: Files, options: Partial<JournalOptions> = {}) =>
  Journal.open({
    ...{ path: JOURNAL, run: 'r', identity: {}, digestKey: '', lock: noLock, compactBytesMin: BYTES_MIN },
    ...{ files, ...options },
  });

/** A run that goes on and on: a segment, a pulse and now and then something else with every commit, a second apart. */
class LongRun {
  readonly journal: Journal;
  /** Records of entries whose commit has ended well, and of all that were appended. */
  promised = 0;
  appended = 0;
  #turn = 0;
  #object: { id: number; at: number } | null = null;
  nowMs = 1_790_000_000_000;

  private constructor(journal: Journal) {
    this.journal = journal;
  }

  static async open(files: Files, options: Partial<JournalOptions> = {}): Promise<LongRun> {
    let run: LongRun | null = null;
    const nowMs = () => run?.nowMs ?? 1_790_000_000_000;
    run = new LongRun(await open(files, { nowMs, ...options }));
    return run;
  }

  get delivered(): number {
    return this.journal.state.totals.tally.records;
  }

  /** @throws As `append` and `commit`. */
  async turn(): Promise<void> {
    this.#append();
    this.nowMs += 1_000;
    const { appended } = this;
    await this.journal.commit();
    this.promised = appended;
  }

  /** Goes on until that is so. */
  async until(isSo: () => boolean): Promise<void> {
    for (let turn = 0; !isSo(); turn += 1) {
      if (turn === 5_000) throw new Error('it never happens');
      await this.turn();
    }
  }

  #append(): void {
    const { journal } = this;
    this.#turn += 1;
    this.#object ??= {
      id: journal.pin({
        bucket: 'b',
        key: `k${this.#turn}`,
        etag: '"1"',
        size: OBJECT_BYTES,
        format: 'plain',
      }),
      at: 0,
    };
    const { id, at } = this.#object;
    const part = tally({ lines: 1, records: 1, bytes: 100, sumA: BigInt(this.#turn), sumB: BigInt(at) });
    journal.append({ kind: 'segment', id, start: at, end: at + 100, tally: part });
    this.appended += 1;
    this.#object.at += 100;
    journal.append({ kind: 'pulse', records: this.#turn, bytes: this.#turn * 100, done: this.#turn * 100 });
    if (this.#turn % 7 === 0) journal.append({ kind: 'again', ambiguous: 2, resent: 1 });
    if (this.#object.at < OBJECT_BYTES) return;
    journal.append({ kind: 'object-done', id });
    this.#object = null;
  }
}

async function stateOf(disk: MemoryDisk): Promise<JournalState> {
  const state = new JournalState();
  const verdict = await readJournal(await disk.open(JOURNAL, 'read'), (entry, atMs) =>
    state.apply(entry, atMs),
  );
  expect([verdict.damage, verdict.tornBytes]).toEqual([null, 0]);
  return state;
}

const sumsOf = (state: JournalState) => ({
  totals: state.totalsNow(),
  again: { ...state.again },
  pulse: state.pulse?.records,
  partials: [...state.partials].map(({ id, done, tally: sum }) => ({ id, done, sum })),
});

it('stays short however long it is written to, and says the same', async () => {
  const disk = new MemoryDisk();
  const run = await LongRun.open(disk);
  let highest = 0;
  for (let turn = 0; turn < 3_000; turn += 1) {
    await run.turn();
    highest = Math.max(highest, disk.content(JOURNAL)!.byteLength);
  }
  expect(run.appended).toBe(3_000);
  // 75 finished objects are a line of 430 bytes each; all that was written is 1.4 MB.
  expect(highest).toBeLessThan(7 * BYTES_MIN);
  expect(sumsOf(await stateOf(disk))).toEqual(sumsOf(run.journal.state));
  const text = disk.content(JOURNAL)!.toString();
  expect(text.split('"kind":"pulse"').length).toBeLessThan(300);
  await run.journal.close({ status: 'delivered', complete: true });
  expect(disk.paths).toEqual([JOURNAL]);
  const next = await open(disk);
  expect(next.before.tally.records).toBe(3_000);
  expect(next.state.lookup({ bucket: 'b', key: 'k1', etag: '"1"', size: OBJECT_BYTES }).kind).toBe('settled');
});

it('keeps the lines of the last minute as they are, from which status takes its rate', async () => {
  const disk = new MemoryDisk();
  const run = await LongRun.open(disk, { compactBytesMin: 128 << 10 });
  const before = () => disk.content(JOURNAL)!.byteLength;
  let last = 0;
  while (before() >= last) {
    last = before();
    await run.turn();
  }
  expect(last).toBeGreaterThan(100 << 10);
  const status = await readStatus(JOURNAL, { files: disk, holder: async () => null });
  expect(status.rate?.records).toBeCloseTo(1, 1);
  expect(status.records.delivered).toBe(run.promised);
});

it('can be read by status at any moment, which never sees less than before', async () => {
  const disk = new MemoryDisk();
  const run = await LongRun.open(disk);
  let seen = 0;
  let drafts = 0;
  for (let turn = 0; turn < 400; turn += 1) {
    const work = run.turn();
    const { records } = await readStatus(JOURNAL, { files: disk, holder: async () => null });
    await work;
    expect(records.delivered).toBeGreaterThanOrEqual(seen);
    seen = records.delivered;
    if (disk.paths.includes(DRAFT)) drafts += 1;
  }
  expect(seen).toBeGreaterThan(390);
  expect(drafts, 'compacted while it was read').toBeGreaterThan(0);
});

it('loses nothing that was promised when the disk fails at any call and then the process or the power goes', async () => {
  const TURNS = 50;
  const short = { compactBytesMin: 12 << 10 };
  const counter = new MemoryDisk();
  const whole = await LongRun.open(counter, short);
  const opening = counter.calls;
  for (let turn = 0; turn < TURNS; turn += 1) await whole.turn();
  expect(counter.content(JOURNAL)!.byteLength, 'it was compacted').toBeLessThan(TURNS * 300);
  const outcomes = { fired: 0, failed: 0, survived: 0, compacted: 0 };
  for (const { failure, lasting } of [
    { failure: 'full', lasting: false },
    { failure: 'full', lasting: true },
    { failure: 'input-output', lasting: false },
    { failure: 'input-output', lasting: true },
    { failure: 'short', lasting: false },
  ] as const) {
    for (let k = opening + 1; k <= counter.calls; k += 1) {
      const disk = new MemoryDisk().failAt(k, failure, lasting);
      const run = await LongRun.open(disk, short);
      const label = `${failure}, lasting ${lasting}, at call ${k}`;
      let error: unknown = null;
      try {
        for (let turn = 0; turn < TURNS; turn += 1) await run.turn();
      } catch (reason) {
        error = reason;
      }
      // Without a call that failed the rest may be fewer than they were.
      if (!disk.fired) continue;
      outcomes.fired += 1;
      if (error === null) outcomes.survived += 1;
      else {
        outcomes.failed += 1;
        expect(error, label).toMatchObject({ code: 'MILLRACE_JOURNAL', exitCode: 3 });
      }
      for (const event of ['kill', 'power', 'torn'] as const) {
        const next = disk.after(event, seeded(k));
        const found = await open(next, { compactBytesMin: Number.POSITIVE_INFINITY });
        expect(found.before.tally.records, `${label}, then ${event}`).toBeGreaterThanOrEqual(run.promised);
        expect(found.before.tally.records, `${label}, then ${event}`).toBeLessThanOrEqual(run.appended);
        expect(next.paths, label).toEqual([JOURNAL]);
        if (next.content(JOURNAL)!.byteLength < run.promised * 300) outcomes.compacted += 1;
      }
    }
  }
  expect(outcomes.fired).toBeGreaterThan(4 * (counter.calls - opening));
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(20);
});

it('goes on with the old file where the copy does not fit on the disk, and tries again later', async () => {
  const disk = new MemoryDisk();
  const creates: number[] = [];
  let isFull = true;
  const files = withDraft(disk, {
    onCreate: () => creates.push(disk.content(JOURNAL)!.byteLength),
    onWrite: async () => {
      if (isFull) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    },
  });
  const run = await LongRun.open(files);
  await run.until(() => creates.length === 3);
  expect(disk.content(JOURNAL)!.byteLength).toBeGreaterThan(1.4 * BYTES_MIN);
  // Not with every commit: each has to wait for a quarter more.
  expect(creates[1]! / creates[0]!).toBeGreaterThan(1.2);
  isFull = false;
  const long = disk.content(JOURNAL)!.byteLength;
  await run.until(() => disk.content(JOURNAL)!.byteLength < long);
  expect(sumsOf(await stateOf(disk))).toEqual(sumsOf(run.journal.state));
});

it('does not take the room that the next commits need', async () => {
  const disk = new MemoryDisk();
  let created = 0;
  const run = await LongRun.open(withDraft(disk, { onCreate: () => (created += 1) }));
  disk.freeBytes = BYTES_MIN - 1;
  await run.until(() => disk.content(JOURNAL)!.byteLength >= 2 * BYTES_MIN);
  expect(created).toBe(0);
  disk.freeBytes = 1 << 30;
  await run.until(() => created > 0);
});

it('holds no commit back while the copy is made', async () => {
  const disk = new MemoryDisk();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const files = withDraft(disk, {
    onWrite: () => {
      begun.resolve();
      return gate.promise;
    },
  });
  const run = await LongRun.open(files);
  await run.until(() => disk.paths.includes(DRAFT));
  await begun.promise;
  // Far more than is copied while commits wait.
  for (let turn = 0; turn < 500; turn += 1) await run.turn();
  const long = disk.content(JOURNAL)!.byteLength;
  expect(run.promised).toBe(run.appended);
  expect(disk.paths).toContain(DRAFT);
  gate.resolve();
  await run.until(() => !disk.paths.includes(DRAFT));
  expect(disk.content(JOURNAL)!.byteLength).toBeLessThan(long);
  expect(sumsOf(await stateOf(disk))).toEqual(sumsOf(run.journal.state));
});

it('does not put the copy in the place of a journal whose lock was taken away', async () => {
  const disk = new MemoryDisk();
  let isHeld = true;
  const gate = Promise.withResolvers<void>();
  const files = withDraft(disk, { onWrite: () => gate.promise });
  const lock = async () => ({ isHeld: async () => isHeld, release: async () => {} });
  const run = await LongRun.open(files, { lock });
  await run.until(() => disk.paths.includes(DRAFT));
  const before = Buffer.from(disk.content(JOURNAL)!);
  isHeld = false;
  gate.resolve();
  await expect(run.turn()).rejects.toThrow(/its lock was taken away/);
  await run.journal.close(null);
  expect(disk.content(JOURNAL)!.equals(before)).toBe(true);
  expect(disk.paths).toEqual([JOURNAL]);
});

it('closes without waiting for a long copy, and leaves no draft', async () => {
  const disk = new MemoryDisk();
  const gate = Promise.withResolvers<void>();
  const run = await LongRun.open(withDraft(disk, { onWrite: () => gate.promise }));
  await run.until(() => disk.paths.includes(DRAFT));
  const closing = run.journal.close({ status: 'interrupted', complete: false });
  gate.resolve();
  await closing;
  expect(disk.paths).toEqual([JOURNAL]);
  expect((await stateOf(disk)).ended).toEqual({ status: 'interrupted', complete: false });
  expect(disk.content(JOURNAL)!.byteLength, 'the old one').toBeGreaterThan(BYTES_MIN);
});

it('tells a damaged middle from a torn tail in a file that was compacted and written on', async () => {
  const disk = new MemoryDisk();
  const run = await LongRun.open(disk);
  let highest = 0;
  while (disk.content(JOURNAL)!.byteLength >= highest) {
    highest = disk.content(JOURNAL)!.byteLength;
    await run.turn();
  }
  for (let turn = 0; turn < 5; turn += 1) await run.turn();
  const content = disk.content(JOURNAL)!;
  const lines = content.toString().trimEnd().split('\n');
  let offset = 0;
  let damaged = 0;
  for (const [n, line] of lines.entries()) {
    const copy = disk.after('kill', Math.random);
    copy.content(JOURNAL)![offset + 20]! ^= 1;
    offset += line.length + 1;
    if (n === 0) continue;
    const opened = await open(copy).catch((error: unknown) => error);
    if (!(opened instanceof Journal)) damaged += 1;
    else expect(lines.length - n, 'only the last commit may be torn').toBeLessThanOrEqual(3);
  }
  expect(damaged).toBeGreaterThan(lines.length - 5);
});

it('is failed by a folder that cannot be synced after the rename, and the next commit, or closing, says so', async () => {
  for (const isClosing of [false, true]) {
    const disk = new MemoryDisk();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let isOpened = false;
    const syncFolderOf = () => {
      if (!isOpened) return disk.syncFolderOf();
      begun.resolve();
      return gate.promise;
    };
    const run = await LongRun.open(over(disk, { syncFolderOf }));
    isOpened = true;
    await run.until(() => disk.paths.includes(DRAFT));
    void begun.promise.then(() => gate.reject(Object.assign(new Error('no'), { code: 'EIO' })));
    const work = isClosing ? begun.promise.then(() => run.journal.close(null)) : run.until(() => false);
    const error = await work.catch((reason: unknown) => reason);
    expect(error, `closing: ${isClosing}`).toMatchObject({ code: 'MILLRACE_JOURNAL', exitCode: 3 });
    expect(run.journal.isOpen).toBe(false);
  }
});

function over(disk: MemoryDisk, other: Partial<Files>): Files {
  return {
    open: (path, mode) => disk.open(path, mode),
    sizeBytes: (path) => disk.sizeBytes(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeFolderOf: () => disk.makeFolderOf(),
    syncFolderOf: () => disk.syncFolderOf(),
    freeBytesAt: () => disk.freeBytesAt(),
    ...other,
  };
}

/** The same disk; what is done with the draft can be watched and held up. */
function withDraft(
  disk: MemoryDisk,
  { onCreate, onWrite }: { onCreate?: () => void; onWrite?: () => Promise<void> },
): Files {
  const opened = (file: OpenedFile): OpenedFile => ({
    ...file,
    write: async (bytes) => {
      await onWrite?.();
      return file.write(bytes);
    },
  });
  return over(disk, {
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      // A new journal begins as a draft, too.
      if (path !== DRAFT || (await disk.sizeBytes(JOURNAL)) === null) return file;
      onCreate?.();
      return opened(file);
    },
  });
}
