/**
 * Verify progress: what is shown of a comparison while it goes on.
 * Takes  views of both sides. Gives  the share that is done, and a text.
 * Owns   the guess how many records the stream will have: as many as the source, extrapolated from the bytes read so far.
 */
import { formatCount, formatDuration } from '../base/quantity.ts';
import type { Teller } from '../observe/progress.ts';
import { Rate } from '../observe/rate.ts';
import type { ComparePhase } from './compare.ts';

/** What is shown of `verify`. Sums since the step began. */
export interface VerifyProgressView {
  readonly phase: ComparePhase;
  readonly source: {
    readonly records: number;
    /** Stored bytes. */
    readonly bytes: { readonly listed: number; readonly downloaded: number };
  };
  readonly stream: { readonly records: number };
  /** Records that the first step found on the stream; 0 while it goes on. */
  readonly streamTotal: number;
  /** Since the process began. */
  readonly elapsedMs: number;
}

const STEPS = {
  source: 'reading the source',
  stream: 'reading the stream',
  name: 'reading the source once more',
} as const;

export function verifyTeller(): Teller<VerifyProgressView> {
  const rate = new Rate();
  const shareRate = new Rate();
  let step = '';
  return (view) => {
    const { phase, source, stream, elapsedMs } = view;
    const now = phase.name === 'digest' ? 'digest' : `${phase.round} ${phase.step}`;
    if (now !== step) for (const one of [rate, shareRate]) one.reset();
    step = now;
    const shares = sharesOf(view);
    const [sourceRate, streamRate] = rate.add(elapsedMs, source.records, stream.records);
    const growths = shareRate.add(elapsedMs, ...shares);
    const share = shares.reduce((sum, one) => sum + one, 0) / shares.length;
    // Both sides are read at once, so the slower one counts.
    const leftMs = Math.max(...shares.map((one, i) => msToGo(one, growths[i]!)));
    const parts = [
      `${Math.floor(share * 100)} %`,
      `ETA ${Number.isFinite(leftMs) ? formatDuration(leftMs) : '-'}`,
    ];
    if (phase.name === 'locate') parts.push(describePhase(phase));
    if (phase.name === 'digest' || phase.step !== 'stream')
      parts.push(`source ${formatCount(source.records)} records, ${formatCount(sourceRate!)}/s`);
    if (phase.name === 'digest' || phase.step === 'stream')
      parts.push(`stream ${formatCount(stream.records)} records, ${formatCount(streamRate!)}/s`);
    return { share, parts };
  };
}

/** Infinity where it cannot be known: the guess of the stream's records may grow faster than they are read. */
function msToGo(share: number, growth: number): number {
  if (share === 1) return 0;
  return growth > 0 ? ((1 - share) / growth) * 1000 : Number.POSITIVE_INFINITY;
}

export function describePhase(phase: ComparePhase): string {
  if (phase.name === 'digest') return 'reading source and stream';
  return `naming differences, round ${phase.round} of ${phase.rounds}: ${STEPS[phase.step]}`;
}

/** For each side that the step reads, the share that is done. */
function sharesOf({ phase, source, stream, streamTotal }: VerifyProgressView): number[] {
  const { listed, downloaded } = source.bytes;
  const sourceShare = listed === 0 ? 0 : Math.min(1, downloaded / listed);
  if (phase.name === 'locate' && phase.step !== 'stream') return [sourceShare];
  const expected = phase.name === 'locate' ? streamTotal : source.records / sourceShare;
  const streamShare = expected > 0 ? Math.min(1, stream.records / expected) : 0;
  return phase.name === 'locate' ? [streamShare] : [sourceShare, streamShare];
}
