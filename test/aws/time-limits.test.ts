/** Calls that are never answered, or not to their end: each attempt ends in time, and is made again. */
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HttpClient } from '../../src/aws/http-client.ts';
import { KinesisControl } from '../../src/aws/kinesis-control.ts';
import { openKinesisWay } from '../../src/aws/kinesis-way.ts';
import { openS3Way } from '../../src/aws/s3-way.ts';
import { listOpenShards, probeStream } from '../../src/publish/kinesis/stream-probe.ts';
import { systemClock } from '../../src/source/retry.ts';
import { S3Calls } from '../../src/source/s3/calls.ts';
import { probeSources } from '../../src/source/s3/list.ts';

const ANSWER_TIMEOUT_MS = 100;
const KINESIS_ATTEMPTS = 4;
const PROBE_ATTEMPTS = 3;
const HALF = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 100\r\n\r\n{';

const closers: (() => void)[] = [];
beforeEach(() => {
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers each request with these bytes and nothing more. */
async function open(bytes: string) {
  const sockets = new Set<Socket>();
  const heard = { requests: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      heard.requests++;
      if (bytes !== '') socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { target: { region: 'us-east-1', profile: null, endpoint: `http://127.0.0.1:${port}` }, heard };
}

/** Sees attempts where they are made: on a busy machine one may end before the server has heard of it. */
function attempts() {
  const spy = vi.spyOn(HttpClient.prototype, 'request');
  closers.push(() => spy.mockRestore());
  return spy;
}

it.each([
  { name: 'nothing', bytes: '' },
  { name: 'half of it', bytes: HALF },
])(
  'the description and the shards of a stream, of which $name comes, are asked for again, then it is said',
  async ({ bytes }) => {
    const { target, heard } = await open(bytes);
    const control = new KinesisControl(openKinesisWay(target), ANSWER_TIMEOUT_MS);
    closers.push(() => control.close());
    const made = attempts();
    await expect(probeStream(control, 's')).rejects.toMatchObject({ code: 'MILLRACE_STREAM', exitCode: 3 });
    expect(made).toHaveBeenCalledTimes(KINESIS_ATTEMPTS);
    await expect(listOpenShards(control, 's')).rejects.toMatchObject({
      code: 'MILLRACE_STREAM',
      exitCode: 3,
    });
    expect(made).toHaveBeenCalledTimes(2 * KINESIS_ATTEMPTS);
    expect(heard.requests).toBeGreaterThan(0);
  },
);

it.each([
  { name: 'nothing', bytes: '' },
  { name: 'half of it', bytes: HALF },
])('a listing of which $name comes is asked for again, then it is said', async ({ bytes }) => {
  const { target, heard } = await open(bytes);
  const s3 = new S3Calls(openS3Way(target), { clock: systemClock, answerTimeoutMs: ANSWER_TIMEOUT_MS });
  closers.push(() => s3.close());
  const made = attempts();
  await expect(probeSources(s3, ['s3://bucket/p/'])).rejects.toMatchObject({
    code: 'MILLRACE_SOURCE',
    message: expect.stringMatching(/Cannot list s3:\/\/bucket\/p\/.*gave up after retries/),
  });
  expect(made).toHaveBeenCalledTimes(PROBE_ATTEMPTS);
  expect(heard.requests).toBeGreaterThan(0);
});
