/** LineCutter: every line belongs to exactly one segment, wherever the seams fall. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CutBuffer,
  type CutTarget,
  LineCutter,
  OVERSIZE_HEAD_BYTES,
  type OversizeLine,
} from '../../src/source/line-cutter.ts';

interface Line {
  offset: number;
  text: string;
}

/** Gives blocks when it pleases, as a slot whose quota is used up does, and reuses their memory as soon as it may. */
class TestTarget implements CutTarget<CutBuffer> {
  position = 0;
  readonly pieces: { offset: number; text: string; big: boolean }[] = [];
  readonly oversized: OversizeLine[] = [];
  #open: CutBuffer | null = null;
  placedBytes = 0;
  #bigInUse = false;
  #refusals = 0;
  readonly blockBytes: number;
  readonly refuseEvery: number;
  constructor(blockBytes: number, refuseEvery = 0) {
    this.blockBytes = blockBytes;
    this.refuseEvery = refuseEvery;
  }
  open(): CutBuffer | null {
    if (this.#open === null && !this.#refuses()) this.#open = { bytes: new Uint8Array(this.blockBytes) };
    return this.#open;
  }
  place(): Uint8Array | null {
    const block = this.open();
    return block !== null && this.position < block.bytes.length ? block.bytes.subarray(this.position) : null;
  }
  close(): void {
    this.#open?.bytes.fill(0x21); // whoever still reads it sees exclamation marks
    this.#open = null;
    this.position = 0;
  }
  big(bytes: number): CutBuffer | null {
    if (!this.#bigInUse && this.#refuses()) return null;
    this.#bigInUse = true;
    return { bytes: new Uint8Array(bytes) };
  }
  dropBig(): void {}
  emit(buffer: CutBuffer, start: number, end: number, offset: number): void {
    const text = Buffer.from(buffer.bytes.subarray(start, end)).toString('latin1');
    this.pieces.push({ offset, text, big: buffer !== this.#open });
    if (buffer !== this.#open) this.#bigInUse = false;
  }
  oversize(line: OversizeLine): void {
    this.oversized.push(line);
    this.#bigInUse = false;
  }
  #refuses(): boolean {
    return this.refuseEvery > 0 && ++this.#refusals % this.refuseEvery === 0;
  }
}

function linesOf(text: string, offset: number): Line[] {
  const lines: Line[] = [];
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline + 1;
    lines.push({ offset: offset + at, text: text.slice(at, end) });
    at = end;
  }
  return lines;
}

interface Cut {
  content: string;
  segmentBytes: number;
  blockBytes: number;
  chunkBytes: readonly number[];
  lineBytesMax: number;
  refuseEvery?: number;
  /** Bytes are received where the cutter will want them, if it knows. */
  isPlaced?: boolean;
}

/** Runs every segment of `content`, one after the other through one target, and lists what came out in order. */
function cut({
  content,
  segmentBytes,
  blockBytes,
  chunkBytes,
  lineBytesMax,
  refuseEvery,
  isPlaced = false,
}: Cut) {
  const bytes = Buffer.from(content, 'latin1');
  const target = new TestTarget(blockBytes, refuseEvery);
  let draws = 0;
  for (let start = 0; start < bytes.length; start += segmentBytes) {
    const end = Math.min(start + segmentBytes, bytes.length);
    const cutter = new LineCutter({ start, end, lineBytesMax }, target);
    let at = Math.max(0, start - 1);
    let stalls = 0;
    while (!cutter.done && at < bytes.length) {
      const size = chunkBytes[draws++ % chunkBytes.length]!;
      const chunk = bytes.subarray(at, Math.min(at + size, bytes.length));
      const place = isPlaced ? cutter.place() : null;
      const received = place?.subarray(0, chunk.length) ?? chunk;
      if (place !== null) received.set(chunk.subarray(0, received.length));
      if (place !== null) target.placedBytes += received.length;
      const taken = cutter.write(received);
      at += taken;
      stalls = taken === 0 ? stalls + 1 : 0;
      if (stalls > 5) throw new Error(`no progress at ${at}`);
    }
    for (let tries = 0; !cutter.done && !cutter.end(); tries++)
      if (tries > 5) throw new Error('end() never ends');
    expect(cutter.done).toBe(true);
  }
  return target;
}

describe('LineCutter', () => {
  it.each([
    { name: 'cuts lines shorter than a segment', content: 'a\nbb\nccc\ndddd\n', segmentBytes: 5 },
    { name: 'cuts lines as long as a segment', content: 'aaaa\nbbbb\ncccc\n', segmentBytes: 5 },
    { name: 'cuts lines longer than a segment', content: 'aaaaaaaaaaaa\nb\ncccccccccc\n', segmentBytes: 3 },
    {
      name: 'keeps CRLF together when the seam is between its bytes',
      content: 'abc\r\ndef\r\n',
      segmentBytes: 4,
    },
    { name: 'keeps CRLF together when the seam is behind it', content: 'abc\r\ndef\r\n', segmentBytes: 5 },
    { name: 'gives the last line without newline', content: 'a\nb\nlast', segmentBytes: 4 },
    { name: 'gives an object of newlines only', content: '\n\n\n\n\n', segmentBytes: 2 },
    { name: 'gives a single byte', content: 'x', segmentBytes: 1 },
    { name: 'gives one line of many segments to the first', content: 'x'.repeat(50), segmentBytes: 3 },
  ])('$name', ({ content, segmentBytes }) => {
    for (const blockBytes of [4, 16, 64]) {
      const target = cut({ content, segmentBytes, blockBytes, chunkBytes: [1, 3, 7], lineBytesMax: 64 });
      expect(target.pieces.flatMap((piece) => linesOf(piece.text, piece.offset))).toEqual(
        linesOf(content, 0),
      );
    }
  });

  it('gives segments that own no line nothing', () => {
    const target = cut({
      content: `${'x'.repeat(20)}\ny\n`,
      segmentBytes: 4,
      blockBytes: 64,
      chunkBytes: [8],
      lineBytesMax: 64,
    });
    expect(target.pieces.map(({ offset, text }) => ({ offset, text }))).toEqual([
      { offset: 0, text: `${'x'.repeat(20)}\n` },
      { offset: 21, text: 'y\n' },
    ]);
  });

  it.each([
    { name: 'keeps a line of exactly lineBytesMax', length: 64, oversize: 0 },
    { name: 'reports a line one byte longer as oversize', length: 65, oversize: 1 },
  ])('$name', ({ length, oversize }) => {
    for (const ending of ['\n', '']) {
      const content = `a\n${'x'.repeat(length)}${ending}${ending ? 'b\n' : ''}`;
      const target = cut({ content, segmentBytes: 1000, blockBytes: 16, chunkBytes: [5], lineBytesMax: 64 });
      expect(target.oversized.length).toBe(oversize);
      if (oversize === 1) {
        expect(target.oversized[0]).toMatchObject({ objectOffset: 2, length });
        expect(target.pieces.map((piece) => piece.text).join('')).toBe(ending ? 'a\nb\n' : 'a\n');
      }
    }
  });

  it('is given most bytes where it will want them, by whoever asks it for the place', () => {
    const content = 'abcdefg\n'.repeat(1000);
    const sizes = { segmentBytes: 4000, blockBytes: 512, chunkBytes: [100], lineBytesMax: 512 };
    const target = cut({ content, ...sizes, isPlaced: true });
    expect(target.pieces.map(({ text }) => text).join('')).toBe(content);
    expect(target.placedBytes).toBeGreaterThan(0.9 * content.length);
  });

  it('keeps the first 64 KiB of an oversize line', () => {
    const content = `${'h'.repeat(OVERSIZE_HEAD_BYTES)}${'t'.repeat(100_000)}\n`;
    const [line] = cut({
      content,
      segmentBytes: 1e6,
      blockBytes: 4096,
      chunkBytes: [9999],
      lineBytesMax: 8192,
    }).oversized;
    expect([line?.length, Buffer.from(line!.head).toString()]).toEqual([
      165_536,
      'h'.repeat(OVERSIZE_HEAD_BYTES),
    ]);
  });

  it('gives exactly the lines of a simple reader, whatever the segments, blocks and chunks', () => {
    const lineArb = fc.oneof(
      { weight: 6, arbitrary: fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', '\r', '{', ' ') }) },
      { weight: 2, arbitrary: fc.nat({ max: 90 }).map((length) => 'z'.repeat(length)) },
      { weight: 1, arbitrary: fc.constant('') },
    );
    fc.assert(
      fc.property(
        fc.record({
          lines: fc.array(lineArb, { maxLength: 40 }),
          finalNewline: fc.boolean(),
          segmentBytes: fc.integer({ min: 1, max: 60 }),
          blockBytes: fc.integer({ min: 2, max: 40 }),
          extraBytes: fc.nat({ max: 60 }),
          chunkBytes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
          refuseEvery: fc.constantFrom(0, 2, 3, 7),
          isPlaced: fc.boolean(),
        }),
        ({ lines, finalNewline, extraBytes, ...rest }) => {
          const content = lines.join('\n') + (finalNewline ? '\n' : '');
          const lineBytesMax = rest.blockBytes + extraBytes;
          const target = cut({ ...rest, content, lineBytesMax });
          const all = linesOf(content, 0);
          const isKept = (line: Line) => line.text.replace(/\n$/, '').length <= lineBytesMax;
          expect(target.pieces.flatMap((piece) => linesOf(piece.text, piece.offset))).toEqual(
            all.filter(isKept),
          );
          expect(
            target.oversized.map((line) => ({ offset: line.objectOffset, length: line.length })),
          ).toEqual(
            all
              .filter((line) => !isKept(line))
              .map(({ offset, text }) => ({ offset, length: text.replace(/\n$/, '').length })),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});
