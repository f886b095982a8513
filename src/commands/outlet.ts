/**
 * Outlet: what the process says at its end, and what becomes of that where nobody can hear it.
 * Takes  the report of a command, or the error that ended it. Gives  text on stdout and the exit code.
 * Owns   stdout, with the one JSON document that may stand there, and what happens when stdout or stderr cannot be written.
 * Never  lets a full disk, a closed pipe or a closed terminal end a run: finishing it is worth more than being heard.
 */
import { writeSync } from 'node:fs';
import { EXIT } from '../base/exit-code.ts';
import { printableLines } from '../base/printable.ts';

/** Of this process, as stdout is. */
const stdout = { isJson: false, isReported: false };

/** Call it first of all. Displays listen for themselves (display.ts); here an error of a stream only loses its power to end the process. */
export function guardOutput(): void {
  process.stderr.on('error', () => {});
  guardStdout();
}

/** oclif listens, too, from the loading of its commands on, and throws what it is told. */
function guardStdout(): void {
  process.stdout.removeAllListeners('error');
  process.stdout.on('error', () => {});
}

/** Whether failures are told as JSON, too. A command begins, and nothing of it is reported. */
export function expectJson(isJson: boolean): void {
  stdout.isJson = isJson;
  stdout.isReported = false;
}

/**
 * Prints a report and sets the exit code. If a report cannot be written, stderr says so, and the same command gives it again:
 * exit 3 in place of 0 and 1. Where the reader of a pipe has gone away nobody waits for it, and the exit code tells of the run alone.
 */
export function printReport(text: string, exitCode: number): Promise<void> {
  return printShown(printableLines(text), exitCode);
}

/** The same for text in which nothing of others steers a terminal any more: it may have colours of our own. */
export async function printShown(text: string, exitCode: number): Promise<void> {
  stdout.isReported = true;
  process.exitCode = exitCode;
  guardStdout();
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    process.stdout.write(text === '' ? '' : `${text}\n`, resolve);
  });
  if (!error) return;
  console.error(
    `millrace: Cannot write the report to stdout: ${error.message}; the same command gives it again`,
  );
  if (error.code !== 'EPIPE' && exitCode < EXIT.refused) process.exitCode = EXIT.resumable;
}

/** The document of a command that has no report, where one is wanted: at once, because the process may be about to end. */
export function reportFailure(exitCode: number, error: string, isInterrupted: boolean): void {
  if (stdout.isReported || !stdout.isJson) return;
  stdout.isReported = true;
  const status = isInterrupted ? 'interrupted' : 'failed';
  writeNow(1, `${printableLines(JSON.stringify({ status, exitCode, error }))}\n`);
}

/** Longest wait for a pipe that is full. */
const WAIT_MS = 1_000;

function writeNow(fd: number, text: string): void {
  const untilMs = performance.now() + WAIT_MS;
  let bytes = Buffer.from(text);
  while (bytes.length > 0 && performance.now() < untilMs) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
}
