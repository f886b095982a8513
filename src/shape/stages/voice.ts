/**
 * Voice: where the words go that code of the user's prints. Stdout is the report's, and with `--json` it is one document.
 * Owns  stdout of a thread of ours, in which nobody else prints.
 */
import { isMainThread } from 'node:worker_threads';

/** To be called before a module is loaded. In a program's own thread, where stages may be called too, its words stay where they are. */
export function printOnStderr(): void {
  if (isMainThread) return;
  Object.defineProperty(process, 'stdout', { value: process.stderr, configurable: true });
}
