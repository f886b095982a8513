/**
 * Fault kind: whose fault a failed call is: the service's, ours, or nobody's. The one definition of what may be asked again, for Kinesis and S3.
 * Takes  what is known of the answer: code, status, message.
 * Gives  one kind. What a stage does about a kind is its own: src/publish/kinesis/error-classification.ts, src/source/s3/failure.ts.
 * Owns   the lists of codes that all services share. Pure.
 * Sources: PutRecords and GetRecords, Errors, in the documentation of `@aws-sdk/client-kinesis` 3.1143; Common Errors of both services; the
 * lists by which the SDK itself retries (`THROTTLING_ERROR_CODES`, `TRANSIENT_ERROR_CODES` of `@smithy/core`).
 *
 * | kind        | what it was                                     | may be asked again                                        |
 * |-------------|-------------------------------------------------|-----------------------------------------------------------|
 * | throttle    | the service, or a proxy before it, is busy      | always, later                                             |
 * | transient   | 5xx, resets, time-outs, what nobody knows       | while the service may be unavailable                      |
 * | skew        | the clocks differ                               | by the service's clock                                    |
 * | credentials | expired, rotated, or their provider fails       | renewed; then, if anything ever worked, as if unavailable |
 * | denied      | a permission, a key, a stream that is not there | if anything ever worked, as if unavailable                |
 * | refused     | the request's own content                       | never unchanged: a part of it may be taken                |
 */
export type FaultKind = 'throttle' | 'transient' | 'skew' | 'credentials' | 'denied' | 'refused';

export interface FailedCall {
  readonly awsCode: string | null;
  /** HTTP status; null or 0 where there was no answer. */
  readonly statusCode: number | null;
  readonly message: string;
}

/** Credentials that were good and have run out. */
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired'];
/** Credentials that nobody gave: the SDK's own names. */
const UNPROVIDED = ['CredentialsProviderError', 'TokenProviderError'];

const CODES: Readonly<Record<FaultKind, readonly string[]>> = {
  throttle: [
    'ProvisionedThroughputExceededException',
    'LimitExceededException',
    'KMSThrottlingException',
    'KMS.ThrottlingException',
    'Throttling',
    'ThrottlingException',
    'ThrottledException',
    'RequestThrottled',
    'RequestThrottledException',
    'RequestLimitExceeded',
    'TooManyRequests',
    'TooManyRequestsException',
    'BandwidthLimitExceeded',
    'PriorRequestNotComplete',
    'SlowDown',
  ],
  transient: ['InternalFailure', 'InternalError', 'ServiceUnavailable', 'RequestTimeout'],
  skew: ['RequestTimeTooSkewed', 'RequestInTheFuture'],
  credentials: [
    ...EXPIRED,
    ...UNPROVIDED,
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    'InvalidAccessKeyId',
    'InvalidToken',
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
    'IncompleteSignatureException',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
  ],
  denied: [
    'AccessDenied',
    'AccessDeniedException',
    'Forbidden',
    'NotAuthorized',
    'OptInRequired',
    'ResourceNotFoundException',
    'KMSAccessDeniedException',
    'KMSDisabledException',
    'KMSInvalidStateException',
    'KMSNotFoundException',
    'KMSOptInRequired',
  ],
  refused: [
    'ValidationException',
    'ValidationError',
    'InvalidArgumentException',
    'InvalidParameterValue',
    'SerializationException',
    'RequestEntityTooLarge',
    'RequestEntityTooLargeException',
  ],
};

const FAULT_BY_CODE: ReadonlyMap<string, FaultKind> = new Map(
  Object.entries(CODES).flatMap(([fault, codes]) => codes.map((code) => [code, fault as FaultKind] as const)),
);

/** What a status means without a code, or with an unknown one: gateways and proxies answer like that. */
const FAULT_BY_STATUS: ReadonlyMap<number, FaultKind> = new Map([
  [400, 'refused'],
  [401, 'denied'],
  [403, 'denied'],
  [413, 'refused'],
  [422, 'refused'],
  [429, 'throttle'],
  [408, 'transient'],
]);

/** The kind of a status alone, or null where it does not tell. */
export function faultOfStatus(statusCode: number | null): FaultKind | null {
  const status = statusCode ?? 0;
  return FAULT_BY_STATUS.get(status) ?? (status >= 500 ? 'transient' : null);
}

/** What passes by itself: the same call, unchanged, may work later. */
const PASSING: ReadonlySet<string> = new Set<FaultKind>(['throttle', 'transient']);

/** What may be repeated: as it is, or with renewed credentials, or by the service's clock. */
const REPEATABLE: ReadonlySet<string> = new Set<FaultKind>(['throttle', 'transient', 'credentials', 'skew']);

/** @param kind Of this page, or one that a service has beside them. */
export function isPassingFault(kind: string | null): boolean {
  return PASSING.has(kind ?? '');
}

/** @param kind Of this page, or one that a service has beside them. */
export function isRepeatable(kind: string): boolean {
  return REPEATABLE.has(kind);
}

/** Credentials that have run out: renewing them mends it. */
export function isExpired(awsCode: string): boolean {
  return EXPIRED.includes(awsCode);
}

/** Credentials that have run out or could not be obtained: the same command works once they are there. */
export function isRenewable(awsCode: string): boolean {
  return isExpired(awsCode) || UNPROVIDED.includes(awsCode);
}

/** A key service says that it is busy, whatever the code. */
export function isKmsThrottle(awsCode: string | null, message: string): boolean {
  const said = `${awsCode}${message}`;
  return /kms/i.test(said) && /throttl|rate exceeded/i.test(said);
}

/** The kind of a code, or null where it is unknown. */
export function faultOfCode(awsCode: string | null): FaultKind | null {
  return FAULT_BY_CODE.get(awsCode ?? '') ?? null;
}

/** Whose fault it is. */
export function faultOf({ awsCode, statusCode, message }: FailedCall): FaultKind {
  const known = faultOfCode(awsCode);
  if (known !== null) return known;
  if (isKmsThrottle(awsCode, message)) return 'throttle';
  return faultOfStatus(statusCode) ?? 'transient';
}
