/**
 * Publisher: the room before the network. It owns a range of hash keys and brings its records to their shards.
 * Takes  frames from its lanes, one lane a parser.
 * Gives  acknowledged counts per slice, in shared memory; refused records and events as notices.
 * Owns   the loop: when lanes are drained, which shard sends next, and when the run's publishing ends.
 * Never  reads objects, writes files or blocks its thread: it waits for its doorbell, its sockets and its timers at once.
 */
import type { MillraceError } from '../base/errors.ts';
import { Listener } from '../ring/listener.ts';
import { PHASE } from '../ring/phases.ts';
import { countersOf } from '../ring/slices.ts';
import { Doorbell } from '../ring/wait.ts';
import { Ahead, isPrepared } from './ahead.ts';
import type { Batch } from './batch.ts';
import { Breaker } from './breaker.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Codec } from './codec.ts';
import { Gathering } from './gathering.ts';
import { type Drained, LaneDrain } from './lane-drain.ts';
import { type DigestFrames, LeftCollector } from './left.ts';
import { type OrderPolicy, orderOf } from './order.ts';
import { ShardPace } from './pace.ts';
import { REFUSALS_IN_ROW_MAX, Refusals } from './refusals.ts';
import { RequestFailures } from './request-failures.ts';
import { Reshard } from './reshard.ts';
import { acknowledgeInto, type SettleParts, settle } from './settle.ts';
import type { PublishNotice, PublishReceipt, PublishSetup } from './setup.ts';
import { ShardSet } from './shard-set.ts';
import { type PutAnswer, type Sink, VERDICT } from './sink.ts';
import { STAT, statsRow, sumStat } from './stats.ts';

/** What the publisher needs from outside, so that a test can own network, time and chance. */
export interface PublisherParts {
  readonly codec: Codec;
  readonly pool: BufferPool;
  readonly sink: Omit<Sink, 'close'>;
  post(notice: PublishNotice): void;
  nowMs(): number;
  random(): number;
  /** Sums of the digests of a run of frames, for what is left at an orderly stop. */
  readonly digest: DigestFrames;
}

/** Longest sleep of the loop: a bound on how late it sees a phase that nobody rang for. */
const SLEEP_MAX_MS = 1_000;

export class Publisher {
  readonly #setup: PublishSetup;
  readonly #parts: PublisherParts;
  readonly #ear: Listener;
  readonly #control: Int32Array;
  readonly #stats: Float64Array;
  readonly #drain: LaneDrain;
  readonly #breaker: Breaker;
  readonly #runPace: ShardPace;
  readonly #gathering = new Gathering();
  readonly #set: ShardSet;
  readonly #settleParts: SettleParts;
  readonly #refusals: Refusals;
  readonly #failures: RequestFailures;
  readonly #order: OrderPolicy;
  readonly #ahead: Ahead;
  readonly #reshard: Reshard;
  /** Batches whose answer is due. */
  readonly #sent = new Set<Batch>();
  #firstShard = 0;
  #heldShards = 0;
  #rateHeldShards = 0;
  #hasFailed = false;
  /** Every shard has a batch that waits. */
  #isSated = false;

  constructor(setup: PublishSetup, parts: PublisherParts) {
    const { rules } = setup;
    const nowMs = parts.nowMs();
    this.#setup = setup;
    this.#parts = parts;
    this.#order = orderOf(rules);
    this.#ahead = new Ahead(parts.sink, this.#order, rules.inFlightMax);
    this.#ear = new Listener(new Doorbell(setup.doorbells).bell(setup.publisherIndex));
    this.#control = new Int32Array(setup.control);
    this.#stats = statsRow(setup.stats, setup.publisherIndex);
    this.#drain = new LaneDrain(setup.lanes, parts.codec, this.#order.isByTask, () => this.#hasEnough());
    this.#breaker = new Breaker(rules.unavailableMs, parts.random);
    const runCeiling = {
      recordsPerSecond: rules.recordsPerSecondMax,
      bytesPerSecond: rules.bytesPerSecondMax,
    };
    this.#runPace = new ShardPace(runCeiling, 1, nowMs, parts.random);
    const { entryForm } = parts.sink;
    this.#set = new ShardSet(setup, parts.codec, parts.pool, nowMs, parts.random, entryForm);
    const acknowledging = acknowledgeInto(countersOf(setup.slices), parts.codec);
    const answers = () => sumStat(setup.stats, STAT.ANSWERED);
    this.#refusals = new Refusals(this.#set, answers);
    const { codec, sink, post } = parts;
    const shared = {
      ...{ setup, sink, post, nowMs: parts.nowMs, stats: this.#stats },
      ...{ shardSet: this.#set, refusals: this.#refusals },
    };
    this.#reshard = new Reshard({
      ...{ ...shared, ...acknowledging, codec },
      onHopeless: (error) => this.#fail(error),
      onAsked: () => this.#ear.nudge(),
    });
    this.#settleParts = {
      ...{ ...acknowledging, shardSet: this.#set, codec, rules },
      ...{ order: this.#order, reshard: this.#reshard },
    };
    this.#failures = new RequestFailures({ ...shared, breaker: this.#breaker, answers });
  }

  /** Works until the run is flushed or stopped. Never rejects for a failure that is expected: it is posted. */
  async run(): Promise<PublishReceipt> {
    try {
      return await this.#work();
    } finally {
      this.#ear.close();
    }
  }

  async #work(): Promise<PublishReceipt> {
    for (;;) {
      const seen = this.#ear.count();
      const phase = Atomics.load(this.#control, 0);
      const isStopping = phase >= PHASE.STOP || this.#hasFailed;
      const isWaiting = this.#reshard.hasMisrouted && !this.#hasFailed;
      const isAtRest = this.#inFlight === 0 && !this.#reshard.isAsked && !isWaiting;
      if (phase === PHASE.CUT || (phase === PHASE.LEAVE && isAtRest)) return this.#leave();
      let sleepMs = SLEEP_MAX_MS;
      let lanes: Drained = 'blocked';
      if (isStopping) {
        // Misrouted aggregates are on the stream: only the shard map says whether consumers see them.
        if (isWaiting) sleepMs = this.#reshard.advance(this.#parts.nowMs(), this.#inFlight);
      } else {
        do {
          lanes = this.#drain.drain(this.#set.queues, this.#parts.nowMs());
          sleepMs = this.#dispatch(phase === PHASE.FLUSH && lanes === 'empty');
        } while (lanes === 'enough' && !this.#hasEnough());
      }
      this.#stats[STAT.IN_FLIGHT] = this.#inFlight;
      this.#stats[STAT.BUFFER_BYTES] = this.#parts.pool.outBytes;
      this.#stats[STAT.HELD_SHARDS] = this.#heldShards;
      this.#stats[STAT.RATE_HELD_SHARDS] = this.#rateHeldShards;
      const isDone =
        phase === PHASE.FLUSH && lanes === 'empty' && this.#set.isEmpty && !this.#reshard.hasMisrouted;
      if (!isStopping && this.#weighRefusals(isDone)) continue;
      if (isDone && this.#inFlight === 0 && !this.#reshard.isAsked) return this.#end();
      // With enough to send, or a batch of every shard that is held, only answers and the clock bring anything new.
      const isMuted = lanes === 'enough' || this.#isSated;
      await this.#ear.heard(seen, Math.min(sleepMs, SLEEP_MAX_MS), isMuted);
    }
  }

  get #inFlight(): number {
    return this.#sent.size;
  }

  /** Everything that this publisher still has: in requests without an answer, in queues, set aside, in lanes. */
  #leave(): PublishReceipt {
    const left = new LeftCollector(this.#parts.digest);
    let unknownCount = 0;
    const { queues } = this.#set;
    for (const batch of [...this.#sent, ...this.#reshard.misroutedBatches]) {
      unknownCount += batch.count;
      left.addFrames(queues.framesOf(batch), batch.count);
    }
    for (const batch of queues.takeAll()) left.addFrames(queues.framesOf(batch), batch.count);
    for (const frame of this.#refusals.setAside) left.addFrames(frame, 1);
    for (const lane of this.#setup.lanes) left.addLane(lane);
    this.#count(STAT.AMBIGUOUS, unknownCount);
    return { ...this.#end(), left: left.result(), unknownCount };
  }

  /** What a publisher that leaves nothing reports. */
  #end(): PublishReceipt {
    return { left: [], unknownCount: 0, skew: this.#set.skew.counts() };
  }

  /** The publisher cannot go on. It sends nothing more, and stays until it is asked what is left. */
  #fail(error: MillraceError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#parts.post({ kind: 'failed', error: error.toWire() });
  }

  /**
   * Hands out the records whose refusal is proven, and sends those again that nothing is left to prove.
   * @param isDone Nothing waits any more except what is set aside.
   * @returns Whether there is something to send again, or nothing to go on for.
   */
  #weighRefusals(isDone: boolean): boolean {
    const refusals = this.#refusals;
    const isAlone = isDone && this.#inFlight === 0;
    const records = refusals.takeProven(isAlone);
    if (records.length > 0) this.#parts.post({ kind: 'refused', records });
    const isLast = refusals.inRow >= REFUSALS_IN_ROW_MAX;
    if (isAlone && !refusals.isEmpty && refusals.askAgain(isLast)) return true;
    const { hopeless } = this.#failures;
    if (hopeless !== null) this.#fail(hopeless);
    return hopeless !== null;
  }

  /**
   * Whether as many batches wait for a free request as can be in flight, or be prepared at once. What is drained beyond that would only
   * leave the processor's cache. Batches that their shard's pace or order holds do not count, or a hot shard would stop the others.
   */
  #hasEnough(): boolean {
    const { queues, shards } = this.#set;
    const nowMs = this.#parts.nowMs();
    const batchCount = this.#aheadCount;
    const shardMax = Math.max(this.#order.shardInFlightMax, batchCount);
    let missing = Math.max(this.#setup.rules.inFlightMax, batchCount);
    for (let shardIndex = 0; shardIndex < shards.length && missing > 0; shardIndex++) {
      const batch = queues.peek(shardIndex);
      if (batch === null) continue;
      if (this.#gathering.waitMs(shardIndex, this.#set, batch, nowMs) === 0)
        missing -= Math.min(queues.closedCount(shardIndex), shardMax);
    }
    return missing <= 0;
  }

  /** Starts every request that may go now. @returns Milliseconds until the next one may. */
  #dispatch(isFlushing: boolean): number {
    const nowMs = this.#parts.nowMs();
    this.#isSated = false;
    if (!this.#reshard.isIdle) return this.#reshard.advance(nowMs, this.#inFlight);
    this.#heldShards = 0;
    this.#rateHeldShards = 0;
    let sleepMs = SLEEP_MAX_MS;
    const shardCount = this.#set.shards.length;
    if (this.#aheadCount > 0) this.#sendPrepared(isFlushing, nowMs);
    for (let turn = 0; turn < shardCount; turn++) {
      const shardIndex = (this.#firstShard + turn) % shardCount;
      sleepMs = Math.min(sleepMs, this.#dispatchShard(shardIndex, isFlushing, nowMs));
    }
    this.#isSated = this.#set.shards.every((_, shardIndex) => this.#set.queues.peek(shardIndex) !== null);
    // The next round starts one shard further, so that no shard is always last when requests in flight are scarce.
    this.#firstShard = (this.#firstShard + 1) % shardCount;
    return sleepMs;
  }

  /** How many batches may wait to be prepared together: none before anything was taken, so that a limit of size is learned by few. */
  get #aheadCount(): number {
    const mayWait = this.#stats[STAT.ANSWERED]! > 0 && !this.#refusals.hasSizeLimit;
    return mayWait ? this.#ahead.batchCount : 0;
  }

  /** What is prepared goes first: when nothing of it is left, many batches wait that can be prepared together. */
  #sendPrepared(isFlushing: boolean, nowMs: number): void {
    const { queues, shards } = this.#set;
    for (let turn = 0; turn < shards.length; turn++) {
      const shardIndex = (this.#firstShard + turn) % shards.length;
      while (this.#mayStart(shardIndex)) {
        const batch = queues.peek(shardIndex);
        if (!batch || !isPrepared(batch)) break;
        if (this.#shardDelayMs(shardIndex, batch, isFlushing, nowMs) > 0) break;
        if (this.#runPace.delayMs(batch.count, batch.payloadBytes, nowMs) > 0) break;
        this.#send(shardIndex, queues.shift(shardIndex), nowMs);
      }
    }
    if (this.#inFlight < this.#inFlightMax) this.#ahead.prepare(queues, this.#firstShard);
  }

  #mayStart(shardIndex: number): boolean {
    return (
      this.#inFlight < this.#inFlightMax && this.#set.inFlight[shardIndex]! < this.#order.shardInFlightMax
    );
  }

  get #inFlightMax(): number {
    return this.#refusals.isInDoubt ? 1 : this.#setup.rules.inFlightMax;
  }

  /** How long a batch waits for its shard, or for the service as a whole. */
  #shardDelayMs(shardIndex: number, batch: Batch, isFlushing: boolean, nowMs: number): number {
    const paceMs = isFlushing
      ? this.#set.paceDelayMs(shardIndex, batch, nowMs)
      : this.#gathering.waitMs(shardIndex, this.#set, batch, nowMs);
    return Math.max(this.#breaker.delayMs(nowMs), paceMs);
  }

  #dispatchShard(shardIndex: number, isFlushing: boolean, nowMs: number): number {
    const { rules } = this.#setup;
    const { queues } = this.#set;
    while (this.#mayStart(shardIndex)) {
      if (!queues.peek(shardIndex) && queues.openCount(shardIndex) > 0) {
        const dueMs = queues.openedAtMs(shardIndex) + rules.lingerMs - nowMs;
        if (!isFlushing && dueMs > 0) return dueMs;
        queues.close(shardIndex);
      }
      const batch = queues.peek(shardIndex);
      if (!batch) return SLEEP_MAX_MS;
      const runDelayMs = this.#runPace.delayMs(batch.count, batch.payloadBytes, nowMs);
      const shardDelayMs = this.#shardDelayMs(shardIndex, batch, isFlushing, nowMs);
      const delayMs = Math.max(shardDelayMs, runDelayMs);
      if (delayMs > 0) {
        this.#heldShards++;
        if (runDelayMs > shardDelayMs) this.#rateHeldShards++;
        return delayMs;
      }
      this.#send(shardIndex, this.#order.shift(queues, shardIndex, this.#parts.codec), nowMs);
    }
    return SLEEP_MAX_MS;
  }

  /** Starts one request. What becomes of it is settled when it ends; nothing escapes from there. */
  #send(shardIndex: number, batch: Batch, nowMs: number): void {
    const { paces, inFlight, shards } = this.#set;
    paces[shardIndex]!.take(this.#set.recordsOnWire(batch), batch.payloadBytes, nowMs);
    this.#runPace.take(batch.count, batch.payloadBytes, nowMs);
    this.#breaker.onSend();
    this.#sent.add(batch);
    inFlight[shardIndex]!++;
    this.#count(STAT.REQUESTS, 1);
    if (batch.isRetry) this.#count(STAT.REQUESTS_RETRIED, 1);
    const { stamp } = this.#refusals;
    void this.#parts.sink
      .put(batch, shards[shardIndex]!)
      .then((answer) => this.#settle(shardIndex, batch, answer))
      .catch((error: unknown) => {
        this.#sent.delete(batch);
        const ending = this.#failures.take(shardIndex, batch, stamp, error);
        if (ending !== null) this.#fail(ending);
      })
      .finally(() => {
        inFlight[shardIndex]!--;
        this.#ear.nudge();
      });
  }

  #settle(shardIndex: number, batch: Batch, answer: PutAnswer): void {
    const { paces, shards, skew } = this.#set;
    const pace = paces[shardIndex]!;
    this.#sent.delete(batch);
    this.#breaker.onSuccess();
    this.#count(STAT.ANSWERED, 1);
    this.#refusals.clear(batch);
    const settlement = settle(this.#settleParts, shardIndex, batch, answer);
    const { storedRecords: records, storedBytes: bytes } = settlement;
    pace.onAnswer({ records, bytes }, settlement.throttledRecords, this.#parts.nowMs());
    if (settlement.failedRecords > 0) pace.onRequestFailed(this.#parts.nowMs(), batch.failures);
    if (settlement.refused.length > 0) this.#parts.post({ kind: 'refused', records: settlement.refused });
    if (answer.verdict.counts[VERDICT.MISROUTED] > 0) this.#reshard.note();
    skew.take(shards[shardIndex]!.shardId, records, bytes);
    this.#count(STAT.RECORDS, records);
    this.#count(STAT.BYTES, bytes);
    this.#count(STAT.THROTTLED, settlement.throttledRecords);
    this.#count(STAT.FAILED, settlement.failedRecords);
  }

  #count(column: number, amount: number): void {
    this.#stats[column]! += amount;
  }
}
