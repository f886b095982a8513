/**
 * Ending: what may end a run from outside, from its first moment on: the caller's signal, and --timeout.
 * Takes  that signal, and the time that the run has.
 * Gives  one signal whose reason is a MillraceError; a way out of waiting for what never comes.
 * Owns   the timer. Never ends anything itself.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { asInterruption } from './failures.ts';

/** One timer of Node takes 24.8 days at most, and rings at once where it is given more. */
const TIMER_MS = 86_400_000;

export interface Ending {
  readonly signal: AbortSignal;
  /** Takes timer and listener back. */
  close(): void;
}

/** @param timeoutMs From now; null: no limit. */
export function openEnding(timeoutMs: number | null, outer?: AbortSignal): Ending {
  const controller = new AbortController();
  const onAbort = () => controller.abort(asInterruption(outer!.reason));
  if (outer?.aborted) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  const expire = () => {
    const message = `Stopped by --timeout after ${timeoutMs! / 1000} s; the same command resumes it`;
    controller.abort(new MillraceError('MILLRACE_TIMEOUT', message, { exitCode: EXIT.resumable }));
  };
  const endsAtMs = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0) expire();
    else timer = setTimeout(wait, Math.min(leftMs, TIMER_MS));
  };
  if (timeoutMs !== null) wait();
  return {
    signal: controller.signal,
    close() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', onAbort);
    },
  };
}

/**
 * Waits for work that may never end: an unanswered call, a program that is asked for credentials.
 * @throws The signal's reason, as soon as it is aborted. What becomes of the work is then ignored.
 */
export async function untilEnded<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const ended = Promise.withResolvers<never>();
  const onAbort = () => ended.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, ended.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
