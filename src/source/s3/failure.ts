/**
 * Failure: what S3 means by an answer.
 * Takes  an HTTP status with S3's error document, an exception of the SDK, or an error of a socket.
 * Gives  a SourceFailure with its kind.
 * Owns   what S3's codes and statuses mean. Pure.
 */
import { isForeignAnswer, isProxyRefusal, isTlsCode } from '../../aws/call-fault.ts';
import {
  type FaultKind,
  faultOfCode,
  faultOfStatus,
  isExpired,
  isKmsThrottle,
  isPassingFault,
} from '../../aws/fault-kind.ts';
import { MillraceError } from '../../base/errors.ts';
import { type FailureKind, SourceFailure } from '../source-failure.ts';

/** Codes that only S3 uses, and those with another meaning here than elsewhere. */
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

function kindOfCode(serviceCode: string): FailureKind | undefined {
  const fault = faultOfCode(serviceCode);
  if (isExpired(serviceCode)) return 'credentials';
  return KIND_BY_CODE[serviceCode] ?? (fault === null ? undefined : KIND_BY_FAULT[fault]);
}

/** @param status HTTP status; 0: no answer came. */
export function kindOf(status: number, serviceCode: string, message: string): FailureKind {
  const byCode = kindOfCode(serviceCode);
  if (byCode !== undefined) return byCode;
  // S3 answers 503 where it is busy, with or without SlowDown.
  if (isKmsThrottle(serviceCode, message) || status === 503) return 'throttle';
  const fault = faultOfStatus(status);
  if (isPassingFault(fault)) return KIND_BY_FAULT[fault!]!;
  if (status === 412 || status === 416) return 'changed';
  if (status === 404) return 'gone';
  if (status === 403) return 'denied';
  if (status >= 300 && status < 400) return 'setup';
  if (status >= 400) return 'unreadable';
  return isTlsCode(serviceCode) || isProxyRefusal(serviceCode) ? 'setup' : 'transient';
}

/** A fault of this program must not be taken for one of the network, and repeated. */
function isBug(error: Error): boolean {
  const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isOurs || error.name === 'AssertionError';
}

/** The failure in whatever was thrown by a request of the SDK or by a socket. An AbortError, or a bug, is thrown on. */
export function failureOf(error: unknown): SourceFailure {
  if (error instanceof SourceFailure) return error;
  if (error instanceof MillraceError) throw error;
  if (!(error instanceof Error)) return new SourceFailure('transient', String(error));
  if (error.name === 'AbortError' || isBug(error)) throw error;
  const sdk = error as SdkError;
  const status = sdk.$metadata?.httpStatusCode ?? 0;
  // Without a status there was no answer: the SDK adds its metadata to errors of sockets, too.
  const isNamedByService =
    sdk.$metadata?.httpStatusCode !== undefined || kindOfCode(error.name) !== undefined;
  const serviceCode = isNamedByService ? error.name : String(sdk.code ?? sdk.Code ?? error.name);
  const bucketRegion = (isRedirect(status) && sdk.$response?.headers?.['x-amz-bucket-region']) || null;
  const isForeign = isForeignAnswer(error);
  const message = isForeign ? NOT_S3 : withRegion(error.message, bucketRegion);
  return new SourceFailure(kindOf(status, serviceCode, error.message), message, {
    status,
    serviceCode: isForeign ? 'ForeignAnswer' : serviceCode,
    bucketRegion,
    cause: error,
  });
}

export const NOT_S3 =
  'what answers at the endpoint is not S3; check --s3-endpoint-url, the network and its proxies';

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
