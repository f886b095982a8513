import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MillraceError } from '../../src/base/errors.ts';
import { ownerPathOf, writeOwner } from '../../src/journal/dead-letter-owner.ts';
import { type DeadLetter, type DeadLetterPlace, DeadLetters } from '../../src/journal/dead-letters.ts';
import { MemoryDisk } from './memory-disk.ts';
import { DEAD_LETTERS, deadLetterNames, noLock, OWNER } from './small-run.ts';

const deadLetter = (key: string, offset: number | null, more: Partial<DeadLetter> = {}): DeadLetter => ({
  bucket: 'b',
  key,
  etag: '"1"',
  offset,
  length: offset === null ? null : 3,
  code: 'INVALID_JSON',
  message: 'Expected a value',
  data: offset === null ? null : Buffer.from('a\xff{', 'latin1'),
  ...more,
});
const coversEven = (place: DeadLetterPlace) => place.offset !== null && place.offset % 2 === 0;
async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: MillraceError) => error,
  );
}
const fileOf = (...offsets: number[]) =>
  offsets.map((offset) => `${JSON.stringify(deadLetter('k', offset, { data: null }))}\n`).join('');

describe('the dead-letter file on a real disk', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-letters-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('holds coordinates, code, message and raw bytes of a line, in mode 0600, and no data for an object', async () => {
    const path = join(folder, 'deep', 'dead.jsonl');
    const deadLetters = await DeadLetters.open({ path, owner: OWNER, resume: null });
    await deadLetters.add(deadLetter('../k\n\u001b[31m', 7));
    await deadLetters.add(deadLetter('k', null, { code: 'OBJECT_CHANGED' }));
    await deadLetters.close();
    const [line, object] = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(line).toEqual({
      bucket: 'b',
      key: '../k\n\u001b[31m',
      etag: '"1"',
      offset: 7,
      length: 3,
      code: 'INVALID_JSON',
      message: 'Expected a value',
      data: 'Yf97',
    });
    expect(object).toEqual({
      bucket: 'b',
      key: 'k',
      etag: '"1"',
      offset: null,
      length: null,
      code: 'OBJECT_CHANGED',
      message: 'Expected a value',
    });
    expect(readFileSync(path, 'utf8')).not.toContain('\u001b'); // a terminal that shows the file is not steered by a key
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(deadLetters.count).toBe(2);
  });

  it('leaves the payload out when asked', async () => {
    const path = join(folder, 'dead.jsonl');
    const deadLetters = await DeadLetters.open({ path, owner: OWNER, resume: null, payload: false });
    await deadLetters.add(deadLetter('k', 7));
    await deadLetters.close();
    expect(JSON.parse(readFileSync(path, 'utf8'))).not.toHaveProperty('data');
  });

  it('does not follow a symbolic link', async () => {
    writeFileSync(join(folder, 'victim'), 'precious');
    symlinkSync(join(folder, 'victim'), join(folder, 'dead.jsonl'));
    const error = await failureOf(
      DeadLetters.open({ path: join(folder, 'dead.jsonl'), owner: OWNER, resume: null }),
    );
    expect([error.code, error.message.includes('symbolic link')]).toEqual(['MILLRACE_DEAD_LETTER', true]);
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('precious');
  });

  it('sets letters of a run that nobody can go on with aside, and keeps all of them', async () => {
    const path = join(folder, 'dead.jsonl');
    writeFileSync(path, fileOf(1)); // of an older version, which wrote down no owner
    const first = await DeadLetters.open({ path, owner: OWNER, resume: null });
    expect(first.setAside).toBe(`${path}.1`);
    await first.add(deadLetter('k', 3));
    await first.close();
    const second = await DeadLetters.open({ path, owner: { ...OWNER, id: 'restarted' }, resume: null });
    expect(second.setAside).toBe(`${path}.2`);
    await second.close();
    expect([path, `${path}.1`, `${path}.2`].map((name) => deadLetterNames(readFileSync(name)))).toEqual([
      ...[[], ['k:1'], ['k:3']],
    ]);
  });

  it.each([
    { name: 'a text', content: 'my thesis\n' },
    { name: 'a text of one unfinished line', content: 'my thesis' },
    { name: 'JSON lines of others', content: '{"a":1}\n' },
  ])('never moves $name out of its way', async ({ content }) => {
    const path = join(folder, 'dead.jsonl');
    writeFileSync(path, content);
    const error = await failureOf(DeadLetters.open({ path, owner: OWNER, resume: null }));
    expect([error.exitCode, error.message]).toEqual([2, expect.stringContaining('is not a dead letter')]);
    expect([readdirSync(folder), readFileSync(path, 'utf8')]).toEqual([['dead.jsonl'], content]);
  });

  it('removes no draft and no note of others beside it', async () => {
    const path = join(folder, 'dead.jsonl');
    writeFileSync(`${path}.run`, 'my notes');
    const error = await failureOf(DeadLetters.open({ path, owner: OWNER, resume: null }));
    expect([error.exitCode, error.message]).toEqual([2, expect.stringContaining(`${path}.run`)]);
    rmSync(`${path}.run`);
    writeFileSync(path, fileOf(1, 0));
    writeFileSync(`${path}.new`, 'my draft');
    const resume = { covers: coversEven, count: 1 };
    const other = await failureOf(DeadLetters.open({ path, owner: OWNER, resume }));
    expect([other.code, other.message]).toEqual([
      'MILLRACE_DEAD_LETTER',
      expect.stringContaining('in the way'),
    ]);
    expect([readFileSync(`${path}.new`, 'utf8'), readFileSync(path, 'utf8')]).toEqual([
      'my draft',
      fileOf(1, 0),
    ]);
  });

  it('is refused to a second process while the first one works, and then to every other run', async () => {
    const path = join(folder, 'dead.jsonl');
    const other = { id: 'other', run: 'b-1', journal: '/run/b.journal' };
    const deadLetters = await DeadLetters.open({ path, owner: OWNER, resume: null });
    const locked = await failureOf(DeadLetters.open({ path, owner: other, resume: null }));
    expect([locked.code, locked.exitCode, locked.message]).toEqual([
      ...['MILLRACE_DEAD_LETTER', 2, expect.stringContaining(`process ${process.pid} is working with it`)],
    ]);
    await deadLetters.add(deadLetter('k', 2));
    await deadLetters.close();
    const before = readFileSync(path, 'utf8');
    for (const resume of [null, { covers: () => false, count: 0 }]) {
      const error = await failureOf(DeadLetters.open({ path, owner: other, resume }));
      expect([error.code, error.exitCode, error.message]).toEqual([
        ...[
          'MILLRACE_DEAD_LETTER',
          2,
          expect.stringContaining(`the run ${OWNER.run} (journal ${OWNER.journal})`),
        ],
      ]);
    }
    expect([readFileSync(path, 'utf8'), readdirSync(folder).sort()]).toEqual([
      ...[before, ['dead.jsonl', 'dead.jsonl.run']],
    ]);
  });

  it('ends with exit 3 on a full device, and may be a device that keeps nothing', async () => {
    const full = await DeadLetters.open({ path: '/dev/full', owner: OWNER, resume: null });
    await full.add(deadLetter('k', 1));
    const error = await failureOf(full.flush());
    expect([error.code, error.exitCode, error.message.includes('the disk is full (ENOSPC)')]).toEqual([
      'MILLRACE_DEAD_LETTER',
      3,
      true,
    ]);
    expect(() => full.add(deadLetter('k', 2))).toThrow(error);
    await full.close();
    const none = await DeadLetters.open({
      path: '/dev/null',
      owner: OWNER,
      resume: { covers: () => true, count: 5 },
    });
    await none.add(deadLetter('k', 1));
    await none.close();
    expect(none.count).toBe(6);
  });
});

describe('at resume', () => {
  it.each([
    { name: 'nothing when all is covered', content: fileOf(0, 2, 4), count: 3, left: [0, 2, 4], removed: 0 },
    { name: 'the uncovered end', content: fileOf(0, 2, 5, 7), count: 2, left: [0, 2], removed: 2 },
    {
      name: 'a torn end',
      content: fileOf(0, 2) + fileOf(4).slice(0, -1),
      count: 2,
      left: [0, 2],
      removed: 0,
    },
    {
      name: 'uncovered letters between covered ones',
      content: fileOf(1, 0, 3, 2, 5),
      count: 2,
      left: [0, 2],
      removed: 3,
    },
    { name: 'everything when nothing is covered', content: fileOf(1, 3), count: 0, left: [], removed: 2 },
    {
      name: 'a line of zeros that a loss of power left',
      content: `${fileOf(0)}${'\0'.repeat(40)}\n${fileOf(2)}`,
      count: 2,
      left: [0, 2],
      removed: 1,
    },
    {
      name: 'a line whose end was lost, with the next one behind it',
      content: `${fileOf(0)}{"bucket":"b","ke{"bucket":"b"}\n`,
      count: 1,
      left: [0],
      removed: 1,
    },
    { name: 'nothing from an empty file', content: '', count: 0, left: [], removed: 0 },
  ])('takes out $name', async ({ content, count, left, removed }) => {
    const disk = new MemoryDisk();
    disk.put(DEAD_LETTERS, content);
    await writeOwner(disk, DEAD_LETTERS, OWNER);
    const deadLetters = await DeadLetters.open({
      path: DEAD_LETTERS,
      files: disk,
      owner: OWNER,
      lock: noLock,
      resume: { covers: coversEven, count },
    });
    expect([deadLetters.count, deadLetters.removed]).toEqual([left.length, removed]);
    await deadLetters.add(deadLetter('k', 99));
    await deadLetters.close();
    expect(deadLetterNames(disk.content(DEAD_LETTERS))).toEqual(
      [...left, 99].map((offset) => `k:${offset}`).sort(),
    );
    expect(disk.paths).toEqual([DEAD_LETTERS, ownerPathOf(DEAD_LETTERS)]);
  });

  it('keeps letters that the journal does not know, where the file says nothing about its run: two runs of an older version shared it', async () => {
    const disk = new MemoryDisk();
    const content = fileOf(0, 1, 2, 3);
    disk.put(DEAD_LETTERS, content);
    const options = { path: DEAD_LETTERS, files: disk, lock: noLock };
    const resume = { covers: coversEven, count: 2 };
    const deadLetters = await DeadLetters.open({ ...options, owner: OWNER, resume });
    expect([deadLetters.count, deadLetters.removed, deadLetters.setAside]).toEqual([
      2,
      2,
      `${DEAD_LETTERS}.1`,
    ]);
    await deadLetters.close();
    expect(disk.content(`${DEAD_LETTERS}.1`)!.toString()).toBe(content);
    // The other run is told, and finds its own dead letters in the copy.
    const other = { id: 'other', run: 'b-1', journal: '/run/b.journal' };
    const odd = { covers: (place: DeadLetterPlace) => !coversEven(place), count: 2 };
    const error = await failureOf(DeadLetters.open({ ...options, owner: other, resume: odd }));
    expect(error.message).toContain(`the run ${OWNER.run}`);
    const found = await DeadLetters.open({
      ...options,
      path: `${DEAD_LETTERS}.1`,
      owner: other,
      resume: odd,
    });
    expect(found.count).toBe(2);
    // From now on it is known whose they are, and what is done again goes without a copy.
    disk.put(DEAD_LETTERS, fileOf(0, 2, 5));
    const again = await DeadLetters.open({ ...options, owner: OWNER, resume });
    expect([again.count, again.removed, again.setAside]).toEqual([2, 1, null]);
  });

  it.each([
    {
      name: 'letters are missing',
      content: fileOf(0, 1),
      count: 2,
      says: /counts 2 rejects, the file holds 1/,
    },
    { name: 'the file is gone', content: null, count: 1, says: /counts 1 rejects, the file holds 0/ },
    { name: 'it is another JSONL file', content: '{"a":1}\n', count: 0, says: /line 1 is not a dead letter/ },
    {
      name: 'it is a text',
      content: `${fileOf(0)}my thesis\n`,
      count: 1,
      says: /line 2 is not a dead letter/,
    },
    { name: 'a line is JSON null', content: 'null\n', count: 0, says: /line 1 is not a dead letter/ },
  ])('refuses the file and leaves it as it is when $name', async ({ content, count, says }) => {
    const disk = new MemoryDisk();
    if (content !== null) disk.put(DEAD_LETTERS, content);
    const error = await failureOf(
      DeadLetters.open({
        path: DEAD_LETTERS,
        files: disk,
        owner: OWNER,
        lock: noLock,
        resume: { covers: coversEven, count },
      }),
    );
    expect([error.code, error.exitCode, says.test(error.message)]).toEqual(['MILLRACE_DEAD_LETTER', 2, true]);
    expect(disk.content(DEAD_LETTERS)!.toString()).toBe(content ?? '');
  });
});

it('asks its giver to wait as soon as more than the buffer holds, and not before', async () => {
  const disk = new MemoryDisk();
  const bytes = fileOf(10).length;
  const deadLetters = await DeadLetters.open({
    path: DEAD_LETTERS,
    files: disk,
    owner: OWNER,
    lock: noLock,
    resume: null,
    payload: false,
    bufferBytesMax: 2 * bytes,
  });
  expect(deadLetters.add(deadLetter('k', 10))).toBeUndefined();
  expect(deadLetters.add(deadLetter('k', 11))).toBeUndefined();
  const wait = deadLetters.add(deadLetter('k', 12));
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(deadLetterNames(disk.content(DEAD_LETTERS))).toEqual(['k:10', 'k:11', 'k:12']);
});

it('costs no call when there is nothing to flush', async () => {
  const disk = new MemoryDisk();
  const deadLetters = await DeadLetters.open({
    path: DEAD_LETTERS,
    files: disk,
    owner: OWNER,
    lock: noLock,
    resume: null,
  });
  const before = disk.calls;
  await deadLetters.flush();
  expect(disk.calls).toBe(before);
});
