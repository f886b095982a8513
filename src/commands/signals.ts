/**
 * Signals: SIGINT, SIGTERM and SIGHUP as exit codes, and as an abort signal for a command that can end in good order.
 * Owns   the process's listeners from its start to its end: a signal that finds none would end the process without an exit code,
 *        also in the last moments of a run that is already done.
 *
 * SIGHUP says that the terminal is gone. It counts where the command had one at its start; elsewhere it is ignored, as `nohup` and
 * daemons want it: Node gives SIGHUP back its default, whatever the process was started with.
 */
import { isatty } from 'node:tty';
import { MillraceError } from '../base/errors.ts';
import { EXIT, type SignalExitCode, type SignalName } from '../base/exit-code.ts';
import { ENGINE } from '../base/limits.ts';
import { reportFailure } from './outlet.ts';

const NAMES: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** As of the start of the process: a terminal that is gone does not count. */
const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));

type Action = (name: SignalName, exitCode: SignalExitCode) => void;

/** What a signal does now. Null: nobody listens yet. */
let action: Action | null = null;

/** Listeners are added once: a signal that came while code ran waits for the listener, and is lost with it if that is replaced meanwhile. */
function listen(next: Action): void {
  const isFirst = action === null;
  action = next;
  if (!isFirst) return;
  for (const name of NAMES) {
    const isIgnored = name === 'SIGHUP' && !hasTerminal;
    process.removeAllListeners(name);
    process.on(name, () => isIgnored || action!(name, EXIT[name]));
  }
}

/** Until a command says otherwise a signal ends the process at once. */
export function exitOnSignals(): void {
  listen((name, exitCode) => exit(exitCode, `Stopped by ${name}`));
}

function exit(exitCode: SignalExitCode, why: string): never {
  reportFailure(exitCode, why, true);
  process.exit(exitCode);
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
    const message = `Stopped by ${name}; ${afterwards}`;
    if (controller.signal.aborted) exit(exitCode, message);
    notice(
      `${name}: finishing what is on its way, for at most ${ENGINE.stopMs / 1000} s; once more stops at once`,
    );
    controller.abort(new MillraceError('MILLRACE_INTERRUPTED', message, { exitCode }));
  });
  return controller.signal;
}
