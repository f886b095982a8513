/**
 * Backfill progress: what is shown of a backfill while it goes on.
 * Takes  views of the work. Gives  the share that is done, and what to say of it, the most important first.
 * Owns   the reckoning: done is what was acknowledged, dead-lettered, filtered or blank, never what was read. The time to go comes
 *        from the last minute's pace of this process.
 */
import { formatBytes, formatCount, formatDuration } from '../base/quantity.ts';
import type { Teller } from './progress.ts';
import { Rate } from './rate.ts';

/** What one shard takes, or a run is allowed, in a second; Infinity where nothing bounds it. */
interface Pace {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What is shown of a backfill. Sums since the process began. */
export interface ProgressView {
  readonly objects: { readonly listed: number; readonly isListingDone: boolean };
  /** Stored bytes; `settled` are those of all processes of the run, `settledBefore` those of earlier ones. */
  readonly bytes: { readonly listed: number; readonly settled: number; readonly settledBefore: number };
  readonly records: number;
  readonly publishedBytes: number;
  readonly rejected: number;
  readonly shards: {
    readonly open: number;
    /** With a batch that is ready and may not go yet. */
    readonly held: number;
    /** Null: unknown. */
    readonly pace: Pace | null;
  };
  /** Of `--rate`, or null. */
  readonly ratePace: Pace | null;
  readonly elapsedMs: number;
}

/** One moment says little about what holds a run: the median of this many looks, over about five seconds, says more. */
const HELD_LOOKS = 20;
const ETA_WINDOW_MS = 60_000;
/** A shorter look says nothing about the pace. */
const ETA_LOOK_MS_MIN = 1_000;
/** A run this close to `--rate` is held by it. */
const RATE_SHARE = 0.9;

/** @param isDryRun Nothing is sent. */
export function backfillTeller(isDryRun = false): Teller<ProgressView> {
  const rate = new Rate();
  const pace = new Rate(ETA_WINDOW_MS);
  let beganMs: number | null = null;
  let held: readonly number[] = [];
  return (view) => {
    const { objects, bytes, shards, elapsedMs } = view;
    beganMs ??= elapsedMs;
    held = [...held, shards.held].slice(-HELD_LOOKS);
    const [records = 0, publishedBytes = 0] = rate.add(elapsedMs, view.records, view.publishedBytes);
    const [donePace = 0] = pace.add(elapsedMs, bytes.settled - bytes.settledBefore);
    const share = Math.max(0, Math.min(1, bytes.settled / Math.max(1, bytes.listed)));
    const isPaceKnown = objects.isListingDone && elapsedMs - beganMs >= ETA_LOOK_MS_MIN;
    const etaMs = isPaceKnown ? msToGo(bytes.listed - bytes.settled, donePace) : null;
    const parts = [
      objects.isListingDone ? `${Math.floor(share * 100)} %` : `listing: ${formatCount(objects.listed)}`,
      `ETA ${formatEta(etaMs)}`,
      `${formatCount(view.records)} ${isDryRun ? 'scanned' : 'sent'}`,
      `${formatCount(records)}/s`,
    ];
    if (view.rejected > 0) parts.push(`${formatCount(view.rejected)} rejected`);
    const heldShards = held.toSorted((one, other) => one - other)[held.length >> 1]!;
    if (heldShards > 0)
      parts.push(heldBy(view, heldShards, { recordsPerSecond: records, bytesPerSecond: publishedBytes }));
    return { share: objects.isListingDone ? share : 0, parts };
  };
}

/** Null where it cannot be known: nothing was done lately. */
function msToGo(leftBytes: number, bytesPerSecond: number): number | null {
  if (leftBytes <= 0) return 0;
  return bytesPerSecond > 0 ? (leftBytes / bytesPerSecond) * 1000 : null;
}

function formatEta(etaMs: number | null): string {
  if (etaMs === null) return '-';
  const seconds = Math.ceil(etaMs / 1000);
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

/** What ready batches wait for. */
function heldBy({ shards, ratePace }: ProgressView, held: number, now: Pace): string {
  if (ratePace !== null && isNear(now, ratePace)) return `held by --rate ${formatPace(ratePace, now)}`;
  const which = `held by the stream: ${formatCount(Math.min(held, shards.open))} of ${formatCount(shards.open)} shards`;
  return shards.pace === null ? which : `${which} at ${formatPace(shards.pace, now)}`;
}

function isNear(now: Pace, bound: Pace): boolean {
  return (
    now.recordsPerSecond >= RATE_SHARE * bound.recordsPerSecond ||
    now.bytesPerSecond >= RATE_SHARE * bound.bytesPerSecond
  );
}

/** Whichever of the two bounds records of this size reach first. */
function formatPace({ recordsPerSecond, bytesPerSecond }: Pace, now: Pace): string {
  const isByBytes = now.bytesPerSecond * recordsPerSecond > now.recordsPerSecond * bytesPerSecond;
  return isByBytes || recordsPerSecond === Number.POSITIVE_INFINITY
    ? `${formatBytes(bytesPerSecond)}/s`
    : `${formatCount(recordsPerSecond)} records/s`;
}
