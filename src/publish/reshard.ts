/**
 * Reshard: what a publisher does when its sink's shards turn out to differ from those that it knew.
 * Takes  word that records landed in another shard than expected, and the aggregated ones among them.
 * Gives  the shard set its new shards, with every waiting record in its queue; the error that ends the run where the shards cannot be found out.
 * Owns   the state of the question (idle, due, asked), how often it is asked and for how long, and the misrouted aggregated records:
 *        nothing of them is acknowledged before the shards are known.
 * Never  asks while a request is on its way: with none, every waiting record can move to its new shard, in order.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { Trouble } from '../base/patience.ts';
import type { ShardRange } from '../record/hash-range.ts';
import type { Batch } from './batch.ts';
import type { Codec } from './codec.ts';
import { GOES, markDropped, STAYS, type StoredAggregate } from './frame-walk.ts';
import type { Refusals } from './refusals.ts';
import type { SettleParts } from './settle.ts';
import type { PublishNotice, PublishSetup } from './setup.ts';
import type { ShardSet } from './shard-set.ts';
import type { Sink } from './sink.ts';
import { STAT } from './stats.ts';

/** Changed shards are not asked for more often than this. */
const ASK_INTERVAL_MS = 1_000;

export interface ReshardParts {
  readonly setup: PublishSetup;
  readonly sink: Pick<Sink, 'partitions'>;
  readonly shardSet: ShardSet;
  readonly codec: Pick<Codec, 'select'>;
  readonly refusals: Pick<Refusals, 'dissolve'>;
  readonly acknowledge: SettleParts['acknowledge'];
  /** This publisher's row. */
  readonly stats: Float64Array;
  readonly post: (notice: PublishNotice) => void;
  readonly nowMs: () => number;
  /** Told what ends the run. */
  readonly onHopeless: (error: MillraceError) => void;
  /** Told when the question was answered, or has failed. */
  readonly onAsked: () => void;
}

/** Aggregated records, one behind the other in a batch, that reached shards whose ranges their parts may not all lie in. */
interface Misrouted {
  readonly batch: Batch;
  readonly aggregates: readonly StoredAggregate[];
}

export class Reshard {
  readonly #parts: ReshardParts;
  #state: 'idle' | 'due' | 'asked' = 'idle';
  #askedAtMs = Number.NEGATIVE_INFINITY;
  readonly #trouble = new Trouble();
  #misrouted: Misrouted[] = [];

  constructor(parts: ReshardParts) {
    this.#parts = parts;
  }

  /** Nothing has to be asked. Otherwise no request may begin. */
  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  get isAsked(): boolean {
    return this.#state === 'asked';
  }

  /** Whether aggregated records wait for the answer: they are on the stream, and only it says whether consumers see them. */
  get hasMisrouted(): boolean {
    return this.#misrouted.length > 0;
  }

  get misroutedBatches(): Batch[] {
    return this.#misrouted.map(({ batch }) => batch);
  }

  /** Keeps misrouted aggregated records until it is known which shard has which range. */
  keep(batch: Batch, aggregates: readonly StoredAggregate[]): void {
    this.#misrouted.push({ batch, aggregates });
  }

  /** A record landed in another shard than expected. */
  note(): void {
    if (this.#state === 'idle') this.#state = 'due';
  }

  /** Asks, if it may be asked now. @param inFlight Requests on their way. @returns Milliseconds until it may; Infinity: until something ends. */
  advance(nowMs: number, inFlight: number): number {
    if (this.#state === 'asked' || inFlight > 0) return Number.POSITIVE_INFINITY;
    const waitMs = this.#askedAtMs + ASK_INTERVAL_MS - nowMs;
    if (waitMs > 0) return waitMs;
    this.#state = 'asked';
    void this.#ask();
    return Number.POSITIVE_INFINITY;
  }

  async #ask(): Promise<void> {
    const { sink, nowMs, onAsked } = this.#parts;
    try {
      this.#change(await sink.partitions());
      this.#state = 'idle';
      this.#trouble.end();
    } catch (error) {
      this.#state = 'due';
      this.#fail(error);
    }
    this.#askedAtMs = nowMs();
    onAsked();
  }

  #change(shards: readonly ShardRange[]): void {
    const { shardSet, refusals, post, nowMs } = this.#parts;
    refusals.dissolve();
    const again = this.#misrouted.splice(0).map((one) => this.#judge(one, shards));
    const hasChanged = shardSet.update(shards, nowMs(), again);
    if (!hasChanged) return;
    this.#count(STAT.RESHARDS, 1);
    post({ kind: 'reshard', shardCount: shards.length });
  }

  /** Acknowledges the records of those aggregates that a consumer finds where they are, all or none of each. @returns The others: they go again. */
  #judge({ batch, aggregates }: Misrouted, shards: readonly ShardRange[]): Batch {
    const { codec, acknowledge } = this.#parts;
    const frames = batch.buffer.subarray(0, batch.bytes);
    const dropped = markDropped(frames, aggregates, shards);
    const safe = dropped.map((mark) => (mark === GOES ? STAYS : GOES));
    acknowledge(frames, batch.count, safe, GOES);
    const again = codec.select(frames, batch.count, dropped, GOES, batch.buffer);
    this.#count(STAT.RESENT, again.count);
    this.#count(STAT.RECORDS, batch.count - again.count);
    this.#count(STAT.BYTES, batch.payloadBytes - again.payloadBytes);
    return Object.assign(batch, again);
  }

  /** The shards are between two states, or the question failed: this is reported, and the question repeated, but not for ever. */
  #fail(error: unknown): void {
    const { setup, post, nowMs, onHopeless } = this.#parts;
    const reason = error instanceof Error ? error.message : String(error);
    post({ kind: 'refresh-failed', reason });
    const { unavailableMs } = setup.rules;
    if (this.#trouble.add(nowMs()) < unavailableMs) return;
    // The shards were listed before: a denial may be over soon, and is the reason given where it is not.
    if (error instanceof MillraceError && error.exitCode === EXIT.refused) {
      onHopeless(error);
      return;
    }
    const why = `not once in ${Math.round(unavailableMs / 1000)} s, last: ${reason}`;
    onHopeless(
      new MillraceError(
        'MILLRACE_SERVICE_AWAY',
        `Cannot list the shards of stream ${setup.streamName}: ${why}; run the same command again later`,
        { exitCode: EXIT.resumable },
      ),
    );
  }

  #count(column: number, amount: number): void {
    this.#parts.stats[column]! += amount;
  }
}
