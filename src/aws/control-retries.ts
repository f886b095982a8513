/**
 * Control retries: when a call of the control plane that failed is made again (DescribeStreamSummary, ListShards).
 * Takes  the call. Gives  its answer, or the error of the last attempt.
 * Owns   how long a service that refuses for now is asked again. Whoever answers is alive, and a gateway that limits requests answers 503.
 * Never  waits long for what does not answer: a wrong address is reported soon.
 */
import { setTimeout } from 'node:timers/promises';
import { isForeignAnswer, isPassing } from './call-fault.ts';
import { KinesisCallError } from './kinesis-error.ts';

/** With waits of up to 1, 2, 2, ... s: about seven seconds. */
const REFUSED = { attempts: 8, baseMs: 1_000 } as const;
const UNANSWERED = { attempts: 4, baseMs: 50 } as const;
const WAIT_MS_MAX = 2_000;

/** @param signal Ends the waiting, too. @param wait Default: by a timer. @throws What the last attempt threw, or the signal's reason. */
export async function retryingControl<Answer>(
  ask: () => Promise<Answer>,
  signal?: AbortSignal,
  wait: (ms: number, value: undefined, options?: { signal: AbortSignal }) => Promise<unknown> = setTimeout,
): Promise<Answer> {
  for (let failures = 0; ; ) {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      const rule = ruleFor(error);
      if (rule === null || ++failures >= rule.attempts) throw error;
      const waitMs = Math.floor(Math.random() * Math.min(rule.baseMs * 2 ** (failures - 1), WAIT_MS_MAX));
      await wait(waitMs, undefined, signal && { signal });
    }
  }
}

/** Null: the same call would end the same way. */
function ruleFor(error: unknown): typeof REFUSED | typeof UNANSWERED | null {
  const statusCode = error instanceof KinesisCallError ? error.statusCode : null;
  if (!isPassing(error)) return null;
  if (statusCode === null) return UNANSWERED;
  // What answers but is no Kinesis, and says that all is well, will say so again.
  if (statusCode < 400) return isForeignAnswer(error) ? null : UNANSWERED;
  return REFUSED;
}
