/** Proofs: a transfer with one bit wrong, of objects that fit a download's blocks, of larger ones, and of those that come in ranges. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type FastS3, type FastS3Object, type S3Fault, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { DamagedError } from '../../src/inflate/damage.ts';
import type { CrcName } from '../../src/native/crc.ts';
import type { SourceObject } from '../../src/source/object.ts';
import { listObjects } from '../../src/source/s3/list.ts';
import { hastyClock, joined, type RunOptions, runPool, testCalls } from './source-run.ts';

const NAMES: CrcName[] = ['CRC32', 'CRC32C', 'CRC64NVME'];
const BLOCK_BYTES = 8 * 1024;
const SEGMENT_BYTES = 64 * 1024;
/** Four blocks a download: 32 KiB. */
const SIZES = { segmentBytes: SEGMENT_BYTES, blockBytes: BLOCK_BYTES, blocksPerSlot: 4, lookaheadBytes: 100 };
const FAST_RETRY = { attemptsMax: 4, throttleAttemptsMax: 6, baseMs: 1, capMs: 10 };

let server: FastS3;
afterEach(() => server.close());

function lines(bytes: number): Buffer {
  let text = '';
  for (let i = 0; text.length < bytes; i++) text += `{"n":${i},"v":${(Math.imul(i, 40_503) >>> 0) % 9973}}\n`;
  return Buffer.from(`${text.slice(0, bytes - 1)}\n`);
}

/** Runs a pool over the objects, and gives each object as its proof left it. */
async function carry(
  objects: readonly FastS3Object[],
  faults: readonly S3Fault[],
  more: Partial<RunOptions> = {},
) {
  server = await startFastS3({ buckets: { data: objects }, faults });
  const seen = new Map<string, SourceObject>();
  async function* listed() {
    for await (const object of listObjects(testCalls(server), ['s3://data/'])) {
      seen.set(object.key, object);
      yield object;
    }
  }
  const recorded = await runPool({
    ...SIZES,
    endpoint: server.endpoint,
    objects: listed(),
    clock: hastyClock(),
    retry: FAST_RETRY,
    ...more,
  });
  const proofs = Object.fromEntries([...seen].map(([key, { proof }]) => [key, proof]));
  return { ...recorded, proofs, texts: joined(recorded) };
}

const flip = (target: string, more: Partial<S3Fault> = {}): S3Fault => ({
  kind: 'flip-bit',
  target,
  ...more,
});

describe.each(NAMES)('with a %s of the whole object', (checksum) => {
  it.each([
    { name: 'plain', body: lines(20_000) },
    { name: 'compressed', body: gzipSync(lines(60_000)) },
    {
      name: 'of one line that is longer than a block',
      body: Buffer.from(`"${'x'.repeat(2 * BLOCK_BYTES)}"`),
    },
    { name: 'of one byte', body: Buffer.from('1') },
  ])('a small object, $name, is downloaded again until it is what S3 holds', async ({ body }) => {
    // At the first byte, where the format is told from; in the middle; at the last.
    const places = [0, body.length >> 1, body.length - 1];
    const faults = places.map((afterBytes, i) => flip('a', { afterBytes, times: 1, name: `flip ${i}` }));
    const { texts, proofs, events, pool, errors } = await carry([{ key: 'a', body, checksum }], faults);
    expect([texts.get('a') === body.toString('latin1'), errors.size]).toEqual([true, 0]);
    expect([proofs, pool.stats.retries]).toEqual([{ a: 'proven' }, 3]);
    expect(events.filter((event) => event.startsWith('begin')).length).toBe(1);
    expect(server.stats().faultsFired).toEqual({ 'flip 0': 1, 'flip 1': 1, 'flip 2': 1 });
  });

  it('a small object that never is what S3 holds is given up, and nothing of it leaves', async () => {
    const body = lines(20_000);
    const { contents, proofs, errors } = await carry(
      [
        { key: 'bad', body, checksum },
        { key: 'good', body, checksum },
      ],
      [flip('bad', { afterBytes: 5000 })],
    );
    expect([...contents.keys(), proofs]).toEqual(['good#0', { bad: 'unproven', good: 'proven' }]);
    const error = errors.get('bad');
    expect(error).toBeInstanceOf(DamagedError);
    expect((error as DamagedError).damage).toEqual({ storedOffset: 0, offset: 0, unprovenFrom: null });
    expect(error?.message).toMatch(
      /have the CRC\w+ \S+, the store holds \S+, in each of 4 downloads; nothing of it/,
    );
  });

  it.each([
    { name: 'plain', body: lines(5 * SEGMENT_BYTES + 77) },
    { name: 'compressed', body: gzipSync(lines(4_000_000)) },
    { name: 'in one answer, but too large for the blocks', body: lines(5 * BLOCK_BYTES) },
  ])('a large object, $name, is proven by the sums of its parts', async ({ body }) => {
    const { texts, proofs, errors } = await carry([{ key: 'a', body, checksum }], []);
    expect([texts.get('a') === body.toString('latin1'), errors.size]).toEqual([true, 0]);
    expect(proofs).toEqual({ a: 'proven' });
    expect(server.stats().requestsByOperation.HeadObject ?? 0).toBe(body.length > SEGMENT_BYTES ? 1 : 0);
  });

  it.each([
    { name: 'plain', body: lines(5 * SEGMENT_BYTES + 77), skip: 2 },
    { name: 'compressed', body: gzipSync(lines(4_000_000)), skip: 1 },
    { name: 'in one answer, but too large for the blocks', body: lines(5 * BLOCK_BYTES), skip: 0 },
  ])(
    'a large object, $name, fails for one bit, and says that what was delivered is not proven',
    async ({ body, skip }) => {
      const faults = [flip('a', { afterBytes: 20_000, skip, times: 1 })];
      const { events, proofs, errors, texts } = await carry([{ key: 'a', body, checksum }], faults);
      expect(server.stats().faultsFired).toEqual({ 'flip-bit': 1 });
      expect(texts.get('a')?.length).toBe(body.length);
      expect(proofs).toEqual({ a: 'unproven' });
      const error = errors.get('a') as DamagedError;
      expect(error.damage).toEqual({ storedOffset: 0, offset: null, unprovenFrom: 0 });
      expect(error.message).toMatch(/its lines were delivered before that was known, and are not proven/);
      const failed = events.filter((event) => event.startsWith('failed'));
      expect(failed).toEqual(['failed a MILLRACE_OBJECT_UNREADABLE']);
      expect(events.at(-1)).toMatch(/^end a#\d+ MILLRACE_OBJECT_UNREADABLE$/);
    },
  );

  it('bodies that are cut are summed across their attempts', async () => {
    const small = lines(20_000);
    const large = lines(3 * SEGMENT_BYTES);
    const faults: S3Fault[] = [
      { kind: 'truncate', target: 'small', afterBytes: 7000, times: 1, name: 'small' },
      { kind: 'truncate', target: 'large', afterBytes: 9000, times: 2, name: 'large' },
    ];
    const { proofs, texts } = await carry(
      [
        { key: 'large', body: large, checksum },
        { key: 'small', body: small, checksum },
      ],
      faults,
    );
    expect(proofs).toEqual({ small: 'proven', large: 'proven' });
    expect(texts.get('large') === large.toString()).toBe(true);
    expect(server.stats().faultsFired).toEqual({ small: 1, large: 2 });
  });
});

it('objects without a checksum are not held back and not proven', async () => {
  const body = lines(30_000);
  const { events, proofs, texts } = await carry([{ key: 'a', body }], [{ kind: 'flip-bit', times: 1 }]);
  expect([proofs, texts.get('a')?.length]).toEqual([{ a: 'unproven' }, body.length]);
  expect(events.filter((event) => event.startsWith('piece')).length).toBeGreaterThan(1);
});

it('an object of which an earlier process has read a part is not proven, and fails for nothing', async () => {
  const body = lines(3 * SEGMENT_BYTES);
  const resume = () => ({
    format: 'plain' as const,
    work: (size: number) => [{ start: 1000, end: size, only: null }],
  });
  const { proofs, errors } = await carry([{ key: 'a', body, checksum: 'CRC32' }], [], { resume });
  expect([proofs, errors.size]).toEqual([{ a: 'unproven' }, 0]);
});

it('an object whose blocks are all held is let go, and carried all the same', async () => {
  // Lines of three quarters of a block: each block holds one, so four blocks hold little more than half of the object.
  const line = `"${'y'.repeat(BLOCK_BYTES * 0.75)}"\n`;
  const body = Buffer.from(line.repeat(5));
  expect(body.length).toBeLessThan(4 * BLOCK_BYTES);
  const long = Buffer.from(`"${'z'.repeat(BLOCK_BYTES * 1.3)}"\n`.repeat(2));
  const { proofs, texts } = await carry(
    [
      { key: 'a', body, checksum: 'CRC64NVME' },
      { key: 'b', body: long, checksum: 'CRC64NVME' },
    ],
    [],
    { downloads: 1 },
  );
  expect(proofs).toEqual({ a: 'proven', b: 'proven' });
  expect([texts.get('a') === body.toString(), texts.get('b') === long.toString()]).toEqual([true, true]);
});

it.each([false, true])(
  'many small objects share blocks while they are held; in order: %s',
  async (isOrdered) => {
    const objects = Array.from({ length: 60 }, (_, i) => {
      const body = i % 3 === 0 ? gzipSync(lines(500 * (i + 1))) : lines(500 * (i + 1));
      return { key: `k${String(i).padStart(2, '0')}`, body, checksum: NAMES[i % 3]! };
    });
    const faults = [flip('k30', { times: 3, afterBytes: 3, name: 'flips' })];
    const { texts, proofs, errors, events } = await carry(objects, faults, { isOrdered });
    expect(errors.size).toBe(0);
    for (const { key, body } of objects)
      expect([key, texts.get(key) === body.toString('latin1')]).toEqual([key, true]);
    expect(new Set(Object.values(proofs))).toEqual(new Set(['proven']));
    const begins = events.filter((event) => event.startsWith('begin')).map((event) => event.slice(6, 9));
    if (isOrdered) expect(begins).toEqual(objects.map(({ key }) => key));
    expect(server.stats().faultsFired).toEqual({ flips: 3 });
  },
);
