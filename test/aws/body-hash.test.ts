import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyHasher } from '../../src/aws/body-hash.ts';
import { loadAddon } from '../../src/native/load.ts';

/** Pieces of one buffer, so that they begin anywhere in a word. */
const body = fc
  .tuple(
    fc.integer({ min: 0, max: 70 }),
    fc.oneof(fc.integer({ max: 260, min: 0 }), fc.integer({ min: 0, max: 5_000 })),
  )
  .map(([start, bytes]) =>
    Uint8Array.from({ length: start + bytes }, (_, i) => i * 31 + bytes).subarray(start),
  );

it('gives the SHA-256 of each body, however many wait and however their lengths differ', async () => {
  const hasher = new BodyHasher();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(body, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      async (bodies) => {
        const hashes = await Promise.all(bodies.map((parts) => hasher.hash(parts)));
        expect(hashes).toEqual(bodies.map((parts) => hash('sha256', Buffer.concat(parts))));
      },
    ),
    { numRuns: 500 },
  );
});

const { addon, reason } = loadAddon();
const pair = addon?.sha256Pair as ((...bytes: Uint8Array[]) => void) | undefined;
const why = pair === undefined ? ` (not run: ${reason ?? 'this machine lacks SHA instructions'})` : '';

it.skipIf(!pair)(`hashes every length up to three blocks beside every other kind of padding${why}`, () => {
  const out = Buffer.alloc(64);
  for (let length = 0; length <= 192; length++) {
    const first = new Uint8Array(length).fill(length);
    for (const other of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000]) {
      const second = new Uint8Array(other).fill(3);
      pair!(first, second, out);
      expect(out.toString('hex', 0, 32)).toBe(hash('sha256', first));
      expect(out.toString('hex', 32)).toBe(hash('sha256', second));
    }
  }
});

it('does not wait for a second body', async () => {
  const hasher = new BodyHasher();
  expect(await hasher.hash([Buffer.from('abc')])).toBe(hash('sha256', 'abc'));
  expect(await hasher.hash([Buffer.from('def')])).toBe(hash('sha256', 'def'));
});
