/**
 * Signals: SIGINT and SIGTERM as an abort signal.
 * Takes  the first signal: it asks for an orderly end. A second one ends the process at once.
 */
import { MillraceError } from '../errors.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Listens until `release()`. @param notice Says that the signal was understood. */
export function abortOnSignals(notice: (text: string) => void): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((name) => {
    const exitCode = EXIT_CODES[name];
    const listener = () => {
      if (controller.signal.aborted) process.exit(exitCode);
      notice(`${name}: finishing what is on its way, for at most 20 s; once more stops at once`);
      const message = `Stopped by ${name}; the same command resumes it`;
      controller.abort(new MillraceError('MILLRACE_INTERRUPTED', message, { exitCode }));
    };
    process.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    release: () => {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}
