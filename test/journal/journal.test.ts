import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MillraceError } from '../../src/base/errors.ts';
import { encodeEntry } from '../../src/journal/entries.ts';
import { Journal } from '../../src/journal/journal.ts';
import type { JournalOptions } from '../../src/journal/open-journal.ts';
import { workOf } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';
import { MemoryDisk } from './memory-disk.ts';
import { JOURNAL, noLock, smallRun, TRUTH, WORK } from './small-run.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const object = (key: string, size = 100) => ({ bucket: 'b', key, etag: '"1"', size });
const options = (more: Partial<JournalOptions> = {}): JournalOptions => ({
  path: join(folder, 'deep', 'run.journal'),
  run: 'clicks-0a1b2c3d',
  identity: { stream: 'clicks', sources: ['s3://b/p/'], rules: { partitionKey: '/id' } },
  digestKey: '0123456789abcdef0123456789abcdef',
  ...more,
});
async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: MillraceError) => error,
  );
}

describe('a journal on a real disk', () => {
  it('remembers objects, ranges, progress, positions and sums, and is readable with jq', async () => {
    const first = await Journal.open(options());
    expect([first.resumed, first.digestKey]).toEqual([false, '0123456789abcdef0123456789abcdef']);
    first.append({ kind: 'position', shardId: 'shardId-000000000000', sequenceNumber: null, atMs: 5 });
    const plain = first.pin(object('plain'));
    const packed = first.pin(object('packed'));
    const done = first.pin(object('done'));
    first.append({
      kind: 'segment',
      id: plain,
      start: 40,
      end: 60,
      tally: tally({ records: 2, sumA: 2n ** 64n - 1n }),
    });
    first.append({ kind: 'segment', id: plain, start: 60, end: 80, tally: tally({ records: 3, sumA: 2n }) });
    first.append({ kind: 'progress', id: packed, offset: 10, tally: tally({ records: 1 }) });
    first.append({
      kind: 'progress',
      id: packed,
      offset: 70,
      tally: tally({ records: 7, rejected: 1, codes: { TOO_DEEP: 1 } }),
    });
    first.append({ kind: 'segment', id: done, start: 0, end: 100, tally: tally({ records: 10 }) });
    first.append({ kind: 'object-done', id: done });
    first.append({ kind: 'object-done', object: object('small', 5), tally: tally({ records: 1 }) });
    first.append({ kind: 'object-done', object: object('gone', 5), failed: 'OBJECT_UNREADABLE' });
    await first.close({ status: 'interrupted', complete: false });
    const text = execFileSync('jq', ['-r', '.kind'], { input: readFileSync(first.path) }).toString();
    expect(text.split('\n').filter((kind) => kind === 'progress')).toHaveLength(2);

    const second = await Journal.open(options({ digestKey: 'ff'.repeat(16) }));
    expect([second.resumed, second.digestKey, second.tornBytes]).toEqual([true, first.digestKey, 0]);
    expect(second.before.tally).toEqual(
      tally({ records: 23, rejected: 1, sumA: 1n, codes: { TOO_DEEP: 1 } }),
    );
    expect([second.before.objectsDone, second.before.objectsFailed, second.state.processes]).toEqual([
      2, 1, 2,
    ]);
    expect([...second.state.positions]).toEqual([
      ['shardId-000000000000', { sequenceNumber: null, atMs: 5 }],
    ]);
    const lookup = (key: string, part = {}) => second.state.lookup({ ...object(key), ...part });
    expect(lookup('done').kind).toBe('settled');
    expect(lookup('small', { size: 5 }).kind).toBe('settled');
    expect(lookup('gone', { size: 5 }).kind).toBe('settled');
    expect(lookup('done', { etag: '"2"' })).toEqual({ kind: 'changed', pinned: null });
    expect(lookup('done', { size: 101 }).kind).toBe('changed');
    expect(lookup('plain', { etag: '"2"' })).toMatchObject({
      kind: 'changed',
      pinned: { key: 'plain', etag: '"1"' },
    });
    expect(lookup('new').kind).toBe('unknown');
    const begun = lookup('plain');
    expect(begun.kind === 'partial' && workOf(begun.object, 100)).toEqual([
      { start: 0, end: 40, only: null },
      { start: 80, end: 100, only: null },
    ]);
    const streamed = lookup('packed');
    expect(streamed.kind === 'partial' && [streamed.object.done, streamed.object.tally.records]).toEqual([
      [[0, 70]],
      7,
    ]);
    expect(second.pin(object('next'))).toBe(3);
    await second.close(null);
  });

  it('is made with mode 0600, leaves no lock and no draft behind', async () => {
    const journal = await Journal.open(options());
    expect(statSync(journal.path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${journal.path}.lock`)).toBe(true);
    await journal.close(null);
    expect(execFileSync('ls', [join(folder, 'deep')]).toString()).toBe('run.journal\n');
  });

  it('commits many appends with one write, and shares the next commit among those who wait', async () => {
    const disk = new MemoryDisk();
    const journal = await Journal.open(options({ path: JOURNAL, files: disk, lock: noLock }));
    const before = disk.calls;
    const commits = [0, 1, 2, 3].map((n) => {
      journal.append({ kind: 'object-done', object: object(`k${n}`), tally: tally() });
      return journal.commit();
    });
    await Promise.all(commits);
    expect(disk.calls - before).toBe(4); // two writes, two syncs: the first append alone, the other three together
    await journal.commit();
    expect(disk.calls - before).toBe(4); // nothing waits, nothing is written
  });

  it('puts the dead letters of an entry on the disk before the entry', async () => {
    const disk = new MemoryDisk();
    const journal = await Journal.open(options({ path: JOURNAL, files: disk, lock: noLock }));
    const seen: boolean[] = [];
    journal.beforeCommit = async () => {
      seen.push(disk.content(JOURNAL)!.includes('"late"'));
      // What is appended now is not in this commit: its dead letters may not be safe yet.
      if (seen.length === 1) journal.append({ kind: 'object-done', object: object('later'), tally: tally() });
    };
    journal.append({ kind: 'object-done', object: object('late'), tally: tally() });
    await journal.commit();
    expect(seen).toEqual([false]);
    expect([disk.content(JOURNAL)!.includes('"late"'), disk.content(JOURNAL)!.includes('"later"')]).toEqual([
      true,
      false,
    ]);
  });

  it.each([
    {
      name: 'a range done twice',
      entries: [
        [0, 10],
        [0, 10],
      ],
      problem: /done twice/,
    },
    {
      name: 'a range that overlaps its left neighbour',
      entries: [
        [0, 10],
        [9, 20],
      ],
      problem: /done twice/,
    },
    {
      name: 'a range that overlaps its right neighbour',
      entries: [
        [10, 20],
        [0, 11],
      ],
      problem: /done twice/,
    },
    {
      name: 'a range that holds another',
      entries: [
        [10, 20],
        [0, 30],
      ],
      problem: /done twice/,
    },
    { name: 'an empty range', entries: [[10, 10]], problem: /done twice/ },
  ])('refuses to journal $name', async ({ entries, problem }) => {
    const journal = await Journal.open(options({ path: JOURNAL, files: new MemoryDisk(), lock: noLock }));
    const id = journal.pin(object('k'));
    const append = () => {
      for (const [start, end] of entries)
        journal.append({ kind: 'segment', id, start: start!, end: end!, tally: tally() });
    };
    expect(append).toThrow(problem);
  });
});

describe('a journal that does not fit', () => {
  it.each([
    {
      name: 'another partition key',
      more: { identity: { stream: 'clicks', sources: ['s3://b/p/'], rules: { partitionKey: null } } },
      says: 'rules.partitionKey was "/id", is now null',
    },
    {
      name: 'another stream and more options',
      more: { identity: { stream: 'views', sources: ['s3://b/p/'], rules: { partitionKey: '/id' }, x: 1 } },
      says: 'stream was "clicks", is now "views"; x was null, is now 1',
    },
    {
      name: 'other sources',
      more: { identity: { stream: 'clicks', sources: ['s3://b/q/'], rules: { partitionKey: '/id' } } },
      says: 'sources was ["s3://b/p/"], is now ["s3://b/q/"]',
    },
  ])('is refused and the difference named: $name', async ({ more, says }) => {
    await (await Journal.open(options())).close(null);
    const error = await failureOf(Journal.open(options(more)));
    expect([error.code, error.exitCode]).toEqual(['MILLRACE_JOURNAL', 2]);
    expect(error.message).toContain(says);
    expect(error.message).not.toMatch(/--restart|damaged/);
    expect(existsSync(`${options().path}.lock`)).toBe(false);
  });

  it('is refused when its format is another version', async () => {
    mkdirSync(join(folder, 'deep'));
    const header = {
      kind: 'run',
      version: 3,
      run: 'r',
      identity: options().identity,
      digestKey: '',
    } as const;
    writeFileSync(options().path, encodeEntry(header, 1, 0));
    expect((await failureOf(Journal.open(options()))).message).toMatch(
      /format 3, this program knows formats up to 2/,
    );
  });

  it.each([
    { name: 'empty', content: '', says: /it is empty/ },
    { name: 'another file', content: 'hello\nworld\n', says: /not a journal of Millrace/ },
    { name: 'another file without a line end', content: 'hello', says: /not a journal of Millrace/ },
    { name: 'JSONL of something else', content: '{"a":1}\n{"a":2}\n', says: /not a journal of Millrace/ },
  ])('is refused and left as it is when it is $name', async ({ content, says }) => {
    mkdirSync(join(folder, 'deep'));
    writeFileSync(options().path, content);
    const error = await failureOf(Journal.open(options()));
    expect([error.code, error.exitCode, says.test(error.message)]).toEqual(['MILLRACE_JOURNAL', 2, true]);
    expect(readFileSync(options().path, 'utf8')).toBe(content);
  });

  it('is replaced by --restart if it is a journal, and by nothing if it is not', async () => {
    const first = await Journal.open(options());
    first.append({ kind: 'object-done', object: object('k'), tally: tally() });
    await first.close(null);
    const second = await Journal.open(options({ restart: true, identity: { other: true } }));
    expect([second.resumed, second.state.lookup(object('k')).kind]).toEqual([false, 'unknown']);
    await second.close(null);
    writeFileSync(options().path, 'my thesis');
    expect((await failureOf(Journal.open(options({ restart: true })))).message).toMatch(
      /replaces nothing else/,
    );
    expect(readFileSync(options().path, 'utf8')).toBe('my thesis');
  });
});

describe('compaction', () => {
  it('keeps the meaning, drops most lines, and the journal can be used and read again', async () => {
    const disk = new MemoryDisk();
    const open = (compactBytesMin?: number) =>
      Journal.open(options({ path: JOURNAL, files: disk, lock: noLock, compactBytesMin }));
    const first = await open();
    for (let n = 0; n < 20; n += 1) {
      const id = first.pin(object(`k${n}`, 1000));
      for (let at = 0; at < (n === 19 ? 500 : 1000); at += 20) {
        if (n === 19 && at % 100 === 0) continue;
        first.append({
          kind: 'segment',
          id,
          start: at,
          end: at + 20,
          tally: tally({ records: 1, sumA: 2n ** 63n + 1n }),
        });
      }
      if (n < 19) first.append({ kind: 'object-done', id });
      if (n === 18)
        first.append({
          kind: 'object-done',
          object: object('bad'),
          failed: 'OBJECT_CHANGED',
          tally: tally({ rejected: 1 }),
        });
      await first.commit();
    }
    await first.close(null);
    const longBytes = disk.content(JOURNAL)!.byteLength;
    const second = await open(1);
    const shortBytes = disk.content(JOURNAL)!.byteLength;
    expect(shortBytes).toBeLessThan(longBytes / 5);
    expect(disk.paths).toEqual([JOURNAL]);
    await second.close(null);
    const third = await open(1);
    for (const journal of [second, third]) {
      expect(journal.before).toEqual(first.state.totalsNow());
      expect(journal.state.lookup(object('k0', 1000)).kind).toBe('settled');
      expect(journal.state.lookup(object('bad')).kind).toBe('settled');
      expect(journal.state.partial(19)!.done).toEqual(first.state.partial(19)!.done);
    }
    expect(third.pin(object('new'))).toBe(20);
  });

  it('leaves a journal alone that is small, or that has little to drop', async () => {
    const disk = new MemoryDisk();
    await smallRun(disk);
    const before = disk.content(JOURNAL)!.toString();
    await smallRun(disk, { compactBytesMin: 1 });
    expect(disk.content(JOURNAL)!.toString().startsWith(before)).toBe(true);
  });
});

describe('the same command again', () => {
  it('does nothing once the run is finished', async () => {
    const disk = new MemoryDisk();
    const first = await smallRun(disk);
    expect([first.error, first.closed]).toEqual([null, true]);
    const second = await smallRun(disk);
    expect([second.error, second.resumed, second.delivered.size]).toEqual([null, true, 0]);
  });

  it('goes on where any number of vanished processes stopped, and the sums come out the same', async () => {
    const disk = new MemoryDisk();
    for (let turn = 0; turn < 40; turn += 1) {
      const outcome = await smallRun(disk, { stopAfter: 3 });
      expect(outcome.error).toBeNull();
      if (outcome.closed) break;
    }
    const journal = await Journal.open({
      ...options({ path: JOURNAL, files: disk, lock: noLock }),
      identity: { stream: 'a', sources: ['s3://b/'] },
    });
    expect(journal.before.tally).toEqual(TRUTH);
    expect(journal.before.objectsDone).toBe(WORK.length);
  });
});
