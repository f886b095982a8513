/**
 * AWS target: how to reach AWS, as every client of the SDK is told.
 * Takes  region, profile and endpoint. Gives  the options that all clients share; credentials come from the SDK's default chain.
 * Owns   the choice of transport: HTTP/1.1 with keep-alive.
 */
import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface AwsTarget {
  /** Null: what the SDK's chain finds. */
  readonly region: string | null;
  readonly profile: string | null;
  readonly endpoint: string | null;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Until an answer begins, and between two parts of it. Listing a large prefix of a slow store takes its time. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Options of a client. No call waits for ever: one that is not answered ends as a TimeoutError, which is asked again. The SDK's own retries are off unless a client asks for them: retry has one owner in
 * each stage.
 */
export function clientOptions(
  { region, profile, endpoint }: AwsTarget,
  socketsMax: number,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
) {
  const agent = { keepAlive: true, maxSockets: socketsMax };
  return {
    ...(region !== null && { region }),
    ...(profile !== null && { profile }),
    ...(endpoint !== null && { endpoint }),
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    }),
  };
}
