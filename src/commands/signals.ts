/**
 * Signals: SIGINT and SIGTERM as exit codes, and as an abort signal for a command that can end in good order.
 * Owns   the process's listeners from its start to its end: a signal that finds none would end the process without an exit code,
 *        also in the last moments of a run that is already done.
 */
import { MillraceError } from '../errors.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type SignalName = keyof typeof EXIT_CODES;
const NAMES = Object.keys(EXIT_CODES) as SignalName[];

function listen(action: (name: SignalName, exitCode: 130 | 143) => void): void {
  for (const name of NAMES) {
    process.removeAllListeners(name);
    process.on(name, () => action(name, EXIT_CODES[name]));
  }
}

/** Until a command says otherwise a signal ends the process at once. */
export function exitOnSignals(): void {
  listen((_, exitCode) => process.exit(exitCode));
}

/**
 * The first signal asks for an orderly end; a second one ends the process at once.
 * @param notice Says that the signal was understood.
 * @param afterwards What the same command does when it is started again.
 */
export function abortOnSignals(
  notice: (text: string) => void,
  afterwards = 'the same command resumes it',
): AbortSignal {
  const controller = new AbortController();
  listen((name, exitCode) => {
    if (controller.signal.aborted) process.exit(exitCode);
    notice(`${name}: finishing what is on its way, for at most 20 s; once more stops at once`);
    const message = `Stopped by ${name}; ${afterwards}`;
    controller.abort(new MillraceError('MILLRACE_INTERRUPTED', message, { exitCode }));
  });
  return controller.signal;
}
