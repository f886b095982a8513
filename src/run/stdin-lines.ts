/** Stdin lines: standard input as the names of objects, one a line. */
import { createInterface } from 'node:readline';

/**
 * Opened when the first line is asked for: a line reader loses what arrives before anybody listens.
 * @param signal Ends it with the signal's reason, also while standard input stands still.
 */
export async function* stdinLines(signal: AbortSignal): AsyncGenerator<string> {
  yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal });
  signal.throwIfAborted();
}
