/** Inflation: what is stored as one object or piece by piece, in one call or as a stream, is the same lines; damage concerns one object. */
import { isDeepStrictEqual } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../src/base/limits.ts';
import { WHOLE_BYTES_MAX, WHOLE_CONTENT_BYTES_MAX } from '../../src/inflate/decompress.ts';
import { Inflation } from '../../src/parse/inflation.ts';
import type {
  Delivered,
  GivenLines,
  PieceError,
  RawPiece,
  RejectedLine,
  StreamInput,
} from '../../src/parse/setup.ts';
import { createParseShared } from '../../src/parse/setup.ts';
import type { LineRun, LineSource } from '../../src/parse/slice-cut.ts';
import { createSpareMemory, SpareBlocks } from '../../src/parse/spare-blocks.ts';
import type { Range } from '../../src/ring/ranges.ts';

type Kind = 'gzip' | 'zstd';
const CHECKED = { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } };
const pack = (kind: Kind, content: Uint8Array) =>
  kind === 'gzip' ? zlib.gzipSync(content) : zlib.zstdCompressSync(content, CHECKED);
const LINE_BYTES_MAX = 2 * ENGINE.blockBytes;

/** What the slicer is told, piece by piece. */
class Recorder {
  readonly scanned = new Map<number, { from: number; text: string }>();
  readonly rejected: RejectedLine[] = [];
  readonly ends: { piece: number; error: PieceError | null; state: string }[] = [];
  /** Offset behind the last line. */
  reached = 0;
  /** Ranges that were given to another parser, and blocks of theirs that it still has: both of them until this one has scanned itself. */
  readonly given: Range[] = [];
  readonly spare = new SpareBlocks(createSpareMemory(2));
  readonly #held: number[] = [];
  scan({ piece }: LineSource, { bytes, from, end, objectOffset }: LineRun): void {
    const before = this.scanned.get(piece) ?? { from: objectOffset, text: '' };
    const text = before.text + Buffer.from(bytes.subarray(from, end)).toString('latin1');
    this.scanned.set(piece, { from: before.from, text });
    this.reached = objectOffset + (end - from);
    for (const block of this.#held.splice(0)) this.spare.giveBack(block);
  }
  scanValues(): number {
    throw new Error('these objects have lines');
  }
  rejectOversize(line: RejectedLine, _start: number, end: number): void {
    this.rejected.push(line);
    this.reached = end;
  }
  readonly findings = {
    endPiece: (piece: number, error: PieceError | null, state: string) => {
      this.ends.push({ piece, error, state });
    },
    flush: () => {},
    give: (piece: number, block: number, lines: readonly GivenLines[]) => {
      const { bytes } = this.spare.at(block);
      const held = this.#held.splice(0);
      for (const { start, end, ...range } of lines) {
        this.given.push([range.rangeStart, range.rangeEnd]);
        this.scan({ piece, coordinate: Buffer.from('c') }, { bytes, from: start, end, ...range });
      }
      this.#held.push(...held, block);
    },
  };
  isStopping(): boolean {
    return false;
  }
  isHeld(): boolean {
    return false;
  }
}

/** Pieces of stored bytes in one shared memory, as the downloads leave them; and what the scanner and the dead letters are given. */
function open(stored: readonly Uint8Array[]) {
  const memory = new SharedArrayBuffer(stored.reduce((sum, { length }) => sum + length, 0));
  let byteOffset = 0;
  const pieces = stored.map((bytes, number): RawPiece => {
    new Uint8Array(memory).set(bytes, byteOffset);
    const place = { buffer: null, byteOffset, length: bytes.length };
    byteOffset += bytes.length;
    return { ...place, objectOffset: 0, piece: number, coordinate: 'c' };
  });
  const recorder = new Recorder();
  const shared = createParseShared().buffer;
  const setup = { lineBytesMax: LINE_BYTES_MAX, memory, shared, windowBytes: 0, isOrdered: false, lanes: [] };
  recorder.spare.want(2);
  const inflation = new Inflation(setup, recorder, recorder.spare);
  const { scanned } = recorder;
  const texts = () => [...scanned].sort(([one], [other]) => one - other).map(([, { text }]) => text);
  return { inflation, pieces, recorder, texts };
}

type Opened = Pick<ReturnType<typeof open>, 'recorder' | 'texts'>;

/** What came of it. */
function outcomeOf({ recorder, texts }: Opened) {
  const { scanned, rejected, ends, reached, given } = recorder;
  return { scanned, rejected, ends, reached, given, texts, errors: ends.map(({ error }) => error) };
}

/** All before this offset has been delivered. */
function doneTo(offset: number): Delivered {
  return { done: offset === 0 ? [] : [[0, offset]], left: [] };
}

async function runWhole(kind: Kind, stored: readonly Uint8Array[], delivered = stored.map(() => doneTo(0))) {
  const opened = open(stored);
  const { inflation, pieces } = opened;
  await inflation.runWhole({ kind: 'whole', sequence: 0, format: kind, pieces, delivered });
  return outcomeOf(opened);
}

/**
 * Sends the pieces over a port as the main thread does.
 * @param isWhole False gives the object up behind the last piece.
 */
async function runStream(kind: Kind, stored: readonly Uint8Array[], delivered = doneTo(0), isWhole = true) {
  const alone = await runOneStream(kind, stored, delivered, { isWhole, mayGive: false });
  const helped = await runOneStream(kind, stored, delivered, { isWhole, mayGive: true });
  const seen = ({ texts, rejected, errors, ends, reached }: typeof alone) => {
    return { texts: texts(), rejected, errors, ends, reached };
  };
  expect(alone.given).toEqual([]);
  expect(isDeepStrictEqual(seen(helped), seen(alone)), 'help changes nothing').toBe(true);
  return helped;
}

async function runOneStream(
  kind: Kind,
  stored: readonly Uint8Array[],
  delivered: Delivered,
  { isWhole, mayGive }: { isWhole: boolean; mayGive: boolean },
) {
  const opened = open(stored);
  const { port1, port2 } = new MessageChannel();
  for (const [i, piece] of opened.pieces.entries()) {
    const isLast = isWhole && i === opened.pieces.length - 1;
    port1.postMessage({ kind: 'piece', piece, isLast } satisfies StreamInput);
  }
  if (!isWhole) port1.postMessage({ kind: 'abort' } satisfies StreamInput);
  const task = {
    kind: 'stream',
    sequence: 0,
    format: kind,
    port: port2,
    delivered,
    coordinate: 'c',
    mayGive,
  } as const;
  await opened.inflation.runStream(task);
  port1.close();
  return outcomeOf(opened);
}

function halves(bytes: Buffer): Buffer[] {
  return [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)];
}

describe.each<Kind>(['gzip', 'zstd'])('%s', (kind) => {
  const line = (bytes: number) => `"${'x'.repeat(bytes - 2)}"\n`;

  it.each([
    { name: 'short', lengths: [3, 4, 500] },
    { name: 'a block long', lengths: [-2, -1, 0, 1].map((more) => ENGINE.blockBytes + more) },
    {
      name: 'longer than a block, by turns',
      lengths: [3, ENGINE.blockBytes + 70, 3, ENGINE.blockBytes + 900],
    },
  ])('gives lines that are $name, whole or in pieces', async ({ lengths }) => {
    const text = lengths.map(line).join('').trimEnd();
    const stored = pack(kind, Buffer.from(text));
    const whole = await runWhole(kind, [stored]);
    const stream = await runStream(kind, halves(stored));
    expect([whole.errors, whole.texts().join('') === text]).toEqual([[null], true]);
    expect([stream.errors, stream.texts().join('') === text]).toEqual([[null, null], true]);
    expect(stream.ends.map(({ piece, state }) => [piece, state])).toEqual([
      [0, 'open'],
      [1, 'whole'],
    ]);
  });

  it('gives the same in one call as in a stream, at the limits of one call and beyond', async () => {
    // Content at the limit; one byte more; and more stored bytes than one call takes.
    const noise = Buffer.alloc(WHOLE_BYTES_MAX);
    for (let i = 0, seed = 1; i < noise.length; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      noise[i] = 32 + (seed >>> 25);
    }
    const most = Buffer.from(line(1024).repeat(WHOLE_CONTENT_BYTES_MAX / 1025)).subarray(0, -1);
    const contents = [most, Buffer.concat([most, Buffer.from('\n1')]), noise, Buffer.from('1')];
    const { errors, texts } = await runWhole(
      kind,
      contents.map((content) => pack(kind, content)),
    );
    expect(errors).toEqual([null, null, null, null]);
    expect(texts().map((text, i) => text === contents[i]!.toString('latin1'))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('says which object is damaged, and gives the others', async () => {
    const good = pack(kind, Buffer.from('1\n2\n'));
    const flipped = Buffer.from(pack(kind, Buffer.from(line(300))));
    flipped[flipped.length - 2]! ^= 1;
    const second = Buffer.from(good);
    second[0]! ^= 0xff;
    const stored = [good, good.subarray(0, -1), flipped, Buffer.concat([good, second]), good];
    const { errors, scanned } = await runWhole(kind, stored);
    const isDamaged = expect.objectContaining({
      why: expect.stringMatching(/^Cannot decompress the (gzip|zstd) data: /),
    });
    expect(errors).toEqual([null, isDamaged, isDamaged, isDamaged, null]);
    expect([0, 3, 4].map((slice) => scanned.get(slice)?.text)).toEqual(['1\n2\n', '1\n2\n', '1\n2\n']);
  });

  it('joins members, and passes on what was delivered before', async () => {
    const text = '1\n22\n333\n4444';
    const stored = Buffer.concat([
      pack(kind, Buffer.from(text.slice(0, 7))),
      pack(kind, Buffer.from(text.slice(7))),
    ]);
    for (const [from, rest] of [
      [0, text],
      [2, '22\n333\n4444'],
      [5, '333\n4444'],
      [9, '4444'],
    ] as const) {
      const whole = await runWhole(kind, [stored], [doneTo(from)]);
      const stream = await runStream(kind, halves(stored), doneTo(from));
      expect([whole.scanned.get(0), whole.errors]).toEqual([{ from, text: rest }, [null]]);
      expect([stream.texts().join(''), stream.errors]).toEqual([rest, [null, null]]);
    }
  });

  it('counts only whole lines of what is given up, and calls that no error', async () => {
    const stored = ['1\n22\n3', '33\n4444'].map((half) => pack(kind, Buffer.from(half)));
    const between = await runStream(kind, stored.slice(0, 1), doneTo(0), false);
    const within = await runStream(kind, [stored[0]!, stored[1]!.subarray(0, 10)], doneTo(0), false);
    for (const { ends, reached, texts, errors } of [between, within]) {
      expect('1\n22\n').toContain(texts().join(''));
      expect([reached, ends.at(-1)?.state]).toEqual([texts().join('').length, 'cut']);
      expect(errors.filter((error) => error !== null)).toEqual([]);
    }
    const whole = await runStream(kind, stored);
    expect([whole.texts().join(''), whole.errors]).toEqual(['1\n22\n333\n4444', [null, null]]);
  });

  it('keeps no line that is too long, but says where it was', async () => {
    const long = line(LINE_BYTES_MAX + 1);
    const stored = pack(kind, Buffer.from(`1\n${long}2\n`));
    for (const { texts, rejected, errors } of [
      await runWhole(kind, [stored]),
      await runStream(kind, [stored]),
    ]) {
      expect([texts(), errors]).toEqual([['1\n2\n'], [null]]);
      expect(rejected).toMatchObject([
        { code: 'RECORD_TOO_LARGE', objectOffset: 2, length: LINE_BYTES_MAX + 1, piece: 0 },
      ]);
    }
  });
});

describe.each<Kind>(['gzip', 'zstd'])('damaged %s', (kind) => {
  const line = (i: number) => `{"n":${i},"v":${(Math.imul(i, 2_654_435_761) >>> 0) * 7}}\n`;
  const linesOf = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => line(from + i)).join('');
  const one = linesOf(0, 20_000);
  const two = linesOf(20_000, 10_000);
  const first = pack(kind, Buffer.from(one));
  const second = pack(kind, Buffer.from(two));

  /** All lines and the word of the damage, however the stored bytes lie in blocks. */
  async function everyWay(stored: Buffer) {
    const results = [await runWhole(kind, [stored])];
    const sizes = [stored.length >> 1, 1000, 4096, 65_536, first.length, first.length - 1, first.length + 1];
    for (const bytes of sizes) {
      const pieces = [];
      for (let at = 0; at < stored.length; at += bytes) pieces.push(stored.subarray(at, at + bytes));
      results.push(await runStream(kind, pieces));
    }
    const found = results.map(({ texts, errors, reached }) => ({
      text: texts().join(''),
      error: errors.find((error) => error !== null) ?? null,
      reached,
    }));
    for (const other of found) expect(other).toEqual(found[0]);
    return found[0]!;
  }

  it.each([
    { name: 'one newline', tail: '\n' },
    { name: 'plain text', tail: linesOf(1, 3) },
  ])('behind which $name stands gives every line, all of them proven', async ({ tail }) => {
    const { text, error } = await everyWay(Buffer.concat([first, second, Buffer.from(tail)]));
    expect(text === one + two).toBe(true);
    const storedOffset = first.length + second.length;
    expect(error?.damage).toEqual({ storedOffset, offset: one.length + two.length, unprovenFrom: null });
  });

  it('that is cut gives every whole line in front of the cut, and says which of them are not proven', async () => {
    for (const cut of [10, 1000, second.length >> 1, second.length - 20, second.length - 1]) {
      const { text, error, reached } = await everyWay(
        Buffer.concat([first, second.subarray(0, second.length - cut)]),
      );
      expect([cut, (one + two).startsWith(text), text.endsWith('\n')]).toEqual([cut, true, true]);
      expect(text.length).toBeGreaterThanOrEqual(one.length);
      // All that the decoder can give: a tenth more than the cut took away, and one block of zstd.
      if (kind === 'gzip') expect(text.length).toBeGreaterThan(one.length + two.length - 12 * cut - 100);
      const unprovenFrom = text.length > one.length ? one.length : null;
      expect(error?.damage).toMatchObject({ offset: text.length, unprovenFrom });
      expect(reached).toBe(text.length);
    }
  });

  it('in which a bit is flipped gives what came in front of it, wherever blocks end', async () => {
    let found = 0;
    for (let i = 1; i < 12; i++) {
      const stored = Buffer.concat([first, second]);
      const at = first.length + Math.floor((i / 12) * second.length);
      stored[at]! ^= 1 << (i & 7);
      const { text, error } = await everyWay(stored);
      if (error === null) continue;
      found++;
      expect([i, text.startsWith(one)]).toEqual([i, true]);
      expect(error.damage?.unprovenFrom ?? one.length).toBe(one.length);
    }
    expect(found).toBeGreaterThan(8);
  });

  it('drops the line that was begun, and every longer one', async () => {
    const long = `"${'x'.repeat(ENGINE.blockBytes * 1.5)}"\n`;
    const noise = Array.from({ length: 400 }, (_, i) => line(i))
      .join('')
      .replaceAll('\n', ' ');
    for (const begun of [
      '{"a":',
      long.slice(0, -1),
      `${long}${noise}`,
      '"'.padEnd(LINE_BYTES_MAX + 9, 'y'),
    ]) {
      const whole = begun.includes('\n') ? long : '';
      const stored = Buffer.concat([pack(kind, Buffer.from(`1\n${begun}`)), Buffer.from('no member')]);
      const { texts, errors, rejected } = await runWhole(kind, [stored]);
      expect([texts().join('') === `1\n${whole}`, rejected]).toEqual([true, []]);
      expect(errors[0]?.damage?.offset).toBe(2 + whole.length);
    }
  });
});

it.each<{ kind: Kind; ratio: number }>([
  { kind: 'gzip', ratio: 300 },
  { kind: 'zstd', ratio: 10_000 },
])('takes honest $kind of a ratio over $ratio:1', async ({ kind, ratio }) => {
  const beat = '{"service":"orders","status":"up","at":"2026-01-01T00:00:00Z"}\n';
  const text = beat.repeat(600_000);
  const stored = pack(kind, Buffer.from(text));
  expect(text.length / stored.length).toBeGreaterThan(ratio);
  const { inflation, pieces, recorder } = open([stored]);
  let bytes = 0;
  recorder.scan = (_, { from, end }) => {
    bytes += end - from;
  };
  await inflation.runWhole({ kind: 'whole', sequence: 0, format: kind, pieces, delivered: [doneTo(0)] });
  expect([recorder.ends[0]?.error, bytes]).toEqual([null, text.length]);
});

it('gives of ranges that earlier processes have done nothing, and of those with records left only these', async () => {
  const text = '1\n22\n333\n4444\n55555\n';
  const { inflation, pieces, recorder } = open([pack('gzip', Buffer.from(text))]);
  const runs: { text: string; range: number[]; only: readonly number[] | null }[] = [];
  recorder.scan = (_, { bytes, from, end, rangeStart, rangeEnd, only }) => {
    const lines = Buffer.from(bytes.subarray(from, end)).toString();
    runs.push({ text: lines, range: [rangeStart, rangeEnd], only: only?.offsets ?? null });
  };
  const delivered = { done: [[2, 5]], left: [{ start: 9, end: 20, offsets: [14] }] } as const;
  await inflation.runWhole({ kind: 'whole', sequence: 0, format: 'gzip', pieces, delivered: [delivered] });
  expect(runs).toEqual([
    { text: '1\n', range: [0, 2], only: null },
    { text: '333\n', range: [5, 9], only: null },
    { text: '4444\n55555\n', range: [9, 20], only: [14] },
  ]);
});

describe('lines that are given to an idle parser', () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `{"n":${i},"v":"${'x'.repeat(i % 200)}"}\n`);
  const text = lines.join('');
  const stored = halves(pack('gzip', Buffer.from(text)));

  it('are all, in blocks, as long as there is a block for them; the others are scanned where they are', async () => {
    const { given, texts, reached } = await runStream('gzip', stored);
    expect([texts().join('') === text, reached]).toEqual([true, text.length]);
    const blocks = Math.ceil(text.length / ENGINE.blockBytes);
    expect(blocks).toBeGreaterThan(6);
    // Two of three, until the last one.
    expect(given.length).toBe(Math.ceil((blocks * 2) / 3));
    for (const [start, end] of given) {
      expect(end - start).toBeLessThanOrEqual(ENGINE.blockBytes);
      expect([start === 0 || text[start - 1] === '\n', text[end - 1]]).toEqual([true, '\n']);
    }
  });

  it('are cut where earlier processes have dealt with some of them, and blocks with nothing else are not given', async () => {
    const ends = [0.16, 0.2, 0.24, 0.9].map((share) => text.indexOf('\n', share * text.length) + 1);
    const [one, two, three, four] = ends as [number, number, number, number];
    const left = { start: two, end: three, offsets: [two] };
    const { given, texts } = await runStream('gzip', stored, { done: [[one, two], [three, four]], left: [left] }); // biome-ignore format: ranges
    const wanted = text.slice(0, one) + text.slice(two, three) + text.slice(four);
    expect(texts().join('') === wanted).toBe(true);
    expect(given.some(([start]) => start === two)).toBe(true);
    expect(given.filter(([start, end]) => end > three && start < four)).toEqual([]);
  });

  it('stay where they are when publishers are behind', async () => {
    const opened = open(stored);
    opened.recorder.isHeld = () => true;
    const { port1, port2 } = new MessageChannel();
    for (const [i, piece] of opened.pieces.entries())
      port1.postMessage({ kind: 'piece', piece, isLast: i === 1 } satisfies StreamInput);
    const about = { kind: 'stream', sequence: 0, format: 'gzip', coordinate: 'c', mayGive: true } as const;
    await opened.inflation.runStream({ ...about, port: port2, delivered: doneTo(0) });
    port1.close();
    expect([opened.recorder.given, opened.texts().join('') === text]).toEqual([[], true]);
  });
});
