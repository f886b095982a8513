/** Leave: how a process whose command is over ends: soon, although a call that was never answered still holds it, and with its exit code. */

/** What is left to do takes less: closing sockets, writing the last lines. */
const GRACE_MS = 1_000;

/** Ends the process in a moment, unless it ends by itself before. The exit code is the one that was set. */
export function leaveSoon(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}

/**
 * Ends the process at once when everything else that listens to its end has been told. Node would first take itself apart, and with it the
 * listeners of signals: a signal in those milliseconds would end a run that is done without its exit code. Call it last of all.
 */
export function leaveWhole(): void {
  process.on('exit', () => process.exit());
}
