/**
 * Server: the requests of the fast S3.
 * Takes  GET and HEAD with path-style addresses; `GET /_millrace/stats` and `POST /_millrace/faults` steer it from another process.
 * Gives  answers as S3 gives them, or the fault that a rule asks for.
 * Owns   the buckets and the counters.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { accessKeyOf, Faults } from '../kinesis/faults.ts';
import { type S3Fault, sendBody, slicesOf } from './body.ts';
import { type Bucket, listPage } from './objects.ts';
import { errorXml, listXml } from './xml.ts';

class S3Error extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const REFUSALS: Record<string, [number, string, string]> = {
  'slow-down': [503, 'SlowDown', 'Please reduce your request rate.'],
  'internal-error': [500, 'InternalError', 'We encountered an internal error. Please try again.'],
  'access-denied': [403, 'AccessDenied', 'Access Denied'],
  'not-paid': [403, 'AccessDenied', 'Access Denied'],
  'invalid-access-key': [
    403,
    'InvalidAccessKeyId',
    'The AWS Access Key Id you provided does not exist in our records.',
  ],
  'wrong-signature': [
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided.',
  ],
  'no-such-key': [404, 'NoSuchKey', 'The specified key does not exist.'],
  'invalid-object-state': [
    403,
    'InvalidObjectState',
    `The operation is not valid for the object's storage class`,
  ],
  'precondition-failed': [
    412,
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
  ],
};
const RESTORED = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2040 00:00:00 GMT"';
const ARCHIVED = ['GLACIER', 'DEEP_ARCHIVE'];

function refusal(kind: string): S3Error {
  return new S3Error(...REFUSALS[kind]!);
}

/** `bytes=a-b`, `bytes=a-` or `bytes=-n`. @returns [from, to), or undefined for the whole object. */
function rangeOf(header: string | undefined, sizeBytes: number): [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const isSuffix = match[1] === '';
  const from = isSuffix ? Math.max(0, sizeBytes - Number(match[2])) : Number(match[1]);
  const to = isSuffix || match[2] === '' ? sizeBytes : Math.min(Number(match[2]) + 1, sizeBytes);
  if (from < to) return [from, to];
  if (!isSuffix && match[2] !== '' && Number(match[2]) < from) return undefined;
  throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
}

/** One page of ListObjectsV2, or what a fault makes of it. */
function listing(
  name: string,
  bucket: Bucket,
  query: URLSearchParams,
  fault: S3Fault['kind'] | undefined,
): string {
  if (fault === 'same-page') query.delete('continuation-token');
  const xml = listXml(listPage(name, bucket, query));
  switch (fault) {
    case 'empty-page':
      return '';
    case 'cut-page':
      return xml.slice(0, xml.length / 2);
    case 'no-token':
      return xml.replace(/<NextContinuationToken>[^<]*<\/NextContinuationToken>/, '');
    case 'no-etag':
      return xml.replace(/<ETag>[^<]*<\/ETag>/g, '');
    case 'weak-etag':
      return xml.replaceAll('<ETag>', '<ETag>W/');
    default:
      return xml;
  }
}

/** The header of an answer, as a fault wants it. */
function etagHeader(etag: string, fault: S3Fault['kind'] | undefined): { etag?: string } {
  if (fault === 'no-etag' || fault === 'later') return {};
  return { etag: fault === 'weak-etag' || fault === 'strict-weak' ? `W/${etag}` : etag };
}

export class FastS3Server {
  readonly buckets = new Map<string, Bucket>();
  readonly faults = new Faults<S3Fault>('GetObject');
  readonly counters = {
    requests: 0,
    requestsByOperation: {} as Record<string, number>,
    bytesSent: 0,
    bodiesInFlightMax: 0,
  };
  #bodiesInFlight = 0;

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (request.url?.startsWith('/_millrace/')) {
      void this.#admin(request, response);
      return;
    }
    request.resume();
    const requestId = randomUUID().slice(0, 16).toUpperCase().replaceAll('-', '');
    response.setHeader('x-amz-request-id', requestId);
    this.counters.requests++;
    try {
      this.#route(request, response);
    } catch (error) {
      if (!(error instanceof S3Error)) {
        console.error('embedded S3:', error);
        response.destroy();
        return;
      }
      const body = Buffer.from(errorXml(error.code, error.message, request.url ?? '/', requestId));
      response.writeHead(error.status, { 'content-type': 'application/xml', 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }

  async #admin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.url === '/_millrace/faults') {
      const { rules, seed } = JSON.parse(body);
      this.faults.set(rules, Date.now(), seed);
    }
    response.end(JSON.stringify({ ...this.counters, faultsFired: this.faults.counts }));
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    // Not by URL, which would take `..` in a key for a step up.
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const [, name = '', ...rest] = path.split('/');
    // For directory buckets the SDK writes one slash too many.
    const key = /(?:^|&)list-type=2/.test(query) ? '' : decodeURIComponent(rest.join('/'));
    const isHead = request.method === 'HEAD';
    const operation =
      key === '' ? (isHead ? 'HeadBucket' : 'ListObjectsV2') : isHead ? 'HeadObject' : 'GetObject';
    const { requestsByOperation } = this.counters;
    requestsByOperation[operation] = (requestsByOperation[operation] ?? 0) + 1;
    const fault = this.faults.fire(
      [
        'slow-down',
        'internal-error',
        'access-denied',
        'invalid-access-key',
        'wrong-signature',
        'no-such-key',
        'invalid-object-state',
        'precondition-failed',
        'reset',
        'truncate',
        'stall',
        'slow',
        'changed-etag',
        'empty-page',
        'cut-page',
        'no-token',
        'same-page',
        'no-etag',
        'weak-etag',
        'later',
        'strict-weak',
        'flip-bit',
        ...(request.headers['x-amz-request-payer'] === 'requester' ? [] : (['not-paid'] as const)),
      ],
      { operation, target: key, accessKeyId: accessKeyOf(request.headers.authorization) },
      Date.now(),
    );
    if (fault !== undefined && REFUSALS[fault.kind] !== undefined) throw refusal(fault.kind);
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (request.method !== 'GET' && !isHead) {
      throw new S3Error(
        405,
        'MethodNotAllowed',
        'The specified method is not allowed against this resource.',
      );
    }
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (key !== '') {
      this.#object(bucket, key, request, response, fault);
      return;
    }
    const body = isHead ? undefined : listing(name, bucket, new URLSearchParams(query), fault?.kind);
    response.writeHead(200, { 'content-type': 'application/xml', 'x-amz-bucket-region': 'us-east-1' });
    response.end(body);
  }

  #object(
    bucket: Bucket,
    key: string,
    request: IncomingMessage,
    response: ServerResponse,
    fault: S3Fault | undefined,
  ): void {
    const object = bucket.objects.get(key);
    if (object === undefined) throw refusal('no-such-key');
    const { headers, method } = request;
    const etag = fault?.kind === 'changed-etag' ? '"ffffffffffffffffffffffffffffffff"' : object.etag;
    const wanted = headers['if-match'];
    const isWanted = (header: string) =>
      header === '*' ||
      header.split(',').some((tag) => tag.trim().replaceAll('"', '') === etag.replaceAll('"', ''));
    const isRefused = wanted !== undefined && (!isWanted(wanted) || fault?.kind === 'strict-weak');
    if (isRefused) throw refusal('precondition-failed');
    if (headers['if-none-match'] !== undefined && isWanted(headers['if-none-match'])) {
      response.writeHead(304, { etag });
      response.end();
      return;
    }
    const isFrozen = ARCHIVED.includes(object.storageClass) && !object.isRestored;
    if (method === 'GET' && isFrozen) throw refusal('invalid-object-state');
    const range = rangeOf(headers.range, object.sizeBytes);
    const [from, to] = range ?? [0, object.sizeBytes];
    response.writeHead(range === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': to - from,
      'accept-ranges': 'bytes',
      'last-modified': (fault?.kind === 'later' ? new Date() : object.modifiedAt).toUTCString(),
      ...etagHeader(etag, fault?.kind),
      ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${to - 1}/${object.sizeBytes}` }),
      ...(headers['x-amz-checksum-mode'] === 'ENABLED' && range === undefined ? object.checksum : {}),
      ...(object.isRestored ? { 'x-amz-restore': RESTORED } : {}),
      ...(object.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': object.storageClass }),
    });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    this.counters.bodiesInFlightMax = Math.max(this.counters.bodiesInFlightMax, ++this.#bodiesInFlight);
    response.once('close', () => this.#bodiesInFlight--);
    sendBody(response, slicesOf(object, from, to), fault, (bytes) => {
      this.counters.bytesSent += bytes;
    });
  }
}
