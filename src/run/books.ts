/** Books: whether every line of every object is accounted for at the end of a run. */
import type { Accounting } from '../accounting/accounting.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';

/**
 * The books balance when nothing is open, and as many records were acknowledged as were found.
 * @param acknowledged Records that the publishers count.
 * @throws {MillraceError} When they do not.
 */
export function assertBalanced(
  { openSlices, openObjects, counts }: Pick<Accounting, 'openSlices' | 'openObjects' | 'counts'>,
  acknowledged: number,
): void {
  const { records } = counts.tally;
  if (openSlices === 0 && openObjects === 0 && acknowledged === records) return;
  const open = `${openObjects} objects and ${openSlices} slices open`;
  const why = `${open}, ${acknowledged} records acknowledged of ${records}`;
  throw new MillraceError(
    'MILLRACE_WORKER',
    `The books do not balance (${why}); run the same command again`,
    {
      exitCode: EXIT.resumable,
    },
  );
}
