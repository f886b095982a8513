/**
 * Publish thread: builds one publisher out of its parts and lets it run.
 * Takes  a PublishSetup. Gives  a PublishReceipt when the run is flushed or stopped.
 * Owns   this thread's Kinesis client. Everything else is src/publish/.
 */
import { parentPort } from 'node:worker_threads';
import { createKinesisCaller } from '../aws/kinesis-call.ts';
import { createKinesisClient } from '../aws/kinesis-client.ts';
import { BufferPool } from '../publish/buffer-pool.ts';
import { openCodec } from '../publish/open-codec.ts';
import { Publisher } from '../publish/publisher.ts';
import { RecordPutter } from '../publish/put-records.ts';
import type { PublishReceipt, PublishSetup } from '../publish/setup.ts';
import { listOpenShards } from '../publish/stream-probe.ts';
import { createRandom } from '../random.ts';
import { Heart } from './heartbeat.ts';

/** Runs one publisher to its end. */
export async function publish(setup: PublishSetup): Promise<PublishReceipt> {
  const { rules, target, traits } = setup;
  const client = createKinesisClient(target);
  const caller = await createKinesisCaller({
    client,
    wire: rules.wire,
    streamArn: target.arn,
    requestTimeoutMs: rules.requestTimeoutMs,
    socketCountMax: rules.inFlightMax,
  });
  const heart = new Heart(setup.heartbeats, setup.heartIndex);
  heart.isBusy = true;
  const codec = openCodec({ portable: setup.scanner === 'portable' });
  const pool = new BufferPool(setup.bufferBytesMax);
  const putter = new RecordPutter(caller, codec, pool, {
    wire: rules.wire,
    streamArn: target.arn,
    aggregateBytesMax: rules.aggregateBytesMax,
    // In order mode one aggregated record a request: two of them could be stored one without the other.
    requestBytesMax:
      rules.order === 'key' && rules.aggregateBytesMax ? rules.aggregateBytesMax : rules.batchBytesMax,
    canPredictShard: !traits.isAutoDistributed,
  });
  const publisher = new Publisher(setup, {
    codec,
    pool,
    putter,
    listShards: () => listOpenShards(client, target.arn),
    post: (notice) => parentPort?.postMessage(notice),
    nowMs: () => performance.now(),
    random: createRandom(setup.seed),
  });
  try {
    // The loop awaits at least once a second, so a heart that stands still means a thread that hangs.
    return await publisher.run();
  } finally {
    heart.isBusy = false;
    caller.close();
    client.destroy();
  }
}
