/**
 * Ask: one request to an embedded Kinesis in either wire format, for tests that must see status, headers and the raw shape.
 * Gives  the decoded answer. Never  signs, retries or interprets.
 */
import { decodeCbor, encodeCbor } from '../../../src/aws/cbor.ts';
import type { Wire } from '../../../src/embedded/kinesis/put-request.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into answers of every operation; their expectations are the type.
  readonly body: Record<string, unknown>;
}

/** Bytes in `input` travel as base64 in JSON and as byte strings in CBOR. */
export async function ask(
  endpoint: string,
  operation: string,
  input: object | Buffer,
  wire: Wire = 'json',
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': `application/x-amz-${wire}-1.1`,
      'x-amz-target': `Kinesis_20131202.${operation}`,
      ...headers,
    },
    body: Buffer.isBuffer(input) ? Uint8Array.from(input) : Uint8Array.from(encode(input, wire)),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isCbor = response.headers.get('content-type') === 'application/x-amz-cbor-1.1';
  const body =
    bytes.length === 0 ? {} : isCbor ? decodeCbor(bytes, { readsDates: true }) : JSON.parse(bytes.toString());
  return { status: response.status, headers: response.headers, body };
}

export function encode(input: object, wire: Wire): Buffer {
  if (wire === 'cbor') return encodeCbor(input);
  const text = JSON.stringify(input, function (this: Record<string, unknown>, key, value) {
    return Buffer.isBuffer(this[key]) ? (this[key] as Buffer).toString('base64') : value;
  });
  return Buffer.from(text);
}
