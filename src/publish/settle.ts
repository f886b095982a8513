/**
 * Settle: what becomes of each record of a request that was answered.
 * Takes  a batch as it was sent, and the verdict on every frame.
 * Gives  acknowledged counts, the batches that go again, the records that are refused for good.
 * Owns   the rule that only refused records are sent again. Never sends, waits or reads a clock.
 */
import { addAcknowledged, type SliceCounters } from '../ring/slices.ts';
import type { Batch } from './batch.ts';
import type { Codec } from './codec.ts';
import { GOES, readRefused, STAYS } from './frame-walk.ts';
import type { OrderPolicy } from './order.ts';
import type { Reshard } from './reshard.ts';
import type { PublishRules, RefusedRecord } from './setup.ts';
import type { ShardSet } from './shard-set.ts';
import { type PutAnswer, VERDICT } from './sink.ts';

/** Sums over one answer. Records are those of the source, also where several travelled as one. */
export interface Settlement {
  readonly storedRecords: number;
  readonly storedBytes: number;
  readonly throttledRecords: number;
  readonly failedRecords: number;
  readonly refused: readonly RefusedRecord[];
}

export interface SettleParts {
  readonly shardSet: ShardSet;
  readonly codec: Codec;
  readonly rules: Pick<PublishRules, 'recordFailuresMax'>;
  readonly order: OrderPolicy;
  /** Takes what waits for the shards. */
  readonly reshard: Pick<Reshard, 'keep'>;
  /** Counts the frames with this mark as acknowledged. */
  readonly acknowledge: (frames: Uint8Array, count: number, marks: Uint8Array, mark: number) => void;
  /** Counts frames of which is known how many are of which slice (`PutAnswer.sliceRuns`). */
  readonly acknowledgeRuns: (sliceRuns: Uint32Array) => void;
  /** Counts all of a batch of entries. */
  readonly acknowledgeEntries: (buffer: Uint8Array, count: number) => void;
}

/** Counts in the memory of the slices, and rings where that settles one. */
export function acknowledgeInto(counters: SliceCounters, codec: Codec) {
  return {
    acknowledge: (frames: Uint8Array, count: number, marks: Uint8Array, mark: number) => {
      if (codec.acknowledge(frames, count, marks, mark, counters) > 0) counters.bell.ring();
    },
    acknowledgeRuns: (sliceRuns: Uint32Array) => {
      let settledCount = 0;
      for (let i = 0; i < sliceRuns.length; i += 2)
        if (addAcknowledged(counters, sliceRuns[i]!, sliceRuns[i + 1]!)) settledCount++;
      if (settledCount > 0) counters.bell.ring();
    },
    acknowledgeEntries: (buffer: Uint8Array, count: number) => {
      if (codec.acknowledgeEntries(buffer, count, counters) > 0) counters.bell.ring();
    },
  };
}

const NOTHING: readonly RefusedRecord[] = [];
/** Mark of combined records in another shard than expected, while misrouted records are sorted. */
const COMBINED = 2;

/** Settles one answer. The batch's memory is the shard set's afterwards. */
export function settle(parts: SettleParts, shardIndex: number, batch: Batch, answer: PutAnswer): Settlement {
  if (!batch.isEntries) return settleFrames(parts, shardIndex, batch, answer);
  const { queues } = parts.shardSet;
  if (answer.verdict.counts[VERDICT.STORED] < batch.count) {
    // What is left of a request goes again as frames.
    queues.toFrames(shardIndex, batch);
    return settleFrames(parts, shardIndex, batch, { ...answer, framesBytes: batch.bytes });
  }
  const { buffer, count, payloadBytes } = batch;
  parts.acknowledgeEntries(buffer, count);
  queues.release(shardIndex, batch);
  return {
    storedRecords: count,
    storedBytes: payloadBytes,
    throttledRecords: 0,
    failedRecords: 0,
    refused: NOTHING,
  };
}

function settleFrames(parts: SettleParts, shardIndex: number, batch: Batch, answer: PutAnswer): Settlement {
  const { counts } = answer.verdict;
  const sent = batch.buffer.subarray(0, answer.framesBytes);
  const { sliceRuns = null } = answer;
  const refusedCount = counts[VERDICT.THROTTLED] + counts[VERDICT.FAILED];
  if (sliceRuns !== null && refusedCount + counts[VERDICT.MISROUTED] === 0) parts.acknowledgeRuns(sliceRuns);
  else parts.acknowledge(sent, answer.frames, answer.frameVerdicts, VERDICT.STORED);
  const misrouted = counts[VERDICT.MISROUTED] > 0 ? settleMisrouted(parts, shardIndex, batch, answer) : null;
  const isPlain = refusedCount === 0 && answer.frames === batch.count;
  const settlement = isPlain
    ? { count: batch.count, payloadBytes: batch.payloadBytes, throttled: 0, failed: 0, refused: NOTHING }
    : settleRefused(parts, shardIndex, batch, answer);
  parts.shardSet.queues.release(shardIndex, batch);
  return {
    storedRecords: settlement.count - (misrouted?.count ?? 0),
    storedBytes: settlement.payloadBytes - (misrouted?.payloadBytes ?? 0),
    throttledRecords: settlement.throttled,
    failedRecords: settlement.failed,
    refused: settlement.refused,
  };
}

/** Queues everything of the batch that was not stored. @returns What was stored, and the sums of what was not. */
function settleRefused(parts: SettleParts, shardIndex: number, batch: Batch, answer: PutAnswer) {
  const { queues } = parts.shardSet;
  const rest = takeRest(parts, shardIndex, batch, answer);
  if (rest) queues.unshift(shardIndex, rest);
  const throttled = countMarks(answer.frameVerdicts, VERDICT.THROTTLED);
  const failed = countMarks(answer.frameVerdicts, VERDICT.FAILED);
  // Throttled and failed records go separate ways: only failures count towards a refusal for good. In order mode that changes no order,
  // because a request holds each key once (or is one aggregated record, whose frames share one verdict).
  const again = [
    take(parts, shardIndex, batch, answer, answer.frameVerdicts, VERDICT.THROTTLED),
    takeFailed(parts, shardIndex, batch, answer),
  ];
  let count = batch.count - (rest?.count ?? 0);
  let payloadBytes = batch.payloadBytes - (rest?.payloadBytes ?? 0);
  const refused: RefusedRecord[] = [];
  for (const part of again) {
    if (!part) continue;
    count -= part.count;
    payloadBytes -= part.payloadBytes;
    part.isRetry = true;
    if (part.failures >= parts.rules.recordFailuresMax) {
      const { failedCode, failedMessage } = answer.verdict;
      refused.push(
        ...readRefused(
          part,
          `Refused ${part.failures} times: ${failedCode ?? 'no code'} ${failedMessage ?? ''}`.trim(),
        ),
      );
      queues.release(shardIndex, part);
    } else parts.order.putBack(queues, shardIndex, part);
  }
  return { count, payloadBytes, throttled, failed, refused };
}

function takeFailed(parts: SettleParts, shardIndex: number, batch: Batch, answer: PutAnswer): Batch | null {
  const failed = take(parts, shardIndex, batch, answer, answer.frameVerdicts, VERDICT.FAILED);
  if (failed) failed.failures++;
  return failed;
}

/** Frames behind the last one that fitted into the request. */
function takeRest(parts: SettleParts, shardIndex: number, batch: Batch, answer: PutAnswer): Batch | null {
  const count = batch.count - answer.frames;
  if (count === 0) return null;
  const frames = batch.buffer.subarray(answer.framesBytes, batch.bytes);
  const rest = parts.shardSet.queues.fork(shardIndex, frames.byteLength, batch);
  return Object.assign(
    rest,
    parts.codec.select(frames, count, new Uint8Array(count).fill(GOES), GOES, rest.buffer),
  );
}

/** Copies the frames that were sent and bear `mark` into a batch of their own; null when there are none. */
function take(
  parts: SettleParts,
  shardIndex: number,
  batch: Batch,
  answer: PutAnswer,
  marks: Uint8Array,
  mark: number,
): Batch | null {
  if (!marks.includes(mark)) return null;
  const fork = parts.shardSet.queues.fork(shardIndex, answer.framesBytes, batch);
  const frames = batch.buffer.subarray(0, answer.framesBytes);
  return Object.assign(fork, parts.codec.select(frames, answer.frames, marks, mark, fork.buffer));
}

/**
 * A record that travelled alone is stored wherever it landed. An aggregate is not safe there: a consumer drops all of it when one of
 * its records lies outside the shard's range, so it waits for the shard map, and nothing of it is acknowledged before.
 * @returns The records that wait, or null.
 */
function settleMisrouted(
  parts: SettleParts,
  shardIndex: number,
  batch: Batch,
  answer: PutAnswer,
): Batch | null {
  const { misrouted, frameVerdicts, frames, framesBytes } = answer;
  const marks = frameVerdicts.map((verdict) => (verdict === VERDICT.MISROUTED ? GOES : STAYS));
  for (const one of misrouted) marks.fill(COMBINED, one.firstFrame, one.firstFrame + one.frames);
  parts.acknowledge(batch.buffer.subarray(0, framesBytes), frames, marks, GOES);
  const waiting = take(parts, shardIndex, batch, answer, marks, COMBINED);
  if (!waiting) return null;
  parts.shardSet.queues.disown(shardIndex, waiting);
  parts.reshard.keep(waiting, misrouted);
  return waiting;
}

function countMarks(marks: Uint8Array, mark: number): number {
  let count = 0;
  for (const value of marks) if (value === mark) count++;
  return count;
}
