/**
 * Control retries: when a call of the control plane that failed is made again (DescribeStreamSummary, ListShards). The SDK asks.
 * Takes  the token and the error of each attempt, as the SDK's retry middleware gives them.
 * Gives  a wait and another attempt, or the error.
 * Owns   how long a service that refuses for now is asked again. Whoever answers is alive, and a gateway that limits requests answers 503:
 *        the SDK takes that for a passing fault and gives up after a fifth of a second.
 * Never  waits long for what does not answer: a wrong address is reported soon.
 */
import { StandardRetryStrategy } from '@smithy/core/retry';

type Token = Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>[0];
type Failure = Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>[1];

/** With waits of up to 1, 2, 2, ... s: about seven seconds. */
const REFUSED_ATTEMPTS = 8;
const UNANSWERED_ATTEMPTS = 4;
const WAIT_MS_MAX = 2_000;

export class ControlRetries extends StandardRetryStrategy {
  constructor() {
    super({ maxAttempts: REFUSED_ATTEMPTS, backoff: new Backoff() });
  }

  override refreshRetryTokenForRetry(token: Token, failure: Failure): Promise<Token> {
    const { $metadata } = (failure.error ?? {}) as { $metadata?: { httpStatusCode?: number } };
    const isRefused = ($metadata?.httpStatusCode ?? 0) >= 400; // a head without its body is not an answer
    if (!isRefused && token.getRetryCount() + 1 >= UNANSWERED_ATTEMPTS)
      return Promise.reject(new Error('No more attempts')); // the SDK throws the error of the last attempt
    const isGateway = isRefused && failure.errorType === 'TRANSIENT';
    return super.refreshRetryTokenForRetry(
      token,
      isGateway ? { ...failure, errorType: 'THROTTLING' } : failure,
    );
  }
}

/** Exponential, with chance. The SDK sets the base, which is longer after refusals. */
class Backoff {
  #baseMs = 0;

  setDelayBase(delayMs: number): void {
    this.#baseMs = delayMs;
  }

  computeNextBackoffDelay(retries: number): number {
    return Math.floor(Math.random() * Math.min(this.#baseMs * 2 ** retries, WAIT_MS_MAX));
  }
}
