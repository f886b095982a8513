/** Parse pool: which task a parse batch becomes, and when everything that was handed over is dealt with. The threads are a test's own. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { beforeEach, describe, expect, it } from 'vitest';
import { Accounting } from '../../src/accounting/accounting.ts';
import { MillraceError } from '../../src/base/errors.ts';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import type { Found, ParseTask, PieceEnd, RawPiece, SliceReceipt } from '../../src/parse/setup.ts';
import { createSpareMemory, SpareBlocks, type SpareMemory } from '../../src/parse/spare-blocks.ts';
import { ParsePool } from '../../src/run/parse-pool.ts';
import type { Block } from '../../src/source/block-pool.ts';
import type { Piece } from '../../src/source/delivery.ts';
import type { Format, Segment, SourceObject } from '../../src/source/object.ts';

let tasks: { task: ParseTask; done: PromiseWithResolvers<Found | null> }[];
let released: Block[];
let deadLetters: DeadLetter[];
let failures: MillraceError[];
let accounting: Accounting;
let pool: ParsePool;
let foundCount: number;
let freeCount: number;
let spareMemory: SpareMemory;

beforeEach(() => {
  [tasks, released, deadLetters, failures] = [[], [], [], []];
  accounting = new Accounting({
    ...{ journal: null, parserCount: 1, isDryRun: true },
    onDeadLetter: (deadLetter) => deadLetters.push(deadLetter),
    digestOf: () => ({ sumA: 0n, sumB: 0n }),
  });
  foundCount = 0;
  freeCount = 0;
  spareMemory = createSpareMemory(3);
  pool = new ParsePool({
    ...{ parserCount: 2, accounting, tellsPlaces: false, spare: new SpareBlocks(spareMemory) },
    onFound: () => foundCount++,
    onFree: () => freeCount++,
    onFailure: (error) => failures.push(error),
  });
  const run = (task: ParseTask) => {
    const done = Promise.withResolvers<Found | null>();
    tasks.push({ task, done });
    return done.promise;
  };
  pool.start({ run } as unknown as Piscina<ParseTask, Found | null>);
});

const objectOf = (key: string, size: number): SourceObject => ({
  ...{ bucket: 'b', key, etag: '"e"', size, lastModifiedMs: 0, storageClass: 'STANDARD' },
});
const segmentOf = (object: SourceObject, format: Format, start = 0, end = object.size): Segment => ({
  ...{ object, objectIndex: 0, index: 0, start, end, format, only: null },
});
const pieceOf = (segment: Segment, objectOffset: number, length: number, isLast = false): Piece => {
  const buffer = new SharedArrayBuffer(length);
  const block = {
    buffer,
    bytes: new Uint8Array(buffer),
    byteOffset: 0,
    index: 0,
    references: 1,
  } as unknown as Block;
  Object.assign(block, { slot: { release: (one: Block) => released.push(one) } });
  return { segment, block, start: 0, end: length, objectOffset, isLast };
};
const batch = (...pieces: Piece[]) =>
  pool.parseBatch({
    format: pieces[0]!.segment.format,
    pieces,
    bytes: pieces.reduce((n, p) => n + p.end, 0),
  });
const rawPieces = (index: number) => (tasks[index]!.task as { pieces: readonly RawPiece[] }).pieces;
const receiptOf = (piece: number, start: number, end: number, records: number): SliceReceipt => ({
  ...{ slice: piece, piece, start, end, bytes: end - start, lines: records, blank: 0, rejected: 0, records },
  ...{ filtered: 0, added: 0, recordBytes: end - start, codes: null, digestA: 0n, digestB: 0n },
});
const endOf = (piece: number, given: Partial<PieceEnd> = {}): PieceEnd => ({
  ...{ piece, error: null, state: 'open' },
  ...given,
});

describe('plain pieces', () => {
  it('stand for the object from where the one before ended, and not beyond their segment', () => {
    const segment = segmentOf(objectOf('k', 1_000), 'plain', 0, 500);
    pool.begin(segment);
    batch(pieceOf(segment, 0, 300));
    batch(pieceOf(segment, 300, 250));
    expect(tasks.map(({ task }) => task.kind)).toEqual(['plain', 'plain']);
    expect(rawPieces(0)).toMatchObject([{ rangeStart: 0, rangeEnd: 300, piece: 0 }]);
    expect(rawPieces(1)).toMatchObject([{ rangeStart: 300, rangeEnd: 500, piece: 1 }]);
  });

  it('have one coordinate an object, whatever task they travel in', () => {
    const [one, other] = [objectOf('one', 100), objectOf('other', 100)].map((o) => segmentOf(o, 'plain'));
    for (const segment of [one!, other!]) pool.begin(segment);
    batch(pieceOf(one!, 0, 50), pieceOf(other!, 0, 100));
    batch(pieceOf(one!, 50, 50));
    const [first, second] = rawPieces(0);
    expect(first!.coordinate).toMatch(/^[\w-]{11}$/);
    expect(rawPieces(1)[0]!.coordinate).toBe(first!.coordinate);
    expect(second!.coordinate).not.toBe(first!.coordinate);
  });

  it('give their block back when the parser has dealt with them, and the object is done with the last', () => {
    const segment = segmentOf(objectOf('k', 400), 'plain');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 400));
    pool.end(segment, null);
    pool.takeFound({ slices: [receiptOf(0, 0, 400, 4)], ends: [] });
    expect([released.length, accounting.counts.objectsDone]).toEqual([0, 0]);
    pool.takeFound({ slices: [], ends: [endOf(0)] });
    expect([released.length, accounting.counts.objectsDone, accounting.counts.tally.records]).toEqual([
      1, 1, 4,
    ]);
  });

  it('are dealt with by the answer to their task as well as by a message', async () => {
    const segment = segmentOf(objectOf('k', 400), 'plain');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 400));
    pool.end(segment, null);
    tasks[0]!.done.resolve({ slices: [receiptOf(0, 0, 400, 4)], ends: [endOf(0)] });
    await pool.idle();
    expect([released.length, accounting.counts.objectsDone, accounting.counts.tally.records]).toEqual([
      1, 1, 4,
    ]);
    expect(foundCount).toBe(1);
  });

  it('may gather while three tasks a parser are at work, and not when one of them has ended', async () => {
    const segment = segmentOf(objectOf('k', 600), 'plain');
    pool.begin(segment);
    expect(pool.isBusy).toBe(false);
    for (let i = 0; i < 6; i++) batch(pieceOf(segment, i * 100, 100));
    expect([pool.isBusy, freeCount]).toEqual([true, 0]);
    tasks[0]!.done.resolve(null);
    await expect.poll(() => freeCount, { timeout: 60_000 }).toBe(1);
    expect(pool.isBusy).toBe(false);
  });

  it('leave a range without a line to the accounting, where no piece stands for it', () => {
    const segment = segmentOf(objectOf('k', 100), 'plain');
    pool.begin(segment);
    pool.end(segment, null);
    expect([accounting.counts.objectsDone, accounting.counts.tally.lines]).toEqual([1, 0]);
  });

  it('skip a line that is too long for any of them, as a dead letter', () => {
    const segment = segmentOf(objectOf('k', 300), 'plain');
    pool.begin(segment);
    pool.oversize(segment, { objectOffset: 0, length: 299, head: Buffer.from('{"a') });
    pool.end(segment, null);
    expect(deadLetters.map(({ code, offset, length }) => [code, offset, length])).toEqual([
      ['RECORD_TOO_LARGE', 0, 299],
    ]);
    expect(accounting.counts.objectsDone).toBe(1);
  });
});

describe('compressed objects', () => {
  it('that fit one parse batch are one task', () => {
    const segments = ['one', 'two'].map((key) => segmentOf(objectOf(key, 60), 'gzip'));
    for (const segment of segments) pool.begin(segment);
    batch(...segments.map((segment) => pieceOf(segment, 0, 60, true)));
    expect(tasks.map(({ task }) => [task.kind, 'pieces' in task ? task.pieces.length : 0])).toEqual([
      ['whole', 2],
    ]);
    pool.takeFound({
      slices: [],
      ends: [endOf(0, { state: 'whole' }), endOf(1, { state: 'whole' })],
    });
    for (const segment of segments) pool.end(segment, null);
    expect([released.length, accounting.counts.objectsDone]).toEqual([2, 2]);
  });

  it('that do not fit travel over a port, piece by piece, which is closed with their task', async () => {
    const segment = segmentOf(objectOf('big', 100), 'gzip');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 60));
    const { task, done } = tasks[0]!;
    const port = (task as { port: MessagePort }).port;
    const got: unknown[] = [];
    port.on('message', (message: { kind: string; isLast?: boolean }) =>
      got.push([message.kind, message.isLast]),
    );
    batch(pieceOf(segment, 60, 40, true));
    expect(tasks.map((one) => one.task.kind)).toEqual(['stream']);
    const closed = once(port, 'close');
    done.resolve(null);
    await closed;
    expect(got).toEqual([
      ['piece', false],
      ['piece', true],
    ]);
  });

  it('whose download fails are told so, and nothing follows', async () => {
    const segment = segmentOf(objectOf('big', 100), 'zstd');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 60));
    const { task, done } = tasks[0]!;
    const port = (task as { port: MessagePort }).port;
    const got: string[] = [];
    port.on('message', (message: { kind: string }) => got.push(message.kind));
    pool.end(segment, new MillraceError('MILLRACE_OBJECT_UNREADABLE', 'it broke off'));
    const closed = once(port, 'close');
    done.resolve(null);
    await closed;
    expect(got).toEqual(['piece', 'abort']);
  });

  it('of which lines are given away are done behind the last of them, by what was inflated, and their blocks are free again', async () => {
    const blocks = new SpareBlocks(spareMemory);
    const segment = segmentOf(objectOf('big', 100 << 20), 'gzip');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 60));
    expect(tasks[0]!.task).toMatchObject({ kind: 'stream', mayGive: true });
    const { index, byteOffset } = blocks.take()!;
    const range = { rangeStart: 1000, rangeEnd: 1300 };
    const other = { ...range, rangeStart: 1500, rangeEnd: 1600, only: { offsets: [1510] } };
    pool.takeGiven(0, index, [
      { start: 0, end: 300, objectOffset: 1000, ...range, only: null },
      { start: 500, end: 600, objectOffset: 1500, ...other },
    ]);
    expect(tasks[1]!.task).toMatchObject({
      kind: 'plain',
      pieces: [
        { byteOffset, length: 300, objectOffset: 1000, ...range, only: null, isGiven: true, piece: 1 },
        { byteOffset: byteOffset + 500, length: 100, objectOffset: 1500, ...other, isGiven: true, piece: 2 },
      ],
    });
    pool.end(segment, null);
    const damage = { storedOffset: 50, offset: 1600, unprovenFrom: null };
    pool.takeFound({ slices: [], ends: [endOf(0, { state: 'whole', error: { why: 'broken', damage } })] });
    pool.takeFound({ slices: [receiptOf(1, 1000, 1300, 3)], ends: [endOf(1)] });
    expect([deadLetters.length, accounting.counts.objectsFailed, blocks.take()?.index]).toEqual([0, 0, 1]);
    tasks[1]!.done.resolve({ slices: [receiptOf(2, 1500, 1600, 1)], ends: [endOf(2)] });
    tasks[0]!.done.resolve(null);
    await pool.idle();
    expect(deadLetters).toMatchObject([{ code: 'OBJECT_UNREADABLE', damage }]);
    expect([accounting.counts.objectsFailed, accounting.counts.tally.records]).toEqual([1, 4]);
    expect(blocks.take()?.index).toBe(index);
  });

  it('that a parser cannot read are given up: what still comes of them is let go', () => {
    const segment = segmentOf(objectOf('bad', 100), 'gzip');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 100, true));
    pool.takeFound({
      slices: [],
      ends: [endOf(0, { error: { why: 'unexpected end of file', damage: null } })],
    });
    expect(deadLetters.map(({ code, message }) => [code, message])).toEqual([
      ['OBJECT_UNREADABLE', 'Cannot read s3://b/bad to its end: unexpected end of file'],
    ]);
    batch(pieceOf(segment, 50, 50));
    expect([tasks.length, released.length]).toEqual([1, 2]);
  });
});

describe('the pool', () => {
  it('is idle when every task has ended and every piece has been dealt with, in whatever order', async () => {
    const segment = segmentOf(objectOf('k', 100), 'plain');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 100));
    let isIdle = false;
    const idle = pool.idle().then(() => {
      isIdle = true;
    });
    tasks[0]!.done.resolve(null);
    await tasks[0]!.done.promise;
    await Promise.resolve();
    expect([isIdle, pool.taskCount]).toEqual([false, 1]);
    pool.takeFound({ slices: [], ends: [endOf(0)] });
    await idle;
    expect([isIdle, pool.taskCount]).toEqual([true, 0]);
  });

  it('takes nothing more once it is stopped, and gives every block back', () => {
    const segment = segmentOf(objectOf('k', 100), 'plain');
    pool.stop();
    pool.begin(segment);
    batch(pieceOf(segment, 0, 50), pieceOf(segment, 50, 50));
    pool.end(segment, null);
    expect([tasks.length, released.length, accounting.openObjects]).toEqual([0, 2, 0]);
  });

  it('says at which object and bytes a parser thread has failed', async () => {
    const segment = segmentOf(objectOf('k', 100), 'plain');
    pool.begin(segment);
    batch(pieceOf(segment, 0, 100));
    tasks[0]!.done.reject(new Error('it burst'));
    await tasks[0]!.done.promise.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures.map(({ code, message }) => [code, message])).toEqual([
      [
        'MILLRACE_WORKER',
        expect.stringMatching(/parser thread failed at s3:\/\/b\/k, bytes 0 to 100: it burst/),
      ],
    ]);
  });
});
