/** Download: every byte once and in order, whatever bodies do and however little room the sink has. */

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bodyOf } from '../../src/aws/http-body.ts';
import { type ByteSink, type DownloadContext, download } from '../../src/source/download.ts';
import { failureOf } from '../../src/source/s3/failure.ts';
import type { RangeReader } from '../../src/source/source.ts';
import { Witness } from '../../src/source/witness.ts';
import { hastyClock } from './source-run.ts';

const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 0xff));
const object = {
  bucket: 'b',
  key: 'k',
  etag: '"1"',
  size: content.length,
  lastModifiedMs: 0,
  storageClass: 'STANDARD',
};

type Body = (bytes: Buffer) => AsyncGenerator<Buffer>;
const whole: Body = async function* (bytes) {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
};
const cutAfter = (count: number): Body =>
  async function* (bytes) {
    yield bytes.subarray(0, count);
    throw Object.assign(new Error('cut'), { code: 'ECONNRESET' });
  };

function setUp(bodies: readonly Body[]) {
  const asked: [number, number][] = [];
  const reader: RangeReader = {
    read: async (_, start, end) => {
      const body = bodies[asked.length] ?? whole;
      asked.push([start, end]);
      return { body: bodyOf(Readable.from(body(content.subarray(start, end)))), checksum: null };
    },
    classify: failureOf,
    renew: async () => {},
    close: () => {},
  };
  const context: DownloadContext = {
    reader,
    clock: hastyClock(),
    retry: { attemptsMax: 4, throttleAttemptsMax: 4, baseMs: 1, capMs: 1 },
    stallTimeoutMs: 10_000,
    signal: new AbortController().signal,
    stats: { requests: 0, bytes: 0, retries: 0, throttles: 0 },
    onThrottle: () => {},
    onSuccess: () => {},
    witness: new Witness(reader, 10_000),
  };
  return { asked, context };
}

/** Takes `roomBytes` at a time, then wants a turn. Wants no more than `wantedBytes`. */
function sinkOf(roomBytes = Number.POSITIVE_INFINITY, wantedBytes = Number.POSITIVE_INFINITY) {
  const taken: Buffer[] = [];
  let room = roomBytes;
  let bytes = 0;
  const sink: ByteSink = {
    write(chunk) {
      const count = Math.min(chunk.length, room, wantedBytes - bytes);
      taken.push(Buffer.from(chunk.subarray(0, count)));
      room -= count;
      bytes += count;
      return count;
    },
    room: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      room = roomBytes;
    },
    get done() {
      return bytes >= wantedBytes;
    },
  };
  return { sink, result: () => Buffer.concat(taken) };
}

it('gives all bytes, whatever the range, the cuts and the room', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 4000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 5 }),
      fc.integer({ min: 50, max: 3000 }),
      async (start, length, cuts, roomBytes) => {
        const { asked, context } = setUp(cuts.map(cutAfter));
        const { sink, result } = sinkOf(roomBytes);
        const retry = { ...context.retry, attemptsMax: 10 };
        expect(await download({ ...context, retry }, object, start, start + length, sink)).toBe(
          start + length,
        );
        expect(result().equals(content.subarray(start, start + length))).toBe(true);
        expect(asked.every(([, end]) => end === start + length)).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

it('asks again from the byte reached', async () => {
  const { asked, context } = setUp([cutAfter(1500), cutAfter(0), cutAfter(2)]);
  const { sink, result } = sinkOf();
  await download(context, object, 100, 4000, sink);
  expect(asked).toEqual([
    [100, 4000],
    [1600, 4000],
    [1600, 4000],
    [1602, 4000],
  ]);
  expect(result()).toEqual(content.subarray(100, 4000));
  expect(context.stats).toMatchObject({ requests: 4, retries: 3 });
});

it('takes a body that ends early for a cut one', async () => {
  const { asked, context } = setUp([(bytes) => whole(bytes.subarray(0, 10))]);
  const { sink, result } = sinkOf();
  await download(context, object, 0, 50, sink);
  expect([asked.length, result().length]).toEqual([2, 50]);
});

it('refuses a body that is longer than its range', async () => {
  const { context } = setUp([(bytes) => whole(Buffer.concat([bytes, bytes]))]);
  await expect(download(context, object, 0, 50, sinkOf().sink)).rejects.toMatchObject({
    code: 'MILLRACE_OBJECT_UNREADABLE',
  });
});

it('stops where the sink wants no more', async () => {
  const { context } = setUp([]);
  const { sink, result } = sinkOf(300, 1234);
  expect(await download(context, object, 0, 5000, sink)).toBe(1234);
  expect(result()).toEqual(content.subarray(0, 1234));
});

it('throws a fault of the sink on, and does not repeat it', async () => {
  const { asked, context } = setUp([]);
  const { sink } = sinkOf();
  const broken: ByteSink = {
    ...sink,
    done: false,
    write: () => {
      throw new TypeError('bug');
    },
  };
  await expect(download(context, object, 0, 50, broken)).rejects.toThrow('bug');
  expect(asked.length).toBe(1);
});
