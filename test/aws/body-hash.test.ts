import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyHasher, bodiesAtOnce, hashBodies } from '../../src/aws/body-hash.ts';
import { loadAddon } from '../../src/native/load.ts';

/** Pieces of one buffer, so that they begin anywhere in a word. */
const body = fc
  .tuple(
    fc.integer({ min: 0, max: 70 }),
    // Short ones never wait for each other.
    fc.oneof(fc.integer({ max: 260, min: 0 }), fc.integer({ min: 8_000, max: 12_000 })),
  )
  .map(([start, bytes]) =>
    Uint8Array.from({ length: start + bytes }, (_, i) => i * 31 + bytes).subarray(start),
  );

it('gives the SHA-256 of each body, however many wait and however their lengths differ', async () => {
  const hasher = new BodyHasher();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(body, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.constantFrom(1, 64),
      async (bodies, callCount) => {
        const hashes = await Promise.all(bodies.map((parts) => hasher.hash(parts, callCount)));
        expect(hashes).toEqual(bodies.map((parts) => hash('sha256', Buffer.concat(parts))));
      },
    ),
    { numRuns: 300 },
  );
});

it('tells bodies before they are hashed, the two that are hashed at once together', async () => {
  const told: number[][] = [];
  const hasher = new BodyHasher((bodies) => {
    told.push(bodies.map(({ length }) => length));
    for (const one of bodies) one.fill(7);
  });
  const wanted = (bytes: number) => hash('sha256', new Uint8Array(bytes).fill(7));
  const hashes = await Promise.all([9000, 100, 9001].map((bytes) => hasher.hash([new Uint8Array(bytes)])));
  expect(hashes).toEqual([9000, 100, 9001].map(wanted));
  expect(told).toEqual(loadAddon().addon?.sha256Pair ? [[100], [9000, 9001]] : [[9000], [100], [9001]]);
  expect(await hasher.hash([new Uint8Array(9002)])).toBe(wanted(9002));
  expect(told.at(-1)).toEqual([9002]);
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

const kernels = (addon?.sha256Kernels as (() => string[]) | undefined)?.() ?? [];
const hashBy = addon?.sha256PairBy as ((kernel: number, ...bytes: Uint8Array[]) => void) | undefined;

it.skipIf(addon === null)(
  `hashes the same by every kernel of this machine: ${kernels.join(', ')}${addon === null ? ` (not run: ${reason})` : ''}`,
  () => {
    const out = Buffer.alloc(64);
    expect(kernels.slice(0, 2)).toEqual(['plain', 'lanes4']);
    for (const kernel of kernels.keys()) {
      for (let length = 0; length <= 192; length++) {
        const first = Uint8Array.from({ length }, (_, i) => i * 7 + length);
        const second = new Uint8Array((length * 5) % 193).fill(length);
        hashBy!(kernel, first, second, out);
        expect([out.toString('hex', 0, 32), out.toString('hex', 32)]).toEqual([
          hash('sha256', first),
          hash('sha256', second),
        ]);
      }
    }
    expect(() => hashBy!(kernels.length, out, out, out)).toThrow(RangeError);
    expect(() => hashBy!(0, out, out, out.subarray(1))).toThrow(RangeError);
  },
);

const hashManyBy = addon?.sha256ManyBy as
  | ((kernel: number, bodies: readonly Uint8Array[], out: Uint8Array) => void)
  | undefined;

it.skipIf(addon === null)(
  `hashes up to sixteen bodies at once, however their lengths differ, by every kernel: ${kernels.join(', ')}${addon === null ? ` (not run: ${reason})` : ''}`,
  () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 3_000 }));
    const some = fc.array(fc.tuple(lengths, fc.integer({ min: 0, max: 70 })), { maxLength: 16 });
    fc.assert(
      fc.property(some, fc.nat({ max: kernels.length - 1 }), (shapes, kernel) => {
        const bodies = shapes.map(([length, start], n) =>
          Uint8Array.from({ length: start + length }, (_, i) => i * 13 + n).subarray(start),
        );
        const out = Buffer.alloc(32 * bodies.length + 1, 0xee);
        hashManyBy!(kernel, bodies, out);
        const hashes = bodies.map((_, i) => out.toString('hex', 32 * i, 32 * i + 32));
        expect(hashes).toEqual(bodies.map((one) => hash('sha256', one)));
        expect(out.at(-1)).toBe(0xee);
      }),
      { numRuns: 300 },
    );
    const [one] = [new Uint8Array(3)];
    expect(() => hashManyBy!(kernels.length, [one], new Uint8Array(32))).toThrow(RangeError);
    expect(() => hashManyBy!(0, [one, one], new Uint8Array(63))).toThrow(RangeError);
    expect(() => hashManyBy!(0, new Array(17).fill(one), new Uint8Array(1024))).toThrow(RangeError);
  },
);

const hashesMany = bodiesAtOnce() > 0;
it.skipIf(!hashesMany)(
  `gives the hashes of many bodies that are there, and none for a few${hashesMany ? '' : ' (not run: this machine hashes many no faster than two)'}`,
  () => {
    const bodies = Array.from({ length: bodiesAtOnce() }, (_, i) => new Uint8Array(1_000 + 99 * i).fill(i));
    expect(hashBodies(bodies)).toEqual(bodies.map((one) => hash('sha256', one)));
    expect(hashBodies(bodies.slice(0, 2))).toBeNull();
  },
);

const LARGE = 100_000;

it('does not wait for ever for a second body', async () => {
  const hasher = new BodyHasher();
  for (const callCount of [1, 64])
    for (const bytes of [3, LARGE]) {
      const alone = new Uint8Array(bytes).fill(callCount);
      expect(await hasher.hash([alone], callCount)).toBe(hash('sha256', alone));
    }
});

it('gives the hash of a short body at once', () => {
  expect(new BodyHasher().hash([Buffer.from('abc')], 64)).toBe(hash('sha256', 'abc'));
});

it.skipIf(!pair)(`hashes a body beside one that comes with a later answer${why}`, async () => {
  const hasher = new BodyHasher();
  const [one, other] = [new Uint8Array(LARGE).fill(1), new Uint8Array(LARGE).fill(2)];
  const first = hasher.hash([one], 64) as Promise<string>;
  let isThere = false;
  void first.then(() => {
    isThere = true;
  });
  await Promise.resolve();
  expect(isThere).toBe(false);
  const second = hasher.hash([other], 64) as Promise<string>;
  await Promise.resolve();
  expect(isThere).toBe(true);
  expect([await first, await second]).toEqual([hash('sha256', one), hash('sha256', other)]);
});
