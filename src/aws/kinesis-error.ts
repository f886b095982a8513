/**
 * Kinesis error: what is known of a request that failed.
 * Takes  an error answer in JSON or CBOR.
 * Gives  KinesisCallError: the service's code and message, and whether the request may have had an effect.
 * Never  decides what to do about it: that belongs to the stage that called.
 */
import { type CborValue, decodeCbor } from './cbor.ts';

export interface KinesisCallErrorFields {
  readonly operation: string;
  readonly awsCode: string | null;
  readonly message: string;
  readonly statusCode: number | null;
  readonly isAmbiguous: boolean;
  readonly isForeign?: boolean;
  readonly cause?: unknown;
}

/** A request to Kinesis that did not end with an answer of status 200. */
export class KinesisCallError extends Error {
  readonly operation: string;
  /** The service's name for the error, e.g. `ExpiredIteratorException`; of a credential chain that failed, its error's name. */
  readonly awsCode: string | null;
  /** HTTP status, or null where there was no complete answer. */
  readonly statusCode: number | null;
  /** True where the service may have carried the request out: bytes may have been sent, and no definite answer came back. */
  readonly isAmbiguous: boolean;
  /** An answer came that is not one of Kinesis: a page, of a proxy or of another service. */
  readonly isForeign: boolean;

  constructor(fields: KinesisCallErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'KinesisCallError';
    this.operation = fields.operation;
    this.awsCode = fields.awsCode;
    this.statusCode = fields.statusCode;
    this.isAmbiguous = fields.isAmbiguous;
    this.isForeign = fields.isForeign ?? false;
  }
}

/** After a status of 500 or more it is unknown whether the request was carried out. */
export function isAmbiguousStatus(status: number): boolean {
  return status >= 500;
}

/** Longest message that is passed on: a proxy may answer with a page. */
const MESSAGE_CHARS_MAX = 500;

/** Null: it is neither CBOR nor JSON. Nothing at all is no answer either, but not a foreign one. */
function decode(body: Buffer, contentType: string): { readonly [key: string]: CborValue | undefined } | null {
  if (body.length === 0) return {};
  try {
    const value = contentType.includes('cbor') ? decodeCbor(body) : JSON.parse(body.toString('utf8'));
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return null;
  }
}

/** The error that an answer with a status other than 200 describes. */
export function serviceError(
  operation: string,
  answer: {
    status: number;
    headers: { readonly [name: string]: string | string[] | undefined };
    body: Buffer;
  },
): KinesisCallError {
  const decoded = decode(answer.body, String(answer.headers['content-type'] ?? ''));
  const fields = decoded ?? {};
  const type = fields.__type ?? answer.headers['x-amzn-errortype'];
  // Both `com.amazonaws.kinesis#Code` and `Code:http://...` are in use.
  const awsCode = typeof type === 'string' ? type.split(':', 1)[0]!.replace(/^.*#/, '') : null;
  const text = fields.message ?? fields.Message;
  const message =
    typeof text === 'string' ? text.slice(0, MESSAGE_CHARS_MAX) : `HTTP status ${answer.status}`;
  return new KinesisCallError({
    operation,
    awsCode,
    message,
    statusCode: answer.status,
    isAmbiguous: isAmbiguousStatus(answer.status),
    isForeign: decoded === null && awsCode === null,
  });
}

/** The error of an answer whose status says that all is well, and that cannot be read. */
export function foreignAnswer(operation: string, statusCode: number, cause: unknown): KinesisCallError {
  const message = 'the answer cannot be read';
  return new KinesisCallError({
    ...{ operation, awsCode: null, message, statusCode },
    ...{ isAmbiguous: true, isForeign: true, cause },
  });
}
