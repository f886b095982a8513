/**
 * Sinks: which sink a run has. There is one.
 * Takes  how it is reached, and its name or ARN. Gives  the SinkProbe that src/publish/sink.ts describes.
 * Owns   the choice: outside src/publish/ nothing else names a sink. Its publishers are started by workers/publish.ts, or here.
 */
import type { KinesisAddress } from '../publish/kinesis/sink.ts';
import type { PublishNotice, PublishReceipt, PublishTask } from '../publish/setup.ts';

export { openKinesis as openSink } from '../publish/kinesis/probe.ts';

/**
 * Runs one publisher in this thread, to its end. As to and from a thread of its own everything is handed over as a copy, in a turn of the
 * event loop of its own: neither side sees what the other one changes.
 * @param onNotice What a thread would post.
 */
export async function publishHere(
  task: PublishTask,
  onNotice: (notice: PublishNotice) => void,
): Promise<PublishReceipt> {
  // Loaded here alone: a run with threads has no use for it.
  const { publish } = await import('../publish/kinesis/thread.ts');
  const receipt = await publish(structuredClone(task) as PublishTask<KinesisAddress>, (notice) => {
    const copy = structuredClone(notice);
    setImmediate(() => onNotice(copy));
  });
  return structuredClone(receipt);
}
