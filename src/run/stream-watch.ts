/**
 * Stream watch: whether the stream of a run is still the one that the run began with.
 * Takes  the stream's facts from the start of the process.
 * Gives  an error as soon as another one is seen under its name; at the end of a run, an answer before anything is called delivered.
 * Owns   how often the question is asked, and how long an answer is waited for.
 * Never  takes silence for an answer: without one at the end, nothing counts as delivered yet.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { codeOf } from '../aws/call-fault.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { Trouble } from '../base/patience.ts';
import type { SinkFacts, SinkProbe } from '../publish/sink.ts';

export interface StreamWatchOptions {
  readonly sink: Pick<SinkProbe, 'confirm'>;
  readonly stream: Pick<SinkFacts, 'name' | 'id' | 'birth'>;
  /** What to do about another stream. */
  readonly advice: string;
  /** Ends the asking. */
  readonly signal: AbortSignal;
  /** Default: one question a minute; the service takes 20 a second from an account. */
  readonly intervalMs?: number;
  /** How long the last answer is waited for. Default 300,000, as for any other call of a run. */
  readonly unavailableMs?: number;
}

const INTERVAL_MS = 60_000;
const UNAVAILABLE_MS = 300_000;
const PAUSE_MS = 1_000;
/** A stream that is not found once may be found later. */
const GONE_MS = 5_000;

/** Asks now and then. @returns The timer. @param onAnother Told once, of another stream; a question without an answer is asked again later. */
export function watchStream(
  options: StreamWatchOptions,
  onAnother: (error: MillraceError) => void,
): NodeJS.Timeout {
  const { sink, stream, advice, signal, intervalMs = INTERVAL_MS } = options;
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    sink
      .confirm(stream, advice, signal)
      .catch((error: unknown) => {
        if (error instanceof MillraceError) onAnother(error);
      })
      .finally(() => {
        isAsking = false;
      });
  }, intervalMs);
  return timer;
}

/**
 * Asks until there is an answer.
 * @throws {MillraceError} Exit 2 when it is another stream, or gone; exit 3 when nobody answered; the signal's reason.
 */
export async function confirmStream(options: StreamWatchOptions): Promise<void> {
  const { sink, stream, advice, signal, unavailableMs = UNAVAILABLE_MS } = options;
  const trouble = new Trouble();
  trouble.add(performance.now());
  for (;;) {
    try {
      return await sink.confirm(stream, advice, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MillraceError) throw error;
      const elapsedMs = trouble.add(performance.now());
      const isGone = codeOf(error) === 'ResourceNotFoundException';
      if (isGone && elapsedMs >= GONE_MS) throw gone(options);
      if (elapsedMs >= unavailableMs) throw unconfirmed(stream.name, error);
    }
    await wait(PAUSE_MS, undefined, { signal });
  }
}

function gone({ stream, advice }: StreamWatchOptions): MillraceError {
  const message = `Cannot call anything delivered: stream ${stream.name} was deleted, with what was put to it; create it again and ${advice}`;
  return new MillraceError('MILLRACE_STREAM', message);
}

function unconfirmed(name: string, error: unknown): MillraceError {
  const why = error instanceof Error ? error.message : String(error);
  const message = `Cannot confirm that stream ${name} is still the one that the records were put to: ${why}; run the same command again`;
  return new MillraceError('MILLRACE_SERVICE_AWAY', message, { exitCode: EXIT.resumable, cause: error });
}
