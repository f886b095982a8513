/**
 * Fixture: an embedded Kinesis with records in it, a client for it, and a clock that tests own.
 */
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach } from 'vitest';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../src/embedded/kinesis.ts';
import { Aggregate } from '../../src/record/aggregate.ts';
import { type ReadStreamOptions, readStream } from '../../src/stream/read-stream.ts';
import type { StreamRecord } from '../../src/stream/stream-batch.ts';

export interface Fixture {
  readonly kinesis: LocalKinesis;
  readonly client: KinesisClient;
  put(
    records: readonly { key: string; data: Uint8Array | string; explicitHashKey?: string }[],
    stream?: string,
  ): Promise<void>;
  /** Everything there is, in the order in which it came. */
  readAll(options?: Partial<ReadStreamOptions>): Promise<StreamRecord[]>;
  /** What stands before it. */
  readonly alsoCloses: { close(): Promise<void> }[];
  close(): Promise<void>;
}

export async function startFixture(options: LocalKinesisOptions = { streams: { s: 1 } }): Promise<Fixture> {
  const kinesis = await startLocalKinesis(options);
  const client = new KinesisClient({
    region: kinesis.region,
    endpoint: kinesis.endpoint,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });
  const alsoCloses: Fixture['alsoCloses'] = [];
  return {
    kinesis,
    client,
    alsoCloses,
    async put(records, stream = 's') {
      for (let from = 0; from < records.length; from += 500) {
        const Records = records.slice(from, from + 500).map(({ key, data, explicitHashKey }) => ({
          PartitionKey: key,
          Data: Buffer.from(data),
          ExplicitHashKey: explicitHashKey,
        }));
        const answer = await client.send(new PutRecordsCommand({ StreamName: stream, Records }));
        if (answer.FailedRecordCount) throw new Error('the fixture could not put its records');
      }
    },
    async readAll(readOptions = {}) {
      const records: StreamRecord[] = [];
      for await (const batch of readStream({
        client,
        stream: 's',
        untilMs: Date.now(),
        ...FAST,
        ...readOptions,
      })) {
        records.push(...batch.records());
      }
      return records;
    },
    async close() {
      client.destroy();
      for (const one of alsoCloses) await one.close();
      await kinesis.close();
    },
  };
}

/** For a test file: starts fixtures, which are closed after the test that asked for them. */
export function useFixtures(): typeof startFixture {
  const opened: Fixture[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });
  return async (options) => {
    const one = await startFixture(options);
    opened.push(one);
    return one;
  };
}

/** For an endpoint without limits. */
export const FAST: Pick<ReadStreamOptions, 'limits' | 'pollIntervalMs'> = {
  limits: { callsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY },
  pollIntervalMs: 1,
};

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export function aggregate(records: readonly { key: string; data: string }[]): Uint8Array {
  const made = new Aggregate();
  for (const { key, data } of records) made.tryAdd(Buffer.from(key), null, Buffer.from(data), 1e9);
  return made.encode();
}

export function numbered(count: number, from = 0): { key: string; data: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `key-${from + i}`,
    data: JSON.stringify({ id: from + i }),
  }));
}

/** Ids of numbered records, in ascending order. */
export function idsOf(records: readonly StreamRecord[]): number[] {
  return records
    .map(({ data }) => JSON.parse(Buffer.from(data).toString()).id as number)
    .sort((a, b) => a - b);
}
