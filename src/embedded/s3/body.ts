/**
 * Body: sends an object's bytes, well or badly.
 * Takes  slices of memory and perhaps a fault.
 * Gives  a response that is whole, cut, stalled or slow.
 */
import type { ServerResponse } from 'node:http';
import type { FaultWhen, Rule } from '../kinesis/faults.ts';

/**
 * Refusals name the error they give. `truncate` cuts the connection after `afterBytes` of the body, `stall` goes silent there, `slow` sends
 * `bytesPerSecond`, `changed-etag` answers as if the object had been replaced, `later` does so where there are no ETags, `reset` cuts before the answer. Of a listing `empty-page` sends no
 * body, `cut-page` half of it, `no-token` says that more follows and not where, `same-page` begins again whatever token it gets. Of every answer
 * `no-etag` leaves the ETag out, `weak-etag` marks it as weak, and `strict-weak` refuses If-Match for that. `not-paid` refuses requests that do not say that
 * the requester pays. `flip-bit` sends one bit wrong, in the byte behind `afterBytes` of the body.
 */
export interface S3Fault
  extends Rule<
      | 'slow-down'
      | 'internal-error'
      | 'access-denied'
      | 'invalid-access-key'
      | 'wrong-signature'
      | 'no-such-key'
      | 'invalid-object-state'
      | 'precondition-failed'
      | 'changed-etag'
      | 'reset'
      | 'truncate'
      | 'stall'
      | 'slow'
      | 'empty-page'
      | 'cut-page'
      | 'no-token'
      | 'same-page'
      | 'no-etag'
      | 'weak-etag'
      | 'not-paid'
      | 'later'
      | 'strict-weak'
      | 'flip-bit'
    >,
    FaultWhen {
  /** For `truncate`, `stall` and `flip-bit`. Default 0. */
  readonly afterBytes?: number;
  /** For `slow`. Default 1. */
  readonly bytesPerSecond?: number;
}

export interface StoredObject {
  readonly key: string;
  readonly body: Buffer;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAt: Date;
  readonly storageClass: string;
  readonly isRestored: boolean;
  /** Headers that say what the whole body sums up to. */
  readonly checksum: Readonly<Record<string, string>>;
}

/** One write each. Larger ones would be copied by the kernel in one go while others wait. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024;
/** How often a slow body sends something. */
const SLOW_TICK_MS = 100;

/** The bytes [from, to) of an object whose buffer repeats. */
export function* slicesOf({ body }: StoredObject, from: number, to: number): Generator<Buffer> {
  for (let at = from; at < to; ) {
    const start = at % body.length;
    const end = Math.min(body.length, start + to - at, start + WRITE_BYTES_MAX);
    yield body.subarray(start, end);
    at += end - start;
  }
}

/** @param count Called with the bytes of each write. */
export function sendBody(
  response: ServerResponse,
  slices: Iterator<Buffer>,
  fault: S3Fault | undefined,
  count: (bytes: number) => void,
): void {
  const cutAfter =
    fault?.kind === 'truncate' || fault?.kind === 'stall'
      ? (fault.afterBytes ?? 0)
      : Number.POSITIVE_INFINITY;
  if (fault?.kind === 'slow') {
    sendSlowly(response, slices, fault.bytesPerSecond ?? 1, count);
    return;
  }
  let sent = 0;
  const next = () => {
    for (;;) {
      if (response.destroyed) return;
      if (sent >= cutAfter) {
        if (fault?.kind === 'stall') return;
        // What was written goes out first: a reset would throw it away.
        response.socket?.end();
        return;
      }
      const slice: Buffer | undefined = slices.next().value;
      if (slice === undefined) {
        response.end();
        return;
      }
      const part = damaged(
        sent + slice.length > cutAfter ? slice.subarray(0, cutAfter - sent) : slice,
        sent,
        fault,
      );
      sent += part.length;
      count(part.length);
      if (!response.write(part)) {
        response.once('drain', next);
        return;
      }
    }
  };
  // Without a body write the headers of a body that is cut at byte 0 would never leave.
  if (cutAfter === 0) response.flushHeaders();
  next();
}

/** @param from Where `part` begins in the body. */
function damaged(part: Buffer, from: number, fault: S3Fault | undefined): Buffer {
  const at = fault?.kind === 'flip-bit' ? (fault.afterBytes ?? 0) - from : -1;
  if (at < 0 || at >= part.length) return part;
  const copy = Buffer.from(part);
  copy[at]! ^= 1;
  return copy;
}

function sendSlowly(
  response: ServerResponse,
  slices: Iterator<Buffer>,
  bytesPerSecond: number,
  count: (bytes: number) => void,
): void {
  let rest: Buffer = Buffer.alloc(0);
  let owed = 1;
  response.flushHeaders();
  const timer = setInterval(() => {
    owed += (bytesPerSecond * SLOW_TICK_MS) / 1000;
    if (rest.length === 0) rest = slices.next().value ?? rest;
    const part = rest.subarray(0, Math.floor(owed));
    owed -= part.length;
    rest = rest.subarray(part.length);
    count(part.length);
    if (part.length > 0) response.write(part);
    if (rest.length > 0) return;
    const following: Buffer | undefined = slices.next().value;
    if (following !== undefined) rest = following;
    else {
      clearInterval(timer);
      response.end();
    }
  }, SLOW_TICK_MS);
  response.once('close', () => clearInterval(timer));
}
