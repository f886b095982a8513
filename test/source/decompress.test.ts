/** Decompress: damage is never taken for an end. RELIABILITY rows 12 and 13. */
import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/errors.ts';
import {
  type DecompressOptions,
  decompress,
  decompressWhole,
  RATIO_FREE_BYTES,
  WHOLE_BYTES_MAX,
  WHOLE_CONTENT_BYTES_MAX,
} from '../../src/source/decompress.ts';

type Kind = 'gzip' | 'zstd';

/** Chunks in shared memory, as the engine gives them. */
async function* chunked(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  for (let at = 0; at < bytes.length; at += chunkBytes) yield shared.subarray(at, at + chunkBytes);
}

/** @returns The content that came out, and the error that ended it. */
async function inflate(kind: Kind, bytes: Uint8Array, chunkBytes = 1 << 20, options: DecompressOptions = {}) {
  const parts: Uint8Array[] = [];
  let error: MillraceError | null = null;
  try {
    for await (const part of decompress(kind, chunked(bytes, chunkBytes), options)) parts.push(part);
  } catch (thrown) {
    if (!(thrown instanceof MillraceError)) throw thrown;
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

  it.each(chunkSizes)('refuses other bytes behind the end, in chunks of %i bytes', async (chunkBytes) => {
    for (const tail of ['x', 'hello world', '\n', '\0\0\0x']) {
      const { content, error } = await inflate(kind, Buffer.concat([one, Buffer.from(tail)]), chunkBytes);
      // What a decoder had made of the chunk it stumbled in is lost; what came out is right.
      expect(first.subarray(0, content.length)).toEqual(content);
      expect([tail, error?.code]).toEqual([tail, 'MILLRACE_OBJECT_UNREADABLE']);
    }
  });

  it('refuses a bomb long before its end, and lets the same content pass when told to', async () => {
    const bomb = pack[kind](Buffer.alloc(RATIO_FREE_BYTES * 4));
    const stopped = await inflate(kind, bomb, 1 << 20);
    expect(stopped.error?.message).toMatch(/over 200 times its size/);
    expect(stopped.content.length).toBeLessThan(RATIO_FREE_BYTES + 1024 * 1024);
    const passed = await inflate(kind, bomb, 1 << 20, { ratioMax: 1e6 });
    expect([passed.error, passed.content.length]).toEqual([null, RATIO_FREE_BYTES * 4]);
  });

  it.each([
    { name: 'lets content of exactly outputBytesMax pass', outputBytesMax: first.length, code: undefined },
    { name: 'refuses one byte more', outputBytesMax: first.length - 1, code: 'MILLRACE_OBJECT_UNREADABLE' },
  ])('$name', async ({ outputBytesMax, code }) => {
    expect((await inflate(kind, one, 1 << 20, { outputBytesMax })).error?.code).toBe(code);
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

  it('decompresses small whole objects in one call, or leaves them to the stream', () => {
    expect(decompressWhole(kind, one)).toEqual(first);
    expect(decompressWhole(kind, Buffer.concat([one, Buffer.alloc(3)]))).toBe(null);
    expect(decompressWhole(kind, one.subarray(0, -1))).toBe(null);
    const most = Buffer.alloc(WHOLE_CONTENT_BYTES_MAX);
    expect(decompressWhole(kind, pack[kind](most))?.length).toBe(most.length);
    expect(decompressWhole(kind, pack[kind](Buffer.concat([most, Buffer.from('x')])))).toBe(null);
    expect(decompressWhole(kind, Buffer.alloc(WHOLE_BYTES_MAX + 1))).toBe(null);
    expect(decompressWhole(kind, Buffer.alloc(0))).toBe(null);
    const whole = decompressWhole(kind, two);
    if (whole !== null) expect(whole).toEqual(both);
  });
});

describe('decompress', () => {
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
