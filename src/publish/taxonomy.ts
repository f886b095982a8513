/**
 * Taxonomy: what a failed PutRecords request means for its records.
 * Takes  the error of a call (src/aws/kinesis-call.ts).
 * Gives  one of: throttled (send again, for ever), failed (send again, bounded by the breaker), fatal (end the run).
 * Owns   the list of service codes. Pure.
 * Source of the codes: PutRecords, Errors, in the API documentation of `@aws-sdk/client-kinesis` 3.1143.
 */
import type { KinesisCallError } from '../aws/kinesis-call.ts';
import { MillraceError } from '../errors.ts';

export type RequestFailure =
  | { readonly kind: 'throttled' }
  | { readonly kind: 'failed'; readonly isAmbiguous: boolean }
  | { readonly kind: 'fatal'; readonly error: MillraceError };

const THROTTLES = new Set([
  'ProvisionedThroughputExceededException',
  'LimitExceededException',
  'KMSThrottlingException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'TooManyRequestsException',
]);

/** Must not be repeated unchanged, with what to do about it. */
const FATAL_ADVICE = new Map([
  ['AccessDeniedException', 'allow kinesis:PutRecords on this stream'],
  ['ResourceNotFoundException', 'check the stream name and the region'],
  ['KMSAccessDeniedException', "allow kms:GenerateDataKey on the stream's key"],
  ['KMSDisabledException', "enable the stream's KMS key"],
  ['KMSInvalidStateException', "check the state of the stream's KMS key"],
  ['KMSNotFoundException', "check the stream's KMS key"],
  ['KMSOptInRequired', 'subscribe the account to KMS'],
  ['InvalidArgumentException', 'report this with the message above'],
  ['ValidationException', 'report this with the message above'],
  ['SerializationException', 'try --wire json'],
  ['UnrecognizedClientException', 'check the credentials'],
  ['InvalidClientTokenId', 'check the credentials'],
  ['IncompleteSignature', 'check the credentials'],
  ['InvalidSignatureException', 'check the secret key and the clock of this machine'],
  ['MissingAuthenticationToken', 'check the credentials'],
]);

/** Credentials that could not be renewed: the same command works once they can. */
const CREDENTIALS = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'CredentialsProviderError',
]);

/** Sorts a failed request. @param streamName For the message. */
export function classifyFailure(error: KinesisCallError, streamName: string): RequestFailure {
  const awsCode = error.awsCode;
  if (awsCode !== null) {
    if (THROTTLES.has(awsCode)) return { kind: 'throttled' };
    const advice = FATAL_ADVICE.get(awsCode);
    if (advice) return { kind: 'fatal', error: fatal(2, `${awsCode}: ${error.message}; ${advice}`) };
    if (CREDENTIALS.has(awsCode))
      return { kind: 'fatal', error: fatal(3, `${awsCode}: renew the credentials and run it again`) };
  }
  return { kind: 'failed', isAmbiguous: error.isAmbiguous };

  function fatal(exitCode: 2 | 3, why: string): MillraceError {
    return new MillraceError('MILLRACE_PUT_REFUSED', `Cannot put records to stream ${streamName}: ${why}`, {
      exitCode,
    });
  }
}
