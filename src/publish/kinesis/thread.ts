/**
 * Publish thread: builds one publisher out of its parts and lets it run: in a thread of its own, or in the main thread of a short run.
 * Takes  a PublishTask. Gives  a PublishReceipt when the run is flushed or stopped.
 * Owns   this publisher's way to Kinesis. Everything else is src/publish/.
 */
import { parentPort } from 'node:worker_threads';
import { credentialChain } from '../../aws/credentials.ts';
import { openKinesisCaller } from '../../aws/kinesis-call.ts';
import { createRandom } from '../../base/random.ts';
import { createDigester } from '../../digest/digest.ts';
import { Heart } from '../../ring/heartbeat.ts';
import { BufferPool } from '../buffer-pool.ts';
import { openCodec } from '../open-codec.ts';
import { orderOf } from '../order.ts';
import { Publisher } from '../publisher.ts';
import type { PublishNotice, PublishReceipt, PublishTask } from '../setup.ts';
import { openPutCodec } from './open-put-codec.ts';
import { type KinesisAddress, KinesisSink } from './sink.ts';

/**
 * Runs one publisher to its end.
 * @param post Default: to the thread that has started this one.
 */
export async function publish(
  setup: PublishTask<KinesisAddress>,
  post: (notice: PublishNotice) => void = (notice) => parentPort?.postMessage(notice),
): Promise<PublishReceipt> {
  const { address, rules, traits } = setup;
  const { service, target, wire } = address;
  const caller = openKinesisCaller({
    service,
    credentials: credentialChain({ ...target, region: service.region }),
    wire,
    requestTimeoutMs: rules.requestTimeoutMs,
    socketCountMax: rules.inFlightMax,
  });
  const heart = new Heart(setup.heartbeats, setup.heartIndex);
  heart.isBusy = true;
  const portable = setup.scanner === 'portable';
  const pool = new BufferPool(setup.bufferBytesMax);
  const options = {
    aggregateBytesMax: rules.aggregateBytesMax,
    requestBytesMax: orderOf(rules).requestBytesMax,
    canPredictShard: !traits.isAutoDistributed,
  };
  const sink = new KinesisSink({ address, caller, codec: openPutCodec({ portable }), pool, options });
  const publisher = new Publisher(setup, {
    codec: openCodec({ portable }),
    pool,
    sink,
    post,
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
    heart.close();
    sink.close();
  }
}
