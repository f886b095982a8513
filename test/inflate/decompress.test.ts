/** Decompress: damage is never taken for an end. docs/RELIABILITY.md, rows 12 and 13. */
import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DamagedError } from '../../src/inflate/damage.ts';
import {
  type Decoders,
  decompress,
  decompressWhole,
  WHOLE_BYTES_MAX,
  WHOLE_CONTENT_BYTES_MAX,
} from '../../src/inflate/decompress.ts';
import { openNative } from '../../src/native/inflate.ts';
import { openPortable } from '../../src/native/inflate-portable.ts';
import { openFrameDecoder } from '../../src/native/unzstd.ts';

type Kind = 'gzip' | 'zstd';

/** Chunks in shared memory, as the engine gives them: what lies in front of one is not what came before it. */
async function* chunked(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    const shared = new Uint8Array(new SharedArrayBuffer(chunk.length + 8)).fill(0xaa);
    shared.set(chunk, 8);
    yield shared.subarray(8);
  }
}

/** @returns The content that came out, and the error that ended it. */
async function inflate(kind: Kind, bytes: Uint8Array, chunkBytes = 1 << 20, decoders?: Decoders) {
  const parts: Uint8Array[] = [];
  let error: DamagedError | null = null;
  try {
    // Parts are views of a buffer that is filled again.
    for await (const part of decompress(kind, chunked(bytes, chunkBytes), decoders)) parts.push(part.slice());
  } catch (thrown) {
    if (!(thrown instanceof DamagedError)) throw thrown;
    error = thrown;
  }
  return { content: Buffer.concat(parts), error };
}

const first = Buffer.from('{"first":1}\n'.repeat(40));
const second = Buffer.from('{"second":22}\n'.repeat(30));
const both = Buffer.concat([first, second]);
/** With a checksum: without one zstd cannot tell some damaged content from whole content. */
const CHECKED = { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } };
const pack: Record<Kind, (content: Uint8Array) => Buffer> = {
  gzip: (content) => zlib.gzipSync(content),
  zstd: (content) => zlib.zstdCompressSync(content, CHECKED),
};
const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')]);
/** Lines that compress as real ones do. */
function varied(seed: number, bytes: number): Buffer {
  let text = '';
  for (let i = 0, state = seed; text.length < bytes; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += `{"n":${i},"v":${state},"w":"${['north', 'south', 'east'][state % 3]}"}\n`;
  }
  return Buffer.from(text.slice(0, bytes));
}
const kinds: Kind[] = ['gzip', 'zstd'];
const chunkSizes = [1, 7, 1 << 20];

describe.each(kinds)('decompress %s', (kind) => {
  const one = pack[kind](first);
  const two = Buffer.concat([one, pack[kind](second)]);

  it.each(chunkSizes)('joins members or frames, in chunks of %i bytes', async (chunkBytes) => {
    expect(await inflate(kind, two, chunkBytes)).toEqual({ content: both, error: null });
  });

  it('gives back random content, whatever the members and chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 500 }),
        async (contents, chunkBytes) => {
          const result = await inflate(kind, Buffer.concat(contents.map(pack[kind])), chunkBytes);
          expect(result).toEqual({ content: Buffer.concat(contents), error: null });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('fails at every place where it can be cut, but between members', async () => {
    for (let length = 1; length < two.length; length++) {
      for (const chunkBytes of [5, 1 << 20]) {
        const { content, error } = await inflate(kind, two.subarray(0, length), chunkBytes);
        expect(both.subarray(0, content.length)).toEqual(content);
        expect([length, error?.code]).toEqual([
          length,
          length === one.length ? undefined : 'MILLRACE_OBJECT_UNREADABLE',
        ]);
        if (error !== null) expect(error.message).toContain(`${content.length} bytes of content came before`);
      }
    }
  });

  it('never ends cleanly with other content, whichever bit is flipped', async () => {
    let harmless = 0;
    let found = 0;
    for (let bit = 0; bit < two.length * 8; bit++) {
      const damaged = Buffer.from(two);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const { content, error } = await inflate(kind, damaged, bit % 2 === 0 ? 11 : 1 << 20);
      if (error !== null) found++;
      else {
        expect([bit, content.equals(both)]).toEqual([bit, true]);
        harmless++;
      }
      const whole = decompressWhole(kind, damaged);
      if (whole !== null) expect([bit, both.equals(whole)]).toEqual([bit, true]);
    }
    expect(found).toBeGreaterThan(500);
    expect(harmless).toBeLessThan(200); // time stamps and the like
  });

  it.each(chunkSizes)(
    'gives everything before other bytes behind the end, in chunks of %i',
    async (chunkBytes) => {
      for (const tail of ['x', 'hello world', '\n', '{"a":1}\n', '\x1f', '\x1f\x8b\x07']) {
        const { content, error } = await inflate(
          kind,
          Buffer.concat([two, Buffer.from(tail, 'latin1')]),
          chunkBytes,
        );
        expect([tail, content.equals(both), error?.code]).toEqual([tail, true, 'MILLRACE_OBJECT_UNREADABLE']);
        expect(error?.damage).toMatchObject({ offset: both.length, unprovenFrom: null });
      }
    },
  );

  it('gives the same content and the same word of the damage, however the damaged bytes are cut', async () => {
    const sound = Buffer.concat(
      [varied(1, kind === 'gzip' ? 60_000 : 300_000), varied(2, 9_000)].map(pack[kind]),
    );
    let found = 0;
    for (let i = 0; i < 40; i++) {
      const damaged = Buffer.from(sound);
      const bit = Math.floor((i / 40) * sound.length * 8) + (i % 8);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const cases = i % 4 === 0 ? [damaged, sound.subarray(0, 1 + (bit >> 3))] : [damaged];
      for (const bytes of cases) {
        const wanted = await inflate(kind, bytes);
        if (wanted.error === null) continue;
        found++;
        for (const chunkBytes of kind === 'gzip' ? [1, 3, 64, 1021] : [97, 1021, 4096]) {
          const { content, error } = await inflate(kind, bytes, chunkBytes);
          expect([i, chunkBytes, content.equals(wanted.content)]).toEqual([i, chunkBytes, true]);
          expect([error?.message, error?.damage]).toEqual([wanted.error.message, wanted.error.damage]);
        }
      }
    }
    expect(found).toBeGreaterThan(30);
  });

  it('calls members and frames proven that have ended with their checksum, and no others', async () => {
    const sizes = [one.length, two.length];
    for (const cut of [sizes[0]! + 20, two.length - 1]) {
      const { error } = await inflate(kind, two.subarray(0, cut));
      expect(error?.damage.unprovenFrom ?? first.length).toBe(first.length);
    }
    const tail = await inflate(kind, Buffer.concat([one, Buffer.from('tail')]));
    expect(tail.error?.damage).toEqual({
      storedOffset: one.length,
      offset: first.length,
      unprovenFrom: null,
    });
  });

  it('lets any ratio pass, and holds no more than a few chunks of it', async () => {
    const line = Buffer.from(`{"beat":1}\n`.repeat(1 << 20));
    const stored = pack[kind](Buffer.concat([line, line, line, line]));
    expect((4 * line.length) / stored.length).toBeGreaterThan(kind === 'gzip' ? 300 : 9000);
    let bytes = 0;
    let longest = 0;
    for await (const part of decompress(kind, chunked(stored, 1 << 20))) {
      bytes += part.length;
      longest = Math.max(longest, part.length);
    }
    expect([bytes, longest <= 256 * 1024]).toEqual([4 * line.length, true]);
  });

  it('throws on what the stored bytes throw', async () => {
    const away = new Error('away');
    async function* broken() {
      yield one.subarray(0, 20);
      throw away;
    }
    const run = async () => {
      for await (const _ of decompress(kind, broken()));
    };
    await expect(run()).rejects.toBe(away);
  });

  it('gives all content of a chunk before it asks for the next one', async () => {
    let given = 0;
    const seenAt: [number, number][] = [];
    async function* frames() {
      for (const part of [one, pack[kind](second)]) {
        given++;
        yield part;
      }
    }
    for await (const content of decompress(kind, frames())) seenAt.push([given, content.length]);
    expect(seenAt).toEqual([
      [1, first.length],
      [2, second.length],
    ]);
  });

  it.each([
    ['with the addon', {}],
    ['without it', { whole: null }],
  ])(
    'decompresses small whole objects in one call, or leaves them to the stream, %s',
    (_, decoders: Decoders) => {
      const whole = (stored: Uint8Array) => {
        const content = decompressWhole(kind, stored, decoders);
        return content === null ? null : Buffer.from(content);
      };
      expect(whole(one)).toEqual(first);
      expect(whole(Buffer.concat([one, Buffer.alloc(3)]))).toBe(null);
      expect(whole(one.subarray(0, -1))).toBe(null);
      const most = Buffer.alloc(WHOLE_CONTENT_BYTES_MAX);
      expect(whole(pack[kind](most))?.length).toBe(most.length);
      expect(whole(pack[kind](Buffer.concat([most, Buffer.from('x')])))).toBe(null);
      expect(whole(Buffer.alloc(WHOLE_BYTES_MAX + 1))).toBe(null);
      expect(whole(Buffer.alloc(0))).toBe(null);
      const both = whole(two);
      if (kind === 'gzip') expect(both).toEqual(Buffer.concat([first, second]));
      else expect([null, Buffer.concat([first, second])]).toContainEqual(both);
      // What one call gave is not mixed with the next.
      expect(whole(one)).toEqual(first);
    },
  );
});

describe('decompress', () => {
  it('proves nothing of zstd frames without a checksum', async () => {
    const frames = [zlib.zstdCompressSync(first), pack.zstd(second), Buffer.from('tail')];
    const { content, error } = await inflate('zstd', Buffer.concat(frames));
    expect([content.equals(both), error?.damage.unprovenFrom]).toEqual([true, 0]);
  });

  it('gives the same with the addon as without it, whatever is damaged', async () => {
    const natives = [openNative(), openNative(true)];
    expect(natives).not.toContain(null);
    const sound = Buffer.concat([varied(3, 20_000), varied(4, 500)].map(pack.gzip));
    for (let i = 0; i < 200; i++) {
      const damaged = Buffer.from(sound);
      damaged[Math.floor((i / 200) * sound.length)]! ^= 1 << (i & 7);
      const one = await inflate('gzip', damaged, 1000, { inflater: natives[i & 1]! });
      const other = await inflate('gzip', damaged, 1 << 20, { inflater: openPortable() });
      expect([i, one.content.equals(other.content)]).toEqual([i, true]);
      expect([one.error?.message, one.error?.damage]).toEqual([other.error?.message, other.error?.damage]);
    }
  });

  it('gives the same of zstd with the addon as with the decoder of Node, whatever is damaged and however it is cut', async () => {
    let opened = 0;
    const own: Decoders = {
      openFrame: () => {
        const decoder = openFrameDecoder();
        if (decoder !== null) opened++;
        return decoder;
      },
    };
    const sound = Buffer.concat([pack.zstd(varied(6, 300_000)), skippable, pack.zstd(varied(7, 2_000))]);
    let found = 0;
    for (let i = 0; i < 120; i++) {
      const damaged =
        i % 3 === 0
          ? Buffer.from(sound.subarray(0, 1 + Math.floor((i / 120) * sound.length)))
          : Buffer.from(sound);
      if (i % 3 !== 0) damaged[Math.floor((i / 120) * sound.length)]! ^= 1 << (i & 7);
      const one = await inflate('zstd', damaged, [97, 5_000, 1 << 20][i % 3], own);
      const other = await inflate('zstd', damaged, 1 << 20, { openFrame: () => null });
      expect([i, one.content.equals(other.content)]).toEqual([i, true]);
      expect([i, one.error?.message, one.error?.damage]).toEqual([
        i,
        other.error?.message,
        other.error?.damage,
      ]);
      if (one.error !== null) found++;
    }
    expect(opened).toBeGreaterThanOrEqual(120);
    expect(found).toBeGreaterThan(90);
  });

  it.each([
    ['those of the oldest processors', true],
    ['those of this one', false],
  ])('inflates all kinds of content, whatever room a step has, with %s instructions', (_, isPlain) => {
    const native = openNative(isPlain);
    expect(native).not.toBe(null);
    let state = 7;
    const random = Uint8Array.from({ length: 30_011 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    });
    const contents = {
      lines: varied(5, 400_000),
      far: Buffer.concat(Array.from({ length: 20 }, () => random)),
      near: Buffer.concat(Array.from({ length: 70 }, (_, i) => Buffer.alloc(997, random.subarray(0, i + 1)))),
      digits: Buffer.from(Buffer.from(random).toString('hex')),
      zeros: Buffer.alloc(300_000),
    };
    const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = zlib.constants;
    const options = [
      { level: 1 },
      {},
      { level: 9 },
      ...[Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE].map((strategy) => ({ strategy })),
    ];
    for (const [name, content] of Object.entries(contents))
      for (const [i, option] of options.entries())
        for (const roomBytes of [997, 33_000, 1 << 18]) {
          const stored = zlib.gzipSync(content, option);
          const output = new Uint8Array(roomBytes);
          const parts: Uint8Array[] = [];
          native!.reset();
          for (let at = 0, status = 'more'; status === 'more'; ) {
            const step = native!.step(stored.subarray(at), output);
            parts.push(output.slice(0, step.produced));
            at += step.consumed;
            status = step.status;
            expect([name, i, roomBytes, step.why]).toEqual([name, i, roomBytes, '']);
          }
          expect([name, i, roomBytes, Buffer.concat(parts).equals(content)]).toEqual([
            name,
            i,
            roomBytes,
            true,
          ]);
        }
  });

  it('gives the right content of objects with rare symbols, wherever their long codes are cut', async () => {
    let state = 9;
    // Half of all bytes are 0, a quarter 1, and so on: codes of up to 15 bits.
    const rare = Buffer.from(
      Uint8Array.from({ length: 60_000 }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.clz32(state);
      }),
    );
    const stored = zlib.gzipSync(rare, { strategy: zlib.constants.Z_HUFFMAN_ONLY });
    for (let chunkBytes = 17; chunkBytes < 80; chunkBytes++) {
      const { content, error } = await inflate('gzip', stored, chunkBytes);
      expect([chunkBytes, error?.message, content.equals(rare)]).toEqual([chunkBytes, undefined, true]);
    }
  });

  it.each(chunkSizes)('takes zeros behind gzip as padding, in chunks of %i bytes', async (chunkBytes) => {
    const padded = Buffer.concat([pack.gzip(first), Buffer.alloc(100)]);
    expect(await inflate('gzip', padded, chunkBytes)).toEqual({ content: first, error: null });
  });

  it.each(chunkSizes)('refuses a gzip member behind padding, in chunks of %i bytes', async (chunkBytes) => {
    const hidden = Buffer.concat([pack.gzip(first), Buffer.alloc(20), pack.gzip(second)]);
    expect((await inflate('gzip', hidden, chunkBytes)).error?.code).toBe('MILLRACE_OBJECT_UNREADABLE');
  });

  it.each(chunkSizes)('passes over skippable zstd frames, in chunks of %i bytes', async (chunkBytes) => {
    const bytes = Buffer.concat([skippable, pack.zstd(first), skippable, pack.zstd(second), skippable]);
    expect(await inflate('zstd', bytes, chunkBytes)).toEqual({ content: both, error: null });
  });
});
