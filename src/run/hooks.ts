/** Hooks: what an embedding program may bring to a run, and is told during it. */
import type { PrepareHooks } from './prepare.ts';
import type { Progress } from './report.ts';

/** What an embedding program may bring. */
export interface BackfillHooks {
  /** Ends the run in good order; its reason may be a MillraceError that says why. */
  readonly signal?: AbortSignal;
  /** Called about four times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Things the user should know, one line each. */
  readonly onNotice?: (text: string) => void;
  /** Whether a run may begin although another one covers the same objects. Absent: it is refused, unless `newRun` is set. */
  readonly askNewRun?: PrepareHooks['askNewRun'];
  /** Whether a short run may do without publisher threads, and send from the thread that calls. Default false: that thread has other work. */
  readonly maySendHere?: boolean;
}
