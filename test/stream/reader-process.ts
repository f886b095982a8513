/**
 * Reader process: a consumer that lives dangerously, as a process of its own.
 * Takes  endpoint, a file for record ids, a file for its checkpoint, and how many batches it lives.
 * Gives  ids, one a line, each batch with one write; its checkpoint before each batch, renamed into place.
 * Owns   its end: SIGKILL in the middle of that batch, ids written and nothing else; with 0 it reads to the end.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { readStream } from '../../src/stream/read-stream.ts';
import { FAST } from './fixture.ts';

const [endpoint, idsPath, checkpointPath, lifeBatches] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
const client = new KinesisClient({
  region: 'us-east-1',
  endpoint,
  credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  requestHandler: new NodeHttpHandler(),
});
const reader = readStream({
  ...{ client, stream: 's', untilMs: Date.now(), recordsPerCall: 20, ...FAST },
  ...(existsSync(checkpointPath) && { checkpoint: JSON.parse(readFileSync(checkpointPath, 'utf8')) }),
});

function save(): void {
  writeFileSync(`${checkpointPath}.new`, JSON.stringify(reader.checkpoint()));
  renameSync(`${checkpointPath}.new`, checkpointPath);
}

let batches = 0;
for await (const batch of reader) {
  save();
  appendFileSync(idsPath, [...batch.records()].map(({ id }) => `${id}\n`).join(''));
  batches += 1;
  if (batches === Number(lifeBatches)) process.kill(process.pid, 'SIGKILL');
}
save();
client.destroy();
