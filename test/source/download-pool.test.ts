/** DownloadPool: whatever S3 does, each object arrives whole, once, and in pieces of whole lines. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type FastS3, type FastS3Object, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { type ParseBatch, releaseParseBatch } from '../../src/source/delivery.ts';
import { listObjects } from '../../src/source/s3/list.ts';
import { hastyClock, joined, type RunOptions, runPool, startPool, testCalls } from './source-run.ts';

let servers: FastS3[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function serve(objects: readonly FastS3Object[]): Promise<FastS3> {
  const server = await startFastS3({ buckets: { data: objects } });
  servers.push(server);
  return server;
}

function listing({ endpoint }: FastS3) {
  return listObjects(testCalls({ endpoint }), ['s3://data/']);
}

function run(server: FastS3, options: Partial<RunOptions> = {}) {
  return runPool({ endpoint: server.endpoint, objects: listing(server), ...options });
}

/** `bytes` of numbered lines, of about 60 bytes each. */
function lines(name: string, bytes: number): Buffer {
  const parts: string[] = [];
  for (let length = 0, n = 0; length < bytes; n++) {
    const line = `{"name":"${name}","n":${n},"pad":"${'x'.repeat(n % 60)}"}\n`;
    parts.push(line);
    length += line.length;
  }
  return Buffer.from(parts.join(''));
}

const SMALL = {
  segmentBytes: 64 * 1024,
  blockBytes: 16 * 1024,
  lookaheadBytes: 100,
  lineBytesMax: 64 * 1024,
};

describe('DownloadPool', () => {
  it.each([
    { name: 'in any order', isOrdered: false },
    { name: 'in listing order', isOrdered: true },
  ])('carries plain, gzip and zstd objects of many sizes, $name', async ({ isOrdered }) => {
    const bodies: Record<string, Buffer> = {};
    for (let i = 0; i < 60; i++) bodies[`small-${String(i).padStart(2, '0')}`] = lines(`s${i}`, i * 7 + 1);
    bodies['big-a'] = lines('a', 1_000_000);
    bodies['big-b'] = lines('b', 300_000);
    bodies['no-newline'] = Buffer.concat([lines('c', 70_000), Buffer.from('{"last":true}')]);
    bodies['gzip-big'] = gzipSync(
      Buffer.from(Array.from({ length: 40_000 }, () => Math.random()).join('\n')),
    );
    bodies['gzip-small'] = gzipSync(lines('g', 100));
    bodies['zstd-small'] = zstdCompressSync(lines('z', 100));
    bodies.one = Buffer.from('1');
    const server = await serve(Object.entries(bodies).map(([key, body]) => ({ key, body })));
    const recorded = await run(server, { ...SMALL, isOrdered });
    expect(joined(recorded)).toEqual(
      new Map(Object.entries(bodies).map(([key, body]) => [key, body.toString('latin1')])),
    );
    const begins = recorded.events.filter((event) => event.startsWith('begin'));
    expect(begins).toContain('begin gzip-big#0 gzip');
    expect(begins).toContain('begin zstd-small#0 zstd');
    expect(begins.filter((event) => event.startsWith('begin big-a#')).length).toBe(
      Math.ceil(bodies['big-a'].length / SMALL.segmentBytes),
    );
    expect(recorded.events.filter((event) => event.startsWith('end')).length).toBe(begins.length);
    const lasts = recorded.events.filter((event) => event.endsWith(' last'));
    expect(lasts.map((event) => event.split(' ')[1]).sort()).toEqual([
      'gzip-big#0',
      'gzip-small#0',
      'zstd-small#0',
    ]);
    if (isOrdered) {
      const order = recorded.events
        .filter((event) => event.startsWith('piece'))
        .map((event) => event.split(' ')[1]!)
        .filter((name, at, all) => name !== all[at - 1]);
      const expected = [...order].sort((one, other) => {
        const [keyA, a] = one.split('#') as [string, string];
        const [keyB, b] = other.split('#') as [string, string];
        return keyA < keyB ? -1 : keyA > keyB ? 1 : Number(a) - Number(b);
      });
      expect(order).toEqual(expected);
    }
  });

  it('gives the lines of a simple reader, whatever the objects, segments, blocks and order', async () => {
    const server = await serve([]);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 30 }), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.record({
          segmentBytes: fc.integer({ min: 64, max: 1000 }),
          blockBytes: fc.integer({ min: 40, max: 200 }),
          lookaheadBytes: fc.integer({ min: 1, max: 100 }),
          blocksPerSlot: fc.integer({ min: 2, max: 4 }),
          downloads: fc.integer({ min: 1, max: 5 }),
          isOrdered: fc.boolean(),
          ahead: fc.integer({ min: 1, max: 4 }),
        }),
        async (objects, { ahead, ...options }) => {
          const prefix = `run-${runs++}/`;
          const expected = new Map<string, string>();
          objects.forEach((lengths, i) => {
            const text = lengths.map((length, n) => String(n % 10).repeat(length)).join('\n') || 'x';
            expected.set(`${prefix}${i}`, text);
            server.put('data', { key: `${prefix}${i}`, body: Buffer.from(text) });
          });
          const found = listObjects(testCalls(server), [`s3://data/${prefix}`]);
          const recorded = await runPool({
            endpoint: server.endpoint,
            objects: found,
            lineBytesMax: 1000,
            ...options,
            ...(!options.isOrdered && { blocksOutMax: options.downloads + ahead }),
          });
          expect(joined(recorded)).toEqual(expected);
          expect(recorded.pool.stats.retries).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('hands many small objects over in few parcels', async () => {
    const server = await serve(
      Array.from({ length: 1000 }, (_, i) => ({ key: `k${i}`, body: lines(`${i}`, 900) })),
    );
    const recorded = await run(server, { downloads: 16 });
    expect(joined(recorded).size).toBe(1000);
    expect(recorded.parseBatches.length).toBeLessThan(200);
    expect(recorded.parseBatches.reduce((sum, parseBatch) => sum + parseBatch.pieces, 0)).toBe(1000);
  });

  it.each([
    { blocksOutMax: 2 * 3, why: 'each download has its blocks' },
    { blocksOutMax: 3, why: 'there are fewer for all of them' },
  ])('waits when nothing is released, and goes on when it is: $why', async ({ blocksOutMax }) => {
    const server = await serve([{ key: 'big', body: lines('a', 2_000_000) }]);
    const held: ParseBatch[] = [];
    const { pool, recorded } = startPool({
      endpoint: server.endpoint,
      objects: listing(server),
      ...SMALL,
      downloads: 2,
      blocksPerSlot: 3,
      blocksOutMax,
      release: (parseBatch) => held.push(parseBatch),
    });
    const running = pool.run();
    const bytesHeld = () => held.reduce((sum, parseBatch) => sum + parseBatch.bytes, 0);
    let released = 0;
    let heldMax = 0;
    while (joined(recorded).get('big')?.length !== 2_000_000 && released < 10_000) {
      await new Promise((resolve) => setImmediate(resolve));
      heldMax = Math.max(heldMax, bytesHeld());
      const parseBatch = held.shift();
      if (parseBatch !== undefined) releaseParseBatch(parseBatch);
      released++;
      if (pool.stats.bytes > 2_000_000 && held.length === 0) break;
    }
    held.splice(0).forEach(releaseParseBatch);
    const drain = setInterval(() => held.splice(0).forEach(releaseParseBatch), 1);
    await running;
    clearInterval(drain);
    expect(heldMax).toBeLessThanOrEqual(blocksOutMax * SMALL.blockBytes);
    expect(joined(recorded).get('big')).toBe(lines('a', 2_000_000).toString());
  });

  it.each([
    { name: 'a SlowDown', fault: { kind: 'slow-down' } },
    { name: 'an InternalError', fault: { kind: 'internal-error' } },
    { name: 'a reset before the answer', fault: { kind: 'reset' } },
    { name: 'a body cut at once', fault: { kind: 'truncate', afterBytes: 0 } },
    { name: 'a body cut in the middle', fault: { kind: 'truncate', afterBytes: 20_000 } },
    { name: 'a stalled body', fault: { kind: 'stall', afterBytes: 20_000 } },
  ] as const)('survives $name in a third of the requests', async ({ fault }) => {
    const body = lines('a', 700_000);
    const server = await serve([
      { key: 'big', body },
      { key: 'gzip', body: gzipSync(body, { level: 0 }) },
    ]);
    server.setFaults([{ ...fault, probability: 1 / 3 }], 7);
    const clock = hastyClock();
    const recorded = await run(server, { ...SMALL, clock, stallTimeoutMs: 100 });
    expect(joined(recorded).get('big')).toBe(body.toString());
    expect(joined(recorded).get('gzip')).toBe(gzipSync(body, { level: 0 }).toString('latin1'));
    expect(recorded.pool.stats.retries).toBeGreaterThan(0);
    expect(Object.values(server.stats().faultsFired).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(
      0,
    );
  });
});
