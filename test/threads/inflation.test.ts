/** Inflation: what is stored as one object or piece by piece, in one call or as a stream, is the same lines; damage concerns one object. */
import { MessageChannel } from 'node:worker_threads';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../src/limits.ts';
import { WHOLE_BYTES_MAX, WHOLE_CONTENT_BYTES_MAX } from '../../src/source/decompress.ts';
import { Inflation } from '../../src/threads/inflation.ts';
import type { RawPiece, RejectedLine, StreamInput, StreamOutput } from '../../src/threads/parse-setup.ts';

type Kind = 'gzip' | 'zstd';
const CHECKED = { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } };
const pack = (kind: Kind, content: Uint8Array) =>
  kind === 'gzip' ? zlib.gzipSync(content) : zlib.zstdCompressSync(content, CHECKED);
const LINE_BYTES_MAX = 2 * ENGINE.blockBytes;

/** Pieces of stored bytes in one shared memory, as the downloads leave them; and what the scanner and the letters are given. */
function open(stored: readonly Uint8Array[]) {
  const memory = new SharedArrayBuffer(stored.reduce((sum, { length }) => sum + length, 0));
  let byteOffset = 0;
  const pieces = stored.map((bytes, unit): RawPiece => {
    new Uint8Array(memory).set(bytes, byteOffset);
    const piece = { buffer: null, byteOffset, length: bytes.length, objectOffset: 0, unit, coordinate: 'c' };
    byteOffset += bytes.length;
    return piece;
  });
  const scanned = new Map<number, { from: number; text: string }>();
  const rejected: RejectedLine[] = [];
  const inflation = new Inflation(
    { lineBytesMax: LINE_BYTES_MAX, memory },
    (bytes, start, end, objectOffset, tally) => {
      const before = scanned.get(tally.unit) ?? { from: objectOffset, text: '' };
      const text = before.text + Buffer.from(bytes.subarray(start, end)).toString('latin1');
      scanned.set(tally.unit, { from: before.from, text });
      tally.endOffset = objectOffset + (end - start);
    },
    (line) => rejected.push(line),
  );
  const texts = () => [...scanned].sort(([one], [other]) => one - other).map(([, { text }]) => text);
  return { inflation, pieces, rejected, scanned, texts };
}

async function runWhole(kind: Kind, stored: readonly Uint8Array[], fromOffsets = stored.map(() => 0)) {
  const opened = open(stored);
  const { inflation, pieces } = opened;
  const tallies = await inflation.runWhole({ kind: 'whole', sequence: 0, format: kind, pieces, fromOffsets });
  return { ...opened, errors: tallies.map(({ error }) => error), tallies };
}

/**
 * Sends the pieces over a port as the main thread does.
 * @param isWhole False gives the object up behind the last piece.
 * @returns Also the tallies that came back over it.
 */
async function runStream(kind: Kind, stored: readonly Uint8Array[], fromOffset = 0, isWhole = true) {
  const opened = open(stored);
  const { port1, port2 } = new MessageChannel();
  const output: StreamOutput[] = [];
  const over = new Promise<void>((resolve) => {
    port1.on('message', (message: StreamOutput) => {
      output.push(message);
      if (message.kind === 'end') resolve();
    });
  });
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
    fromOffset,
    coordinate: 'c',
  } as const;
  await opened.inflation.runStream(task);
  await over;
  port1.close();
  const tallies = output.flatMap((message) => (message.kind === 'tally' ? [message.tally] : []));
  return { ...opened, tallies, errors: tallies.map(({ error }) => error) };
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
    expect(stream.tallies.map(({ unit }) => unit)).toEqual([0, 1]);
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
    const isDamaged = expect.stringMatching(/^Cannot decompress the (gzip|zstd) data: /);
    expect(errors).toEqual([null, isDamaged, isDamaged, isDamaged, null]);
    expect([scanned.get(0)?.text, scanned.get(4)?.text]).toEqual(['1\n2\n', '1\n2\n']);
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
      const whole = await runWhole(kind, [stored], [from]);
      const stream = await runStream(kind, halves(stored), from);
      expect([whole.scanned.get(0), whole.errors]).toEqual([{ from, text: rest }, [null]]);
      expect([stream.texts().join(''), stream.errors]).toEqual([rest, [null, null]]);
    }
  });

  it('counts only whole lines of what is given up, and calls that no error', async () => {
    const stored = ['1\n22\n3', '33\n4444'].map((half) => pack(kind, Buffer.from(half)));
    const between = await runStream(kind, stored.slice(0, 1), 0, false);
    const within = await runStream(kind, [stored[0]!, stored[1]!.subarray(0, 10)], 0, false);
    for (const { tallies, texts, errors } of [between, within]) {
      expect('1\n22\n').toContain(texts().join(''));
      expect(tallies.at(-1)?.endOffset).toBe(texts().join('').length);
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
        { code: 'RECORD_TOO_LARGE', objectOffset: 2, length: LINE_BYTES_MAX + 1, unit: 0 },
      ]);
    }
  });
});

it('refuses a bomb, however small it is stored', async () => {
  const bomb = pack('gzip', Buffer.alloc(40 << 20));
  expect(bomb.length).toBeLessThan(WHOLE_BYTES_MAX);
  const { errors } = await runWhole('gzip', [bomb, pack('gzip', Buffer.from('1'))]);
  expect(errors).toEqual([expect.stringContaining('over 200 times its size'), null]);
});
