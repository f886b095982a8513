import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';

interface Md5By {
  md5By(kernel: number, messages: readonly Uint8Array[], out: Uint8Array): string | undefined;
}

const addon = loadAddon().addon as Md5By | null;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
/** Around the ends of blocks, where the padding takes one block more, and some that end long before others. */
const LENGTHS = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1000, 51_200];
const messageOf = (i: number) => Buffer.alloc(LENGTHS[i % LENGTHS.length]!, `message ${i} `);

// Where the addon is not built there is nothing to compare: the run then lists this suite as skipped.
describe.skipIf(addon === null)('MD5 of many messages (skipped where there is no addon)', () => {
  it('is the MD5 of each, in every way that this processor has and for every count', () => {
    const names: string[] = [];
    for (let kernel = 0; ; kernel++) {
      const name = addon!.md5By(kernel, [], Buffer.alloc(0));
      if (name === undefined) break;
      names.push(name);
      for (let count = 1; count <= 64; count += count < 34 ? 1 : 15) {
        const messages = Array.from({ length: count }, (_, i) => messageOf(i * 5 + count));
        const out = Buffer.alloc(16 * count);
        addon!.md5By(kernel, messages, out);
        const got = messages.map((_, i) => out.toString('hex', 16 * i, 16 * (i + 1)));
        expect(got, `${name}, ${count} messages`).toEqual(messages.map(md5));
      }
    }
    expect(names).toEqual(expect.arrayContaining(['base 8', 'base 4']));
    expect(new Set(names).size).toBe(names.length);
  });

  it('refuses what it has no room for', () => {
    const messages = [Buffer.from('a'), Buffer.from('b')];
    expect(() => addon!.md5By(0, messages, Buffer.alloc(31))).toThrow('there is no room');
    expect(() => addon!.md5By(0, Array(65).fill(messages[0]), Buffer.alloc(2000))).toThrow('too many');
  });
});
