/** Leave: how a process whose command is over ends: soon, although a call that was never answered still holds it, and with its exit code. */

/** What is left to do takes less: closing sockets, writing the last lines. */
const GRACE_MS = 1_000;

/** The very end. */
let end = (_exitCode: number): void => process.exit();

/** Ends the process in a moment, unless it ends by itself before. The exit code is the one that was set. */
export function leaveSoon(): void {
  setTimeout(() => void leaveHeld(), GRACE_MS).unref();
}

/** Something holds the process beyond its time: if that is a thread, Node would wait for it. */
async function leaveHeld(): Promise<void> {
  const before = end;
  // Loaded here, because hardly any process needs it; without it Node's way serves.
  end = await import('../native/process-end.ts').then(({ endProcess }) => endProcess).catch(() => before);
  process.exit();
  end = before; // in a process that goes on with another command
}

/**
 * Ends the process at once when everything else that listens to its end has been told. Node would first take itself apart, and with it the
 * listeners of signals: a signal in those milliseconds would end a run that is done without its exit code. Call it last of all.
 */
export function leaveWhole(): void {
  process.on('exit', (exitCode) => end(exitCode));
}
