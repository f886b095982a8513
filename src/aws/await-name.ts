/**
 * Await name: a machine that has just been started asks for addresses before its name service is up.
 * Takes  the first question to a service. Gives  its answer, asked for again while its host has no address.
 * Never  waits for anything else: every other failure goes to the caller at once.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { codeOf, isUnnamed, placeOf } from './call-fault.ts';

/** Name services of machines and containers come up within seconds; an unknown host is reported after as long. */
const NAME_WAIT_MS = 20_000;
const INTERVAL_MS = 500;

/**
 * @param onWait Told once, when the waiting begins.
 * @throws What `ask` throws: at once, or for want of an address after 20 s. The signal's reason.
 */
export async function untilNamed<Answer>(
  ask: () => Promise<Answer>,
  onWait: (notice: string) => void,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const untilMs = performance.now() + NAME_WAIT_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const code = codeOf(error);
      if (!isUnnamed(code) || performance.now() >= untilMs) throw error;
      const host = placeOf(error) ?? 'a host';
      if (attempt === 0)
        onWait(`${host} has no address (${code}); asking again for ${NAME_WAIT_MS / 1000} s`);
      await wait(INTERVAL_MS, undefined, signal && { signal });
    }
  }
}
