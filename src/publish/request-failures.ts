/**
 * Request failures: what becomes of a request that was not answered record by record, and of the publisher that sent it.
 * Takes  the error of each such request with its batch.
 * Gives  the batch back to its shard's queue, whole or in parts; the error that ends the run, once there is one.
 * Owns   the rule for what is denied: before anybody's first answer it ends the run at once; after it, requests are repeated as with a
 *        service that is unavailable, for as long. Permissions are replicated, keys rotated, streams made again, and this run has worked before.
 * Never  sends or waits: see publisher.ts. What an error means is the sink's to say (sink.ts).
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT, type FailureExitCode } from '../base/exit-code.ts';
import type { Batch } from './batch.ts';
import type { Breaker } from './breaker.ts';
import { REFUSALS_IN_ROW_MAX, type Refusals } from './refusals.ts';
import type { PublishNotice, PublishSetup } from './setup.ts';
import type { ShardSet } from './shard-set.ts';
import type { RequestFailure, Sink } from './sink.ts';
import { STAT } from './stats.ts';

export interface RequestFailuresParts {
  readonly setup: PublishSetup;
  readonly sink: Pick<Sink, 'classify'>;
  readonly shardSet: ShardSet;
  readonly breaker: Breaker;
  readonly refusals: Refusals;
  /** This publisher's row. */
  readonly stats: Float64Array;
  /** How many requests were answered, by all publishers of the run. */
  readonly answers: () => number;
  readonly post: (notice: PublishNotice) => void;
  readonly nowMs: () => number;
}

export class RequestFailures {
  readonly #parts: RequestFailuresParts;
  /** Batches that were denied without a reason, and how many requests were answered by then. */
  readonly #denied = new WeakMap<Batch, number>();
  /** What the last refusal would end the run with. */
  #refusedWith: MillraceError | null = null;

  constructor(parts: RequestFailuresParts) {
    this.#parts = parts;
  }

  /**
   * Takes a failed request. The batch is the queues' afterwards.
   * @param stamp What the refusals' stamp was when it was sent.
   * @returns What ends the run, or null.
   */
  take(shardIndex: number, batch: Batch, stamp: number, error: unknown): MillraceError | null {
    const { shardSet } = this.#parts;
    const failure = this.#classify(batch, error);
    if (failure === null) return threadFailure(error);
    if (failure.kind === 'refused') {
      this.#takeRefusal(shardIndex, batch, stamp, failure);
      return null;
    }
    shardSet.queues.unshift(shardIndex, batch);
    batch.isRetry = true;
    if (failure.kind === 'denied' && this.#parts.answers() === 0) return atOnce(failure.error);
    const nowMs = this.#parts.nowMs();
    shardSet.paces[shardIndex]!.onRequestFailed(nowMs);
    if (failure.kind === 'throttled') {
      this.#parts.breaker.onSuccess();
      this.#count(STAT.THROTTLED, batch.count);
      return null;
    }
    this.#count(STAT.REQUESTS_FAILED, 1);
    if (failure.kind === 'failed' && failure.isAmbiguous) this.#count(STAT.AMBIGUOUS, batch.count);
    return this.#strain(failure, nowMs);
  }

  /** What ends the run because everything is refused, or null. */
  get hopeless(): MillraceError | null {
    if (this.#parts.refusals.inRow < REFUSALS_IN_ROW_MAX || this.#refusedWith === null) return null;
    const { code, message, exitCode } = this.#refusedWith;
    const row = `${REFUSALS_IN_ROW_MAX} requests in a row were refused and none was taken, so nothing is a dead letter`;
    return new MillraceError(code, `${message} (${row})`, { exitCode: exitCode as FailureExitCode });
  }

  /** A filter on the way denies what it finds in a request, and says no more than 403: what is denied while others are taken is refused. */
  #classify(batch: Batch, error: unknown): RequestFailure | null {
    const failure = this.#parts.sink.classify(error);
    if (failure?.kind !== 'denied' || failure.refusalReason === null) return failure;
    const answers = this.#parts.answers();
    const isOwn = batch.suspicion || answers > (this.#denied.get(batch) ?? answers);
    this.#denied.set(batch, answers);
    const { refusalReason: reason, error: ending } = failure;
    return isOwn ? { kind: 'refused', reason, isTooLarge: false, error: ending } : failure;
  }

  #takeRefusal(
    shardIndex: number,
    batch: Batch,
    stamp: number,
    failure: RequestFailure & { kind: 'refused' },
  ): void {
    const { breaker, refusals, shardSet, nowMs } = this.#parts;
    // The service is there: it has read the request.
    breaker.onSuccess();
    this.#count(STAT.REQUESTS_FAILED, 1);
    this.#refusedWith = failure.error;
    if (refusals.refuse(shardIndex, batch, stamp, failure))
      shardSet.paces[shardIndex]!.onRequestFailed(nowMs());
  }

  /** Tells the breaker. @returns What ends the run, when the service has failed for too long. */
  #strain(failure: RequestFailure & { kind: 'failed' | 'denied' }, nowMs: number): MillraceError | null {
    const { breaker, post, setup, stats } = this.#parts;
    const stateBefore = breaker.state;
    const isUnavailable = breaker.onFailure(nowMs);
    stats[STAT.BREAKER_OPENED] = breaker.openedCount;
    const { reason } = failure;
    if (stateBefore === 'closed' && breaker.state === 'open') post({ kind: 'breaker', reason });
    if (!isUnavailable) return null;
    if (failure.kind === 'denied') return failure.error;
    const seconds = Math.round(setup.rules.unavailableMs / 1000);
    const why = `no request succeeded for ${seconds} s, last: ${reason}`;
    const advice = 'run the same command again when the service is back';
    return new MillraceError(
      'MILLRACE_SERVICE_AWAY',
      `Cannot put records to stream ${setup.streamName}: ${why}; ${advice}`,
      { exitCode: EXIT.resumable },
    );
  }

  #count(column: number, amount: number): void {
    this.#parts.stats[column]! += amount;
  }
}

function threadFailure(error: unknown): MillraceError {
  const why = error instanceof Error ? error.message : String(error);
  return new MillraceError(
    'MILLRACE_WORKER',
    `The publisher thread failed: ${why}; run the same command again to go on from the journal`,
    { exitCode: EXIT.resumable },
  );
}

/** Nothing was ever taken: the run could not start, whatever a later one may do. */
function atOnce({ code, message }: MillraceError): MillraceError {
  return new MillraceError(code, message, { exitCode: EXIT.refused });
}
