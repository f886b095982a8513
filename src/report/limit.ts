/**
 * Limit: which stage a run was held back by, judged from what was full and what stood still.
 * Takes  samples of the run's pressure, each over a stretch of time.
 * Gives  the stage that held the run back for most of the time, the share of each stage, and the means it was judged by.
 * Pure.
 *
 * The start, until the first byte arrives, does not count. Each stretch belongs to the last stage that could not go faster, looking from the stream towards the source:
 *   the stream  batches are ready and a shard's pace (or --rate) does not let them go, or every request is out and the publisher idles
 *   publish     parsers wait before full lanes, or every request is out, and the publishers work without a pause
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
  /** Parsers that stand before a full lane. */
  readonly parsersWaiting: number;
  /** PutRecords requests in flight, of those that may be. */
  readonly requestsOut: number;
  /** Publishers with a batch that is ready, and that a shard's pace, a backoff or --rate holds back. */
  readonly publishersHeld: number;
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
/** So busy is a thread that works without a pause. */
const BUSY = 0.8;
/** So many of the requests are out, or of the parsers waiting, that it is all of them for most of the time. */
const MOST = 0.75;

export function limitOf(allSamples: readonly Pressure[]): Limit {
  const begin = allSamples.findIndex(({ receivedBytes }) => receivedBytes > 0);
  const samples = begin < 0 ? [] : allSamples.slice(begin);
  const totalMs = samples.reduce((sum, { overMs }) => sum + overMs, 0);
  const share = (of: (sample: Pressure) => number) =>
    totalMs === 0 ? 0 : samples.reduce((sum, sample) => sum + of(sample) * sample.overMs, 0) / totalMs;
  const shares = Object.fromEntries(
    STAGES.map((stage) => [stage, share((sample) => (stageOf(sample) === stage ? 1 : 0))]),
  ) as Record<Stage, number>;
  const [longest] = STAGES.toSorted((one, other) => shares[other] - shares[one]);
  return {
    stage: totalMs < TOTAL_MS_MIN ? null : longest!,
    shares,
    means: {
      parsersBusy: share((sample) => sample.parsersBusy),
      parsersWaiting: share((sample) => sample.parsersWaiting),
      requestsOut: share((sample) => sample.requestsOut),
      publishersHeld: share((sample) => sample.publishersHeld),
      publishersBusy: share((sample) => sample.publishersBusy),
      mainBusy: share((sample) => sample.mainBusy),
    },
  };
}

/** The stage that held the run back in this stretch. */
export function stageOf(sample: Pressure): Stage {
  if (sample.publishersHeld >= 0.5) return 'stream';
  if (sample.publishersBusy >= BUSY && (sample.parsersWaiting > 0 || sample.requestsOut >= MOST))
    return 'publish';
  if (sample.requestsOut >= MOST) return 'stream';
  if (sample.parsersWaiting >= MOST) return 'publish';
  return sample.parsersBusy >= MOST ? 'scan' : 'download';
}
