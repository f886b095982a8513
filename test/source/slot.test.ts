/** Slot: what becomes of an object that cannot be read, and of a run that cannot go on. docs/RELIABILITY.md, rows 10, 11, 21, 22. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { type FastS3, type S3Fault, startFastS3 } from '../../src/embedded/fast-s3.ts';
import type { SourceObject } from '../../src/source/object.ts';
import { listObjects } from '../../src/source/s3/list.ts';
import { hastyClock, joined, type RunOptions, runPool, startPool, testCalls } from './source-run.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const body = Buffer.from(
  Array.from({ length: 3000 }, (_, n) => `{"n":${n},"pad":"${'x'.repeat(n % 50)}"}\n`).join(''),
);
const SMALL = { segmentBytes: 32 * 1024, blockBytes: 8 * 1024, lookaheadBytes: 100, lineBytesMax: 64 * 1024 };
const FAST_RETRY = { attemptsMax: 4, throttleAttemptsMax: 6, baseMs: 1, capMs: 10 };

async function serve(faults: S3Fault[], keys = ['a', 'bad', 'c']): Promise<FastS3> {
  const server = await startFastS3({ buckets: { data: keys.map((key) => ({ key, body })) } });
  closers.push(() => server.close());
  server.setFaults(faults);
  return server;
}

function options(server: { endpoint: string }, more: Partial<RunOptions> = {}): RunOptions {
  const objects = listObjects(testCalls(server), ['s3://data/']);
  return { endpoint: server.endpoint, objects, clock: hastyClock(), retry: FAST_RETRY, ...SMALL, ...more };
}

describe('an object that cannot be read', () => {
  it.each([
    {
      name: 'changed (412)',
      kind: 'precondition-failed',
      code: 'MILLRACE_OBJECT_CHANGED',
      message: /has changed/,
    },
    {
      name: 'changed (endpoint without If-Match)',
      kind: 'changed-etag',
      code: 'MILLRACE_OBJECT_CHANGED',
      message: /has changed/,
    },
    { name: 'gone', kind: 'no-such-key', code: 'MILLRACE_OBJECT_UNREADABLE', message: /no longer exists/ },
    { name: 'denied', kind: 'access-denied', code: 'MILLRACE_OBJECT_UNREADABLE', message: /access denied/ },
    {
      name: 'archived',
      kind: 'invalid-object-state',
      code: 'MILLRACE_OBJECT_UNREADABLE',
      message: /archived/,
    },
  ] as const)(
    'is reported once when it is $name, and the others are carried',
    async ({ kind, code, message }) => {
      for (const isOrdered of [false, true]) {
        for (const skip of [0, 1, 3]) {
          const server = await serve([{ kind, target: 'bad', skip }]);
          const recorded = await runPool(options(server, { isOrdered, downloads: 2 }));
          expect(recorded.events.filter((event) => event.startsWith('failed'))).toEqual([
            `failed bad ${code}`,
          ]);
          expect(recorded.errors.get('bad')?.message).toMatch(message);
          expect(recorded.errors.get('bad')?.message).toContain('s3://data/bad');
          const texts = joined(recorded);
          expect([texts.get('a'), texts.get('c')]).toEqual([body.toString(), body.toString()]);
          for (const part of recorded.contents.values()) expect(body.includes(part)).toBe(true);
          const begins = recorded.events.filter((event) => event.startsWith('begin'));
          const ends = recorded.events.filter((event) => event.startsWith('end'));
          expect(ends.length).toBe(begins.length);
          const whole = recorded.events.indexOf(`failed bad ${code}`);
          const endAt = recorded.events.findIndex(
            (event) => event.startsWith('end bad') && event.endsWith(code),
          );
          if (endAt >= 0 && !isOrdered) expect(endAt).toBeGreaterThan(whole);
          expect(server.stats().faultsFired).not.toEqual({});
        }
      }
    },
  );

  it('whose name is hostile is read like any other', async () => {
    const keys = [
      '\u{1f600}',
      'a b+c',
      'x//y',
      '%2e%2e/',
      'ü'.repeat(512),
      'quote\'"<>&',
      '~!*()',
      'back\\slash',
      '?#',
    ];
    const server = await serve([], keys);
    expect(new Set(joined(await runPool(options(server))).keys())).toEqual(new Set(keys));
  });
});

describe('a run', () => {
  it.each([
    { name: 'resets', kind: 'reset' },
    { name: 'internal errors', kind: 'internal-error' },
    { name: 'throttles', kind: 'slow-down' },
    { name: 'bodies that never begin', kind: 'stall' },
  ] as const)('ends resumable after $name without end', async ({ kind }) => {
    const server = await serve([{ kind }]);
    const failed = runPool(options(server, { stallTimeoutMs: 20 }));
    await expect(failed).rejects.toMatchObject({ code: 'MILLRACE_SERVICE_AWAY', exitCode: 3 });
  });

  it('ends at once when every object is denied', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const server = await serve([{ kind: 'access-denied' }], keys);
    await expect(runPool(options(server))).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2 });
    expect(server.stats().requestsByOperation.GetObject).toBeLessThan(30);
  });

  it('slows down when it is throttled', async () => {
    const server = await serve([{ kind: 'slow-down', times: 3 }]);
    const recorded = await runPool(options(server, { downloads: 8 }));
    expect(recorded.pool.downloadLimit).toBeLessThan(8);
    expect(recorded.pool.stats.throttles).toBe(3);
    expect(joined(recorded).get('bad')).toBe(body.toString());
  });

  it('ends with the reason of its signal, also while nothing is released', async () => {
    const server = await serve([]);
    const controller = new AbortController();
    const { pool } = startPool(options(server, { signal: controller.signal, release: () => {} }));
    const running = pool.run();
    const reason = new MillraceError('MILLRACE_INTERRUPTED', 'stop');
    setTimeout(() => controller.abort(reason), 50);
    await expect(running).rejects.toBe(reason);
  });

  it('takes no new segment after stop(), and delivers those under way', async () => {
    const server = await serve(
      [],
      Array.from({ length: 50 }, (_, i) => `k${String(i).padStart(2, '0')}`),
    );
    const { pool, recorded } = startPool(options(server, { downloads: 2 }));
    const running = pool.run();
    while (recorded.events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    pool.stop();
    await running;
    const begins = recorded.events.filter((event) => event.startsWith('begin'));
    expect(begins.length).toBeLessThan(10);
    expect(recorded.events.filter((event) => event.startsWith('end')).length).toBe(begins.length);
  });
});

it('survives a body cut at every kilobyte', async () => {
  const server = await serve([], ['a']);
  let cuts = 0;
  for (let afterBytes = 0; afterBytes < body.length; afterBytes += 1024) {
    server.setFaults([{ kind: 'truncate', afterBytes, times: 1 }]);
    const recorded = await runPool(options(server, { ...SMALL, segmentBytes: 1 << 20 }));
    expect([afterBytes, joined(recorded).get('a') === body.toString()]).toEqual([afterBytes, true]);
    expect(server.stats().faultsFired).toEqual({ truncate: ++cuts });
  }
});

it('gives up a body of one byte a second, and asks again', async () => {
  const server = await serve([{ kind: 'slow', bytesPerSecond: 1, times: 2 }], ['a']);
  const recorded = await runPool(options(server, { stallTimeoutMs: 250 }));
  expect(joined(recorded).get('a')).toBe(body.toString());
  expect(server.stats().faultsFired).toEqual({ slow: 2 });
  // More of them on a machine that stands still for as long.
  expect(recorded.pool.stats.retries).toBeGreaterThanOrEqual(2);
});

describe('an endpoint of its own kind', () => {
  const object: SourceObject = {
    bucket: 'data',
    key: 'k',
    etag: '"1"',
    size: 0,
    lastModifiedMs: 0,
    storageClass: 'STANDARD',
  };

  async function run(listener: RequestListener, bytes: Buffer, more: Partial<RunOptions> = {}) {
    const server: Server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    async function* objects() {
      yield { ...object, size: bytes.length };
    }
    return runPool(options({ endpoint }, { objects: objects(), ...more }));
  }
  const base64 = (sum: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(sum);
    return bytes.toString('base64');
  };

  it.each([
    { name: 'passes', crc: base64(crc32(body)), code: undefined },
    { name: 'is refused when it differs', crc: base64(1), code: 'MILLRACE_OBJECT_UNREADABLE' },
  ])('a full-object CRC32 $name', async ({ crc, code }) => {
    const headers = { etag: '"1"', 'x-amz-checksum-crc32': crc, 'x-amz-checksum-type': 'FULL_OBJECT' };
    const listener: RequestListener = (request, response) => {
      expect(request.headers['x-amz-checksum-mode']).toBe('ENABLED');
      response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
    };
    const recorded = await run(listener, body, { segmentBytes: 1 << 20 });
    expect(recorded.errors.get('k')?.code).toBe(code);
  });

  it.each([
    { name: 'a Content-Encoding on plain bytes', encoding: 'gzip', bytes: body, format: 'plain' },
    { name: 'aws-chunked', encoding: 'aws-chunked', bytes: body, format: 'plain' },
    { name: 'a Content-Encoding on gzip bytes', encoding: 'gzip', bytes: gzipSync(body), format: 'gzip' },
    {
      name: 'no Content-Encoding on gzip bytes',
      encoding: 'identity',
      bytes: gzipSync(body),
      format: 'gzip',
    },
  ])('$name does not confuse the reader', async ({ encoding, bytes, format }) => {
    const listener: RequestListener = (_, response) => {
      response
        .writeHead(200, { etag: '"1"', 'content-encoding': encoding, 'content-length': bytes.length })
        .end(bytes);
    };
    const recorded = await run(listener, bytes, { segmentBytes: 1 << 20 });
    expect(recorded.events[0]).toBe(`begin k#0 ${format}`);
    expect(joined(recorded).get('k')).toBe(bytes.toString('latin1'));
  });

  it.each([
    { name: 'another size', headers: { 'content-range': 'bytes 0-99/100' }, code: 'MILLRACE_OBJECT_CHANGED' },
    {
      name: 'another range',
      headers: { 'content-range': `bytes 5-99/${body.length}` },
      code: 'MILLRACE_OBJECT_UNREADABLE',
    },
  ])('is refused when it answers with $name', async ({ headers, code }) => {
    const listener: RequestListener = (_, response) => {
      response.writeHead(206, { etag: '"1"', ...headers }).end(body);
    };
    expect((await run(listener, body)).errors.get('k')?.code).toBe(code);
  });

  it('is refused when it ignores ranges', async () => {
    const listener: RequestListener = (_, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': body.length }).end(body);
    };
    expect((await run(listener, body)).errors.get('k')?.message).toMatch(/endpoint sent others/);
  });

  it.each([
    { name: 'an expired token', status: 400, code: 'ExpiredToken', sleeps: 0 },
    { name: 'a skewed clock', status: 403, code: 'RequestTimeTooSkewed', sleeps: 0 },
    { name: 'a KMS throttle', status: 400, code: 'KMS.ThrottlingException', sleeps: 1 },
    { name: 'a KMS throttle by another name', status: 503, code: 'KMSThrottled', sleeps: 1 },
  ])('is asked again after $name', async ({ status, code, sleeps }) => {
    let requests = 0;
    const seen: (string | undefined)[] = [];
    const listener: RequestListener = (request, response) => {
      seen.push(request.headers['x-amz-date']?.toString());
      if (requests++ === 0) {
        const date = new Date(Date.now() + 3_600_000).toUTCString();
        response.writeHead(status, { date }).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
      } else response.writeHead(200, { etag: '"1"', 'content-length': body.length }).end(body);
    };
    const clock = hastyClock();
    const recorded = await run(listener, body, { clock, segmentBytes: 1 << 20 });
    expect(joined(recorded).get('k')).toBe(body.toString());
    expect([requests, clock.sleptMs.length]).toEqual([2, sleeps]);
    // A skewed clock is set by the service's.
    const hours = seen.map((stamp) => Number(stamp?.slice(9, 11)));
    if (code === 'RequestTimeTooSkewed') expect((hours[1]! - hours[0]! + 24) % 24).toBe(1);
  });
});
