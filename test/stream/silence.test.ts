/** Calls of a reader that are never answered: each ends in time and is made again, and the reader's signal ends the waiting. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { readStream } from '../../src/stream/read-stream.ts';
import { FAST, type Fixture, idsOf, numbered, startFixture } from './fixture.ts';

const RECORDS = 50;
const ANSWER_TIMEOUT_MS = 300;

let fixture: Fixture;
beforeEach(() => {
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
});
afterEach(() => fixture.close());

it.each([{ operation: 'ListShards' }, { operation: 'GetShardIterator' }, { operation: 'GetRecords' }])(
  'reads everything where $operation was not answered at first',
  async ({ operation }) => {
    fixture = await startFixture();
    const { kinesis, put } = fixture;
    await put(numbered(RECORDS));
    kinesis.setFaults([{ kind: 'stall', operation, times: 1 }]);
    const target = { region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
    const client = createKinesisClient(target);
    const records = [];
    const options = { client, stream: 's', untilMs: Date.now() + 1, requestTimeoutMs: ANSWER_TIMEOUT_MS };
    for await (const batch of readStream({ ...FAST, ...options })) records.push(...batch.records());
    client.destroy();
    expect(kinesis.stats().faultsFired.stall).toBe(1);
    expect(idsOf(records)).toEqual(Array.from({ length: RECORDS }, (_, id) => id));
  },
);

it.each([{ operation: 'ListShards' }, { operation: 'GetShardIterator' }, { operation: 'GetRecords' }])(
  'ends at once with its signal while $operation is not answered',
  async ({ operation }) => {
    fixture = await startFixture();
    const { kinesis, put } = fixture;
    await put(numbered(RECORDS));
    kinesis.setFaults([{ kind: 'stall', operation }]);
    const target = { region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
    const client = createKinesisClient(target);
    const stop = new AbortController();
    const reason = new Error('enough');
    const look = setInterval(() => {
      if ((kinesis.stats().faultsFired.stall ?? 0) > 0) stop.abort(reason);
    }, 5);
    const reading = (async () => {
      for await (const batch of readStream({ ...FAST, client, stream: 's', signal: stop.signal }))
        batch.drain();
    })();
    await expect(reading).rejects.toBe(reason);
    clearInterval(look);
    client.destroy();
    expect(stop.signal.aborted).toBe(true);
  },
);
