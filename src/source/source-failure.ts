/**
 * SourceFailure: one request to a source that did not work, sorted by what can be done about it.
 * Takes  what a source makes of an answer, or of an error of a socket (its `classify`).
 * Gives  for people, a MillraceError with code and exit code.
 * Never  retries (retry.ts does), never shows a header, a credential or a payload.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';

/**
 * | kind        | what it was                                            | what happens                                 |
 * |-------------|--------------------------------------------------------|----------------------------------------------|
 * | throttle    | 503 SlowDown, 429, a KMS throttle                      | again, later, with fewer downloads           |
 * | transient   | 5xx, timeouts, cut or stalled bodies, resets           | again, from the byte reached                 |
 * | credentials | expired token                                          | renewed once a time, then again              |
 * | identity    | wrong or rotated keys, or their provider fails         | the run ends, exit 2; once it has answered   |
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

export class SourceFailure extends Error {
  readonly kind: FailureKind;
  /** HTTP status, or 0 where there was no answer. */
  readonly status: number;
  /** The service's error code, or the system's (ECONNRESET). */
  readonly serviceCode: string;
  /** Offset of the service's clock against ours, for `skew`. */
  readonly clockOffsetMs: number | null;
  /** Where the bucket is, when it was asked for in another region; else null. */
  readonly bucketRegion: string | null;
  constructor(
    kind: FailureKind,
    message: string,
    details: {
      status?: number;
      serviceCode?: string;
      clockOffsetMs?: number | null;
      bucketRegion?: string | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SourceFailure';
    this.kind = kind;
    this.status = details.status ?? 0;
    this.serviceCode = details.serviceCode ?? '';
    this.clockOffsetMs = details.clockOffsetMs ?? null;
    this.bucketRegion = details.bucketRegion ?? null;
  }
}

/** One line for people: what could not be done, why. @param what For example `read <uri>`. */
export function toMillraceError(failure: SourceFailure, what: string): MillraceError {
  const why = [failure.serviceCode, failure.message.replace(/\s*\n\s*/g, ' ').trim()]
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
