/**
 * Reads a stream up to now and keeps where it was: `node examples/follow.ts events checkpoint.json`.
 * Run again it goes on there. A process that is killed repeats at most the batch that it had in hand.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { MillraceError, readStream, type StreamReader } from 'millrace';

const [stream = '', file = 'checkpoint.json'] = process.argv.slice(2);
type Checkpoint = ReturnType<StreamReader['checkpoint']>;
const checkpoint = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Checkpoint) : undefined;

async function follow(): Promise<number> {
  const reader = readStream({
    // Over HTTP/1.1: the SDK's default opens a session for each request.
    client: new KinesisClient({ requestHandler: new NodeHttpHandler() }),
    stream,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    untilMs: Date.now(),
  });
  const text = new TextDecoder();
  let count = 0;
  try {
    for await (const batch of reader) {
      // Parts of aggregates come one by one. What the Kinesis Client Library would drop is marked, not left out.
      for (const record of batch.records()) {
        if (record.isDropped) continue;
        count++;
        console.log(`${batch.shardId} ${record.partitionKey} ${text.decode(record.data)}`);
      }
      writeFileSync(file, JSON.stringify(reader.checkpoint()));
    }
    writeFileSync(file, JSON.stringify(reader.checkpoint()));
  } finally {
    await reader.close();
  }
  return count;
}

try {
  console.error(`${await follow()} records`);
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
