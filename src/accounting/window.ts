/**
 * Window: how much of the source may be read and not yet be journaled. It is what a kill repeats at most.
 * Takes  what was settled so far, and how many shards are held back, a few times a second.
 * Gives  the window, the size of slices, and how long something settled may wait for its entry.
 * Owns   the trade: a small window starves shards where neighbouring lines have one key, a large one is repeated after a kill.
 *        Where the stream's capacity is known the window is what it takes in eight seconds. Where it is not, the window doubles until
 *        every shard is held, and is then eight seconds of what is stored.
 * Never  reads a clock or memory: policy alone.
 */
import { KIB, MIB } from '../base/limits.ts';
import { SLICE_BYTES_MAX } from '../ring/slices.ts';

/** What the stream takes in a second, as far as it is known: Infinity where it is not. */
export interface Capacity {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What a run says about its pace, and what is known of its stream. */
export function streamCapacity(
  options: {
    readonly rate: Partial<Capacity> | null;
    readonly headroom: number;
    readonly aggregate: boolean;
    readonly dryRun: boolean;
  },
  { isOnDemand, shardRate }: { readonly isOnDemand: boolean; readonly shardRate: Capacity },
  shardCount: number,
): Capacity {
  const { rate, headroom, aggregate, dryRun } = options;
  const shards = isOnDemand || dryRun ? Number.POSITIVE_INFINITY : shardCount * (1 - headroom);
  // An aggregated record counts as one, so those are bounded by their bytes.
  const shardRecords = aggregate ? Number.POSITIVE_INFINITY : shards * shardRate.recordsPerSecond;
  const { recordsPerSecond = Number.POSITIVE_INFINITY, bytesPerSecond = Number.POSITIVE_INFINITY } =
    rate ?? {};
  return {
    recordsPerSecond: Math.min(recordsPerSecond, shardRecords),
    bytesPerSecond: Math.min(bytesPerSecond, shards * shardRate.bytesPerSecond),
  };
}

export interface WindowOptions {
  readonly parserCount: number;
  readonly publisherCount: number;
}

/** How things are now. Sums since the process began. */
export interface WindowInput {
  readonly nowMs: number;
  readonly capacity: Capacity;
  readonly shardCount: number;
  /** Shards with a batch that is ready and held back by pace or backoff. */
  readonly heldShards: number;
  /** Bytes of the (decompressed) source, and records in them. */
  readonly settledBytes: number;
  readonly settledRecords: number;
}

export interface WindowState {
  readonly windowBytes: number;
  readonly sliceBytes: number;
  /** What is settled waits no longer than this for its entry. */
  readonly commitMs: number;
  /** When the window is to be set again. */
  readonly lookMs: number;
}

const START_BYTES = 4 * MIB;
/** On two cores; 16 MiB a thread on more. */
const MAX_BYTES = 48 * MIB;
const MAX_BYTES_PER_THREAD = 16 * MIB;
/** A machine faster than its thread count suggests may have a quarter of a second's work in the window. */
const RATE_SECONDS_MAX = 0.25;
const CAPACITY_SECONDS = 8;
const SLICE_BYTES_MIN = 16 * KIB;
/** Slices of a parser's share of the window, so that settling one makes room for the next. */
const SLICES_PER_PARSER = 8;
/** A slice is no more than this time's work, so that a run killed every second still makes progress. */
const SLICE_SECONDS = 0.125;
/** Records of one request, and their bytes. */
const REQUEST_RECORDS = 500;
const REQUEST_BYTES_MAX = 512 * KIB;
const RATE_WINDOW_MS = 2_000;
/** Each commit is a sync of the disk, and costs the main thread half a millisecond. */
const COMMIT_MS = 250;
/** In a run that has gone on for a while each commit brings more, and one that is killed all the time has no such while. */
const COMMIT_STEADY_MS = 500;
/** Every wake-up of a thread that has nothing to do costs as much as what it carries: a window that stays about the same is left alone for longer. */
const LOOK_MS = 100;
const LOOK_STEADY_MS = 500;
/** What has changed by less stays about the same. */
const STEADY_SHARE = 0.125;
/** What comes first is written soon, so that a run which is killed as soon as it works makes progress, too. */
const COMMIT_FIRST_MS = 50;

export class WindowPolicy {
  readonly #options: WindowOptions;
  readonly #samples: { atMs: number; bytes: number }[] = [];
  #windowBytes = START_BYTES;
  #sliceBytes = SLICE_BYTES_MIN;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  update(input: WindowInput): WindowState {
    const rate = this.#rate(input);
    const floor = this.#floor(input);
    const before = { windowBytes: this.#windowBytes, sliceBytes: this.#sliceBytes };
    this.#windowBytes = Math.max(floor, Math.min(this.#wanted(input, rate), this.#ceiling(rate)));
    const { parserCount } = this.#options;
    const share = Math.min(this.#windowBytes / (SLICES_PER_PARSER * parserCount), rate * SLICE_SECONDS);
    this.#sliceBytes = Math.floor(Math.max(SLICE_BYTES_MIN, Math.min(SLICE_BYTES_MAX, share)));
    const isSteady = this.#isSteady(input);
    const isSame =
      isNear(before.windowBytes, this.#windowBytes) && isNear(before.sliceBytes, this.#sliceBytes);
    return {
      windowBytes: this.#windowBytes,
      sliceBytes: this.#sliceBytes,
      commitMs: isSteady ? COMMIT_STEADY_MS : rate === 0 ? COMMIT_FIRST_MS : COMMIT_MS,
      lookMs: isSteady && isSame ? LOOK_STEADY_MS : LOOK_MS,
    };
  }

  #wanted(
    { capacity, shardCount, heldShards, settledBytes, settledRecords }: WindowInput,
    rate: number,
  ): number {
    if (settledRecords === 0) return START_BYTES;
    const bytesPerRecord = settledBytes / settledRecords;
    const known = Math.min(capacity.bytesPerSecond, capacity.recordsPerSecond * bytesPerRecord);
    if (Number.isFinite(known)) return CAPACITY_SECONDS * known;
    return heldShards < shardCount ? 2 * this.#windowBytes : CAPACITY_SECONDS * rate;
  }

  #ceiling(rate: number): number {
    const { parserCount, publisherCount } = this.#options;
    const threadBytes = MAX_BYTES_PER_THREAD * (parserCount + publisherCount);
    return Math.max(MAX_BYTES, Math.min(threadBytes, RATE_SECONDS_MAX * rate));
  }

  /** One request a shard and one slice a parser. */
  #floor({ shardCount, settledBytes, settledRecords }: WindowInput): number {
    const bytesPerRecord = settledRecords === 0 ? 0 : settledBytes / settledRecords;
    const requestBytes = Math.min(REQUEST_BYTES_MAX, REQUEST_RECORDS * bytesPerRecord);
    return Math.max(shardCount * requestBytes, this.#options.parserCount * SLICE_BYTES_MIN);
  }

  /** Whether something had settled two seconds ago, and something has since. */
  #isSteady({ nowMs, settledBytes }: WindowInput): boolean {
    const [first] = this.#samples;
    return first!.bytes > 0 && settledBytes > first!.bytes && nowMs - first!.atMs >= RATE_WINDOW_MS;
  }

  /** Settled bytes a second, over the last two. */
  #rate({ nowMs, settledBytes }: WindowInput): number {
    const samples = this.#samples;
    samples.push({ atMs: nowMs, bytes: settledBytes });
    while (samples.length > 2 && samples[1]!.atMs <= nowMs - RATE_WINDOW_MS) samples.shift();
    const [first] = samples;
    const seconds = (nowMs - first!.atMs) / 1000;
    return seconds > 0 ? (settledBytes - first!.bytes) / seconds : 0;
  }
}

function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) <= STEADY_SHARE * other;
}
