/** Leave: a process whose command is over ends, even while a call that was never answered still holds it. */

/** What is left to do takes less: closing sockets, writing the last lines. */
const GRACE_MS = 1_000;

/** Ends the process in a moment, unless it ends by itself before. The exit code is the one that was set. */
export function leaveSoon(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
