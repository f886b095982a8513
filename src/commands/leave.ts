/** Leave: how a process whose command is over ends: soon, although a call that was never answered still holds it, and with its exit code. */
import { endProcess } from '../native/process-end.ts';

/** What is left to do takes less: closing sockets, writing the last lines. */
const GRACE_MS = 1_000;

/** Something holds the process beyond its time: if that is a thread, Node would wait for it. */
let isHeld = false;

/** Ends the process in a moment, unless it ends by itself before. The exit code is the one that was set. */
export function leaveSoon(): void {
  setTimeout(() => {
    isHeld = true;
    process.exit();
    isHeld = false; // in a process that goes on with another command
  }, GRACE_MS).unref();
}

/**
 * Ends the process at once when everything else that listens to its end has been told. Node would first take itself apart, and with it the
 * listeners of signals: a signal in those milliseconds would end a run that is done without its exit code. Call it last of all.
 */
export function leaveWhole(): void {
  process.on('exit', (exitCode) => (isHeld ? endProcess(exitCode) : process.exit()));
}
