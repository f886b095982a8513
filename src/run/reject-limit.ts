/**
 * Reject limit: whether a run has more dead letters than `--max-rejects` allows.
 * Takes  the limit, and what the whole run has counted. Gives  the failure, or null. Pure.
 */
import { MillraceError } from '../base/errors.ts';
import type { BackfillOptions } from '../options/backfill.ts';

/** Below this many lines a share does not stop a run: the first bad line of one is 100 % of it. */
const SHARE_LINES_MIN = 1_000;

export interface RejectCounts {
  /** Dead letters of all processes of the run. */
  readonly rejected: number;
  readonly lines: number;
  /** All lines are read, so a share counts, however few they are. */
  readonly isFinal: boolean;
}

export function beyondRejectLimit(
  limit: BackfillOptions['maxRejects'],
  { rejected, lines, isFinal }: RejectCounts,
): MillraceError | null {
  if (limit === null) return null;
  const isCount = 'count' in limit;
  if (!isCount && lines < SHARE_LINES_MIN && !isFinal) return null;
  if (rejected <= (isCount ? limit.count : limit.share * lines)) return null;
  const most = isCount ? `${limit.count}` : `${limit.share * 100} %`;
  const message = `More than ${most} dead letters (--max-rejects): ${rejected} of ${lines} lines`;
  return new MillraceError('MILLRACE_REJECTS_EXCEEDED', message);
}
