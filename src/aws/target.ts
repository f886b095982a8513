/**
 * AWS target: how to reach AWS, as every client of the SDK is told.
 * Takes  region, profile, endpoint and certificates. Gives  the options that all clients share.
 * Owns   the choice of transport and of credentials: both as our own calls have them.
 */
import { credentialChain } from './credentials.ts';
import { RequestHandler } from './request-handler.ts';

/** Plain data without a secret: threads are told it. */
export interface AwsTarget {
  /** Null: what the SDK's chain finds. */
  readonly region: string | null;
  readonly profile: string | null;
  /** Null: AWS itself. Variables and profiles are not asked again: src/options/targets.ts has done it. */
  readonly endpoint: string | null;
  /** Endpoint of STS where the profile names one. Default null. */
  readonly stsEndpoint?: string | null;
  /** Certificates, as PEM, that are trusted in place of Node's own. Default null. */
  readonly authorities?: string | null;
  /** Variables or the profile ask for endpoints of another kind (FIPS, dual stack), which the SDK's rules find. Default false. */
  readonly hasOwnRules?: boolean;
}

/** Until an answer begins, and between two parts of it. Listing a large prefix of a slow store takes its time. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Options of a client. No call waits for ever: one that is not answered ends as a TimeoutError, which is asked again. The SDK's own
 * retries are off unless a client asks for them: retry has one owner in each stage.
 */
export function clientOptions(target: AwsTarget, socketsMax: number, answerTimeoutMs = ANSWER_TIMEOUT_MS) {
  const { region, profile, endpoint, authorities = null } = target;
  return {
    ...(region !== null && { region }),
    ...(profile !== null && { profile }),
    ...(endpoint !== null && { endpoint }),
    ignoreConfiguredEndpointUrls: true,
    credentials: credentialChain(target),
    maxAttempts: 1,
    // AWS_RETRY_MODE=adaptive would slow requests down by a rule of its own.
    retryMode: 'standard',
    requestHandler: new RequestHandler({ authorities, socketsMax, answerTimeoutMs }),
  };
}
