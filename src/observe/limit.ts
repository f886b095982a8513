/**
 * Limit: which stage held a run back, inferred from what was full and what stood still.
 * Takes  samples of the run's pressure, one after the other, each over a stretch of time.
 * Gives  the stage that held the run back for most of the time, the share of each stage, and the means behind that.
 * Never  keeps a sample.
 *
 * The start, until the first byte arrives, does not count. Each stretch belongs to the last stage that could not go faster, looking from the stream towards the source:
 *   the stream  batches are ready and a shard's pace (or --rate) does not let them go, or every request is out and the publisher idles
 *   publish     parsers wait before full lanes or for the window, or every request is out, and the publishers work without a pause
 *   scan        every parser has work, and the lanes have room
 *   download    the parsers have nothing to do
 */
export const STAGES = ['download', 'scan', 'publish', 'stream'] as const;
export type Stage = (typeof STAGES)[number];

/** One stretch of a run. Shares from 0 to 1. */
export interface Pressure {
  readonly overMs: number;
  /** Bytes of the source that arrived meanwhile. */
  readonly receivedBytes: number;
  /** Parsers that have work. */
  readonly parsersBusy: number;
  /** Parsers that stand before a full lane, or wait for the window of what is read and not yet journaled. */
  readonly parsersWaiting: number;
  /** Requests in flight, of those that may be. */
  readonly requestsOut: number;
  /** Publishers with a batch that is ready, and that a shard's pace, a backoff or --rate holds back. */
  readonly publishersHeld: number;
  /** Shards that are held, of all of the stream. */
  readonly shardsHeld: number;
  /** Publishers that --rate holds back. */
  readonly rateHeld: number;
  /** Time that the publisher threads did not wait for anything. */
  readonly publishersBusy: number;
  /** Time that the main thread, which receives the downloads, did not wait for anything. */
  readonly mainBusy: number;
}

export interface Limit {
  /** Null where the run was too short to tell. */
  readonly stage: Stage | null;
  /** Share of the time for which each stage held the run back. */
  readonly shares: Readonly<Record<Stage, number>>;
  /** Means over the run. */
  readonly means: Omit<Pressure, 'overMs' | 'receivedBytes'>;
}

/** A shorter time says nothing. */
const TOTAL_MS_MIN = 1_000;
/** A thread this busy works without a pause. */
const BUSY = 0.8;
/** With this share of the requests out, or of the parsers waiting, it is all of them most of the time. */
const MOST = 0.75;

type Mean = keyof Limit['means'];
const MEANS: readonly Mean[] = [
  ...(['parsersBusy', 'parsersWaiting', 'requestsOut', 'publishersHeld', 'shardsHeld', 'rateHeld'] as const),
  ...(['publishersBusy', 'mainBusy'] as const),
];

/** Sums over a run's samples, so that a run of days needs no more memory than one of seconds. */
export class LimitTally {
  #hasBegun = false;
  #totalMs = 0;
  readonly #stageMs: Record<Stage, number> = { download: 0, scan: 0, publish: 0, stream: 0 };
  readonly #sums = Object.fromEntries(MEANS.map((name) => [name, 0])) as Record<Mean, number>;

  add(sample: Pressure): void {
    this.#hasBegun ||= sample.receivedBytes > 0;
    if (!this.#hasBegun) return;
    this.#totalMs += sample.overMs;
    this.#stageMs[stageOf(sample)] += sample.overMs;
    for (const name of MEANS) this.#sums[name] += sample[name] * sample.overMs;
  }

  limit(): Limit {
    const share = (ms: number) => (this.#totalMs === 0 ? 0 : ms / this.#totalMs);
    const shares = Object.fromEntries(
      STAGES.map((stage) => [stage, share(this.#stageMs[stage])]),
    ) as Limit['shares'];
    const means = Object.fromEntries(MEANS.map((name) => [name, share(this.#sums[name])])) as Limit['means'];
    const [longest] = STAGES.toSorted((one, other) => shares[other] - shares[one]);
    return { stage: this.#totalMs < TOTAL_MS_MIN ? null : longest!, shares, means };
  }
}

/** The stage that held the run back in this stretch. */
export function stageOf(sample: Pressure): Stage {
  if (sample.publishersHeld >= 0.5) return 'stream';
  if (sample.publishersBusy >= BUSY && (sample.parsersWaiting > 0 || sample.requestsOut >= MOST))
    return 'publish';
  if (sample.requestsOut >= MOST) return 'stream';
  // One full shard holds back its publisher, and the parsers whose next records are for it.
  if (sample.parsersWaiting >= MOST && sample.publishersHeld > 0) return 'stream';
  if (sample.parsersWaiting >= MOST) return 'publish';
  if (sample.parsersBusy >= MOST) return 'scan';
  // Nothing is left to read, and one shard still has a queue.
  return sample.publishersHeld > 0 && sample.receivedBytes === 0 ? 'stream' : 'download';
}
