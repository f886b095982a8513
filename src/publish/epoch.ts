/**
 * Epoch: what a quarter second of answers says of a shard, and how two of them are told apart: a full shard from noise.
 * Pure; docs/adr/0007-noise-is-not-fullness.md says why it is right.
 */
/** What came back in some time: records per second that were sent, and the share of them that the shard refused. */
export interface Epoch {
  readonly recordsPerSecond: number;
  readonly refusedShare: number;
}

/** A shard that refuses more than this is never taken for noisy: slowing down leaves the rest to other producers. */
const NOISE_SHARE_MAX = 0.4;
/** Noise is told from fullness only where the shares that the two would refuse are this far apart, or chance would decide. */
const NOISE_DIFFERENCE_MIN = 0.15;
/** Of that difference, noise makes at most this part. */
const NOISE_CHANGE_MAX = 0.15;

/**
 * What slower sending has changed. A full shard stores as much as before and has less to refuse; noise stays what it was.
 * @returns `fuller`: it has helped, so compare with this epoch from now on; `faster`: more was sent than before, so nothing is known yet
 * and this is the rate to compare with; `unclear`: slow down more, then it will be clear.
 */
export function compare(before: Epoch, now: Epoch): 'fuller' | 'noise' | 'faster' | 'unclear' {
  if (now.recordsPerSecond > before.recordsPerSecond) return 'faster';
  const storedPerSecond = before.recordsPerSecond * (1 - before.refusedShare);
  const shareIfFull = Math.max(0, 1 - storedPerSecond / now.recordsPerSecond);
  const difference = before.refusedShare - shareIfFull;
  const change = before.refusedShare - now.refusedShare;
  if (change > difference / 2) return 'fuller';
  const isClear = difference >= NOISE_DIFFERENCE_MIN && change <= difference * NOISE_CHANGE_MAX;
  return isClear && now.refusedShare <= NOISE_SHARE_MAX ? 'noise' : 'unclear';
}
