/**
 * S3Failure: one request that did not work, sorted by what can be done about it.
 * Takes  an HTTP status with S3's error document, an exception of the SDK, or an error of a socket.
 * Gives  S3Failure with its kind; for people, a MillraceError with code and exit code.
 * Never  retries (retry.ts does), never shows a header, a credential or a payload.
 */
import { isProxyRefusal, isTlsCode } from '../../aws/call-fault.ts';
import {
  type FaultKind,
  faultOfCode,
  faultOfStatus,
  isExpired,
  isKmsThrottle,
  isPassingFault,
} from '../../aws/fault-kind.ts';
import { MillraceError } from '../../base/errors.ts';
import { EXIT } from '../../base/exit-code.ts';

/**
 * | kind        | what it was                                            | what happens                                 |
 * |-------------|--------------------------------------------------------|----------------------------------------------|
 * | throttle    | 503 SlowDown, 429, a KMS throttle                      | again, later, with fewer downloads           |
 * | transient   | 5xx, timeouts, cut or stalled bodies, resets           | again, from the byte reached                 |
 * | credentials | expired token                                          | renewed once a time, then again              |
 * | identity    | wrong or rotated keys, an ill provider of them         | the run ends, exit 2; once S3 has answered   |
 * |             |                                                        | this run they are renewed, then again; then  |
 * |             |                                                        | the object is given up if others are given   |
 * | skew        | RequestTimeTooSkewed                                   | again by the service's clock                 |
 * | changed     | 412, another ETag or size                              | the object is given up: OBJECT_CHANGED       |
 * | gone        | 404 NoSuchKey                                          | the object is given up: OBJECT_UNREADABLE    |
 * | denied      | 403 AccessDenied                                       | the same; while listing the run ends. Again  |
 * |             |                                                        | while all is denied that was given before    |
 * | archived    | InvalidObjectState                                     | the same                                     |
 * | unreadable  | what a repetition cannot mend, for this object         | the same                                     |
 * | setup       | no such bucket, another region, TLS                    | the run ends, exit 2                         |
 */
export type FailureKind =
  | 'throttle'
  | 'transient'
  | 'credentials'
  | 'identity'
  | 'skew'
  | 'changed'
  | 'gone'
  | 'denied'
  | 'archived'
  | 'unreadable'
  | 'setup';

export class S3Failure extends Error {
  readonly kind: FailureKind;
  /** HTTP status, or 0 where there was no answer. */
  readonly status: number;
  /** S3's error code, or the system's (ECONNRESET). */
  readonly awsCode: string;
  /** Offset of the service's clock against ours, for `skew`. */
  readonly clockOffsetMs: number | null;
  /** Where the bucket is, when it was asked for in another region; else null. */
  readonly bucketRegion: string | null;
  constructor(
    kind: FailureKind,
    message: string,
    details: {
      status?: number;
      awsCode?: string;
      clockOffsetMs?: number | null;
      bucketRegion?: string | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'S3Failure';
    this.kind = kind;
    this.status = details.status ?? 0;
    this.awsCode = details.awsCode ?? '';
    this.clockOffsetMs = details.clockOffsetMs ?? null;
    this.bucketRegion = details.bucketRegion ?? null;
  }
}

/** What S3 alone says, and what means something else here than elsewhere. */
const KIND_BY_CODE: Readonly<Record<string, FailureKind>> = {
  ServiceUnavailable: 'throttle',
  OperationAborted: 'transient',
  // A new bucket, whose name is not known everywhere yet.
  TemporaryRedirect: 'transient',
  PreconditionFailed: 'changed',
  InvalidRange: 'changed',
  NoSuchKey: 'gone',
  NoSuchVersion: 'gone',
  NotFound: 'gone',
  InvalidObjectState: 'archived',
  NoSuchBucket: 'setup',
  InvalidBucketName: 'setup',
  AuthorizationHeaderMalformed: 'setup',
  PermanentRedirect: 'setup',
};

/** What all services say in the same words (src/aws/fault-kind.ts). */
const KIND_BY_FAULT: Readonly<Partial<Record<FaultKind, FailureKind>>> = {
  throttle: 'throttle',
  transient: 'transient',
  skew: 'skew',
  credentials: 'identity',
  denied: 'denied',
};

function kindOfCode(awsCode: string): FailureKind | undefined {
  const fault = faultOfCode(awsCode);
  if (isExpired(awsCode)) return 'credentials';
  return KIND_BY_CODE[awsCode] ?? (fault === null ? undefined : KIND_BY_FAULT[fault]);
}

/** @param status HTTP status; 0: no answer came. */
export function kindOf(status: number, awsCode: string, message: string): FailureKind {
  const byCode = kindOfCode(awsCode);
  if (byCode !== undefined) return byCode;
  // S3 answers 503 where it is busy, with or without SlowDown.
  if (isKmsThrottle(awsCode, message) || status === 503) return 'throttle';
  const fault = faultOfStatus(status);
  if (isPassingFault(fault)) return KIND_BY_FAULT[fault!]!;
  if (status === 412 || status === 416) return 'changed';
  if (status === 404) return 'gone';
  if (status === 403) return 'denied';
  if (status >= 300 && status < 400) return 'setup';
  if (status >= 400) return 'unreadable';
  return isTlsCode(awsCode) || isProxyRefusal(awsCode) ? 'setup' : 'transient';
}

/** A fault of this program must not be taken for one of the network, and repeated. */
function isBug(error: Error): boolean {
  const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isOurs || error.name === 'AssertionError';
}

/** The failure in whatever was thrown by a request of the SDK or by a socket. An AbortError, or a bug, is thrown on. */
export function failureOf(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  if (error instanceof MillraceError) throw error;
  if (!(error instanceof Error)) return new S3Failure('transient', String(error));
  if (error.name === 'AbortError' || isBug(error)) throw error;
  const sdk = error as SdkError;
  const status = sdk.$metadata?.httpStatusCode ?? 0;
  // Without a status there was no answer: the SDK adds its metadata to errors of sockets, too.
  const isNamedByService =
    sdk.$metadata?.httpStatusCode !== undefined || kindOfCode(error.name) !== undefined;
  const awsCode = isNamedByService ? error.name : String(sdk.code ?? sdk.Code ?? error.name);
  const bucketRegion = (isRedirect(status) && sdk.$response?.headers?.['x-amz-bucket-region']) || null;
  const message = withRegion(error.message, bucketRegion);
  return new S3Failure(kindOf(status, awsCode, error.message), message, {
    status,
    awsCode,
    bucketRegion,
    cause: error,
  });
}

/** What an exception of the SDK, or of a socket, may carry. */
type SdkError = Error & {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly code?: unknown;
  readonly Code?: unknown;
};

/** Whether an answer of this status may mean that the bucket is in another region. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 307 || status === 400;
}

/** Adds the way out to what S3 says. */
export function withRegion(message: string, bucketRegion: string | null): string {
  return bucketRegion === null ? message : `${message}, the bucket is in region ${bucketRegion}`;
}

/** One line for people: what could not be done, why. @param what For example `read s3://bucket/key`. */
export function toMillraceError(failure: S3Failure, what: string): MillraceError {
  const why = [failure.awsCode, failure.message.replace(/\s*\n\s*/g, ' ').trim()]
    .filter((part) => part !== '')
    .join(': ');
  const cause = { cause: failure };
  switch (failure.kind) {
    case 'changed':
      return new MillraceError(
        'MILLRACE_OBJECT_CHANGED',
        `Cannot ${what}: it has changed since it was listed (${why})`,
        cause,
      );
    case 'gone':
      return new MillraceError(
        'MILLRACE_OBJECT_UNREADABLE',
        `Cannot ${what}: it no longer exists (${why})`,
        cause,
      );
    case 'denied':
      return new MillraceError('MILLRACE_OBJECT_UNREADABLE', `Cannot ${what}: access denied (${why})`, cause);
    case 'archived':
      return new MillraceError(
        'MILLRACE_OBJECT_UNREADABLE',
        `Cannot ${what}: it is archived, restore it first (${why})`,
        cause,
      );
    case 'unreadable':
      return new MillraceError('MILLRACE_OBJECT_UNREADABLE', `Cannot ${what}: ${why}`, cause);
    case 'identity':
    case 'setup':
      return new MillraceError('MILLRACE_SOURCE', `Cannot ${what}: ${why}`, cause);
    default:
      return new MillraceError('MILLRACE_SERVICE_AWAY', `Cannot ${what}: ${why}; gave up after retries`, {
        ...cause,
        exitCode: EXIT.resumable,
      });
  }
}
