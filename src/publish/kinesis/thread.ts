/**
 * Publish thread: builds one publisher out of its parts and lets it run.
 * Takes  a PublishTask. Gives  a PublishReceipt when the run is flushed or stopped.
 * Owns   this thread's way to Kinesis. Everything else is src/publish/.
 */
import { parentPort } from 'node:worker_threads';
import { credentialChain } from '../../aws/credentials.ts';
import { openKinesisCaller } from '../../aws/kinesis-call.ts';
import { createRandom } from '../../base/random.ts';
import { createDigester } from '../../digest/digest.ts';
import type { ShardRange } from '../../record/hash-range.ts';
import { Heart } from '../../ring/heartbeat.ts';
import { BufferPool } from '../buffer-pool.ts';
import { openCodec } from '../open-codec.ts';
import { Publisher } from '../publisher.ts';
import type { PublishReceipt, PublishTask, StreamTarget } from '../setup.ts';
import { RecordPutter } from './put-records.ts';

/** Runs one publisher to its end. */
export async function publish(setup: PublishTask): Promise<PublishReceipt> {
  const { rules, service, target, traits } = setup;
  const caller = openKinesisCaller({
    service,
    credentials: credentialChain({ ...target, region: service.region }),
    wire: rules.wire,
    requestTimeoutMs: rules.requestTimeoutMs,
    socketCountMax: rules.inFlightMax,
  });
  const heart = new Heart(setup.heartbeats, setup.heartIndex);
  heart.isBusy = true;
  const codec = openCodec({ portable: setup.scanner === 'portable' });
  const pool = new BufferPool(setup.bufferBytesMax);
  const putter = new RecordPutter(caller, codec, pool, {
    wire: rules.wire,
    stream: target.id,
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
    listShards: () => listShards(target),
    post: (notice) => parentPort?.postMessage(notice),
    nowMs: () => performance.now(),
    random: createRandom(setup.seed),
    digest: (frames) => {
      const digester = createDigester(setup.digestKey);
      digester.addFrames(frames);
      return digester.sums();
    },
  });
  try {
    // The loop awaits at least once a second, so a heart that stands still means a thread that hangs.
    return await publisher.run();
  } finally {
    heart.isBusy = false;
    caller.close();
  }
}

/** Only a reshard asks for it: the SDK's client is most of what this thread would load. */
async function listShards(target: StreamTarget): Promise<ShardRange[]> {
  const [{ createKinesisClient }, { listOpenShards }] = await Promise.all([
    import('../../aws/kinesis-client.ts'),
    import('./stream-probe.ts'),
  ]);
  const client = createKinesisClient(target);
  try {
    return await listOpenShards(client, target.id);
  } finally {
    client.destroy();
  }
}
