/**
 * PutAnswer: writes the answer to PutRecords into one buffer.
 * Takes  per record a shard and a counter, or a failure, in the order of the request.
 * Gives  the bytes of the JSON or CBOR answer.
 * Owns   one template per shard: an entry is a copy of it with the counter's digits written in.
 */
import { cborHead, encodeCbor } from '../../aws/cbor.ts';
import type { Wire } from './put-request.ts';
import { COUNTER_DIGITS, type Shard } from './stream-store.ts';

export interface Failure {
  readonly code: string;
  readonly message: string;
}

interface Template {
  readonly bytes: Buffer;
  /** Where the counter's last digit stands. */
  readonly lastDigitAt: number;
  counter: number;
}

/** More than any entry of a stored record takes. */
const ENTRY_BYTES_MAX = 128;
const templates: Record<Wire, WeakMap<Shard, Template>> = { cbor: new WeakMap(), json: new WeakMap() };

function templateOf(wire: Wire, shard: Shard): Template {
  let template = templates[wire].get(shard);
  if (template === undefined) {
    const entry = { SequenceNumber: shard.sequenceNumber(0), ShardId: shard.shardId };
    const bytes = wire === 'cbor' ? encodeCbor(entry) : Buffer.from(JSON.stringify(entry));
    const lastDigitAt = bytes.indexOf(entry.SequenceNumber) + entry.SequenceNumber.length - 1;
    template = { bytes, lastDigitAt, counter: 0 };
    templates[wire].set(shard, template);
  }
  return template;
}

/** Sets the template's digits. Counters mostly grow by one, which changes 1.1 digits on average. */
function count(template: Template, counter: number): void {
  const { bytes } = template;
  let at = template.lastDigitAt;
  if (counter === template.counter + 1) {
    while (bytes[at] === 0x39) bytes[at--] = 0x30;
    bytes[at]!++;
  } else {
    for (let rest = counter, i = 0; i < COUNTER_DIGITS; i++, at--) {
      const left = Math.floor(rest / 10);
      bytes[at] = 0x30 + (rest - left * 10);
      rest = left;
    }
  }
  template.counter = counter;
}

export class PutAnswer {
  readonly #wire: Wire;
  #out: Buffer;
  #at = 0;
  #written = 0;

  constructor(wire: Wire, recordCount: number, failedCount: number) {
    this.#wire = wire;
    this.#out = Buffer.allocUnsafe(128 + recordCount * ENTRY_BYTES_MAX);
    if (wire === 'json') this.#text(`{"FailedRecordCount":${failedCount},"Records":[`);
    else {
      this.#bytes(cborHead(5, 2));
      this.#bytes(encodeCbor('FailedRecordCount'));
      this.#bytes(encodeCbor(failedCount));
      this.#bytes(encodeCbor('Records'));
      this.#bytes(cborHead(4, recordCount));
    }
  }

  stored(shard: Shard, counter: number): void {
    const template = templateOf(this.#wire, shard);
    count(template, counter);
    this.#separate();
    this.#bytes(template.bytes);
  }

  failed(failure: Failure): void {
    const entry = { ErrorCode: failure.code, ErrorMessage: failure.message };
    this.#separate();
    this.#bytes(this.#wire === 'cbor' ? encodeCbor(entry) : Buffer.from(JSON.stringify(entry)));
  }

  end(): Buffer {
    if (this.#wire === 'json') this.#text(']}');
    return this.#out.subarray(0, this.#at);
  }

  #separate(): void {
    if (this.#wire === 'json' && this.#written > 0) this.#text(',');
    this.#written++;
  }

  #text(text: string): void {
    this.#bytes(Buffer.from(text, 'latin1'));
  }

  #bytes(part: Buffer): void {
    if (this.#at + part.length > this.#out.length) {
      const larger = Buffer.allocUnsafe((this.#out.length + part.length) * 2);
      larger.set(this.#out.subarray(0, this.#at));
      this.#out = larger;
    }
    this.#out.set(part, this.#at);
    this.#at += part.length;
  }
}
