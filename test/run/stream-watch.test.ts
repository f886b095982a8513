/** Whether a stream is still the same, asked of an embedded service that is busy, silent or gone. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MillraceError } from '../../src/base/errors.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import type { SinkProbe } from '../../src/publish/sink.ts';
import { openSink } from '../../src/run/sinks.ts';
import { confirmStream, type StreamWatchOptions, watchStream } from '../../src/run/stream-watch.ts';

let kinesis: LocalKinesis;
let sink: SinkProbe;
let options: StreamWatchOptions;
const stop = new AbortController();
beforeEach(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
  let nowMs = 1_500;
  kinesis = await startLocalKinesis({ streams: { s: 1 }, nowMs: () => nowMs++ });
  sink = openSink({ region: 'us-east-1', profile: null, endpoint: kinesis.endpoint }, 's');
  options = { sink, stream: await sink.probe(), advice: 'do something', signal: stop.signal, intervalMs: 5 };
});
afterEach(async () => {
  sink.close();
  await kinesis.close();
});

function makeAgain(): void {
  kinesis.call('DeleteStream', { StreamName: 's' });
  kinesis.call('CreateStream', { StreamName: 's', ShardCount: 1 });
}

it('the same stream is confirmed, also where the service is busy first', async () => {
  await confirmStream(options);
  kinesis.setFaults([
    { kind: 'error', code: 'InternalFailure', operation: 'DescribeStreamSummary', times: 5 },
  ]);
  await confirmStream(options);
  expect(kinesis.stats().faultsFired.error).toBe(5);
});

it('another stream is named at the end', async () => {
  makeAgain();
  await expect(confirmStream(options)).rejects.toMatchObject({
    ...{ code: 'MILLRACE_STREAM', exitCode: 2 },
    message: expect.stringMatching(/^Cannot call anything delivered: stream s was deleted .*; do something$/),
  });
});

it('who cannot ask has not delivered: exit 3', async () => {
  kinesis.setFaults([{ kind: 'error', code: 'InternalFailure', operation: 'DescribeStreamSummary' }]);
  await expect(confirmStream({ ...options, unavailableMs: 1 })).rejects.toMatchObject({
    ...{ code: 'MILLRACE_SERVICE_AWAY', exitCode: 3 },
    message: expect.stringContaining('run the same command again'),
  });
});

it('a stream that is made again in mid-run is named within the interval, and once', async () => {
  const told: MillraceError[] = [];
  const first = Promise.withResolvers<void>();
  const timer = watchStream(options, (error) => {
    told.push(error);
    first.resolve();
  });
  try {
    kinesis.setFaults([{ kind: 'error', code: 'AccessDeniedException', operation: '*', times: 1 }]);
    while (kinesis.stats().faultsFired.error !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told).toEqual([]);
    makeAgain();
    await first.promise;
  } finally {
    clearInterval(timer);
  }
  expect(told[0]!.message).toContain('stream s was deleted and made again');
});
