/**
 * HTTP exchange: from a request to the last byte of its answer (RFC 9112).
 * Takes  the bytes of a connection, wherever they are cut.
 * Gives  the answer's head, then its body to whoever reads it, straight from the connection's memory.
 * Owns   where in the answer we are. Never touches a socket: it tells its connection when there is room and when it is over.
 */
import assert from 'node:assert';
import type { Ending } from './deadlines.ts';
import { type AnswerBody, DRAIN_BYTES_MAX } from './http-body.ts';
import { type HttpHead, parseHead } from './http-head.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AnswerBody;
}

/** Something went wrong with the connection, not with what the service said. `code`: as Node's, e.g. ECONNRESET. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly code: string;
  /** Whether bytes of the request may have reached the service. */
  readonly isSent: boolean;
  constructor(code: string, message: string, isSent: boolean, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.isSent = isSent;
  }
}

/** What an exchange asks of its connection. */
interface Carrier {
  /** There is room: more bytes, please. */
  flow(): void;
  /** The exchange is over. */
  finish(isKept: boolean): void;
  destroy(): void;
}

/** No service that we know sends a longer head. */
const HEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
/** A line with the size of a chunk, or a line of a trailer. */
const CHUNK_LINE_BYTES_MAX = 8 * 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** From a request to the last byte of its answer. */
export class Exchange implements AnswerBody {
  readonly #connection: Carrier;
  readonly #onHead: (answer: HttpAnswer) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #onSettled: () => void;
  readonly #isBodiless: boolean;
  /** What comes next. `data`: `#left` bytes of the body. */
  #phase: 'head' | 'data' | 'chunk-size' | 'chunk-end' | 'trailer' | 'done' = 'head';
  /** Of a head or line that was cut in two. */
  #begun = NO_BYTES;
  #head: HttpHead | null = null;
  #left = 0;
  #take: ((bytes: Uint8Array) => number) | null = null;
  #place: () => Uint8Array | null = () => null;
  #reading: PromiseWithResolvers<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isDiscarded = false;
  /** Whoever takes the body has no room, or nobody takes it yet. */
  #isFull = false;

  constructor(
    connection: Carrier,
    onHead: (answer: HttpAnswer) => void,
    onFailure: (error: unknown) => void,
    onSettled: () => void,
    isBodiless = false,
  ) {
    this.#connection = connection;
    this.#onHead = onHead;
    this.#onFailure = onFailure;
    this.#onSettled = onSettled;
    this.#isBodiless = isBodiless;
  }

  /** Nobody takes the body yet. */
  get isWaiting(): boolean {
    return this.#head !== null && this.#take === null && this.#phase !== 'done';
  }

  /** @returns How many of the bytes were taken. */
  receive(bytes: Buffer): number {
    let at = 0;
    try {
      this.#isFull = false;
      while (at < bytes.length && this.#phase !== 'done' && !this.#isFull) {
        at += this.#step(at === 0 ? bytes : bytes.subarray(at));
      }
    } catch (error) {
      this.#connection.destroy();
      this.fail(error);
      return bytes.length;
    }
    return at;
  }

  /** Where bytes that are received next should lie, if nothing but the body can be among them. */
  place(): Uint8Array | null {
    if (this.#phase !== 'data' || this.#isFull || this.#head!.framing.kind !== 'length') return null;
    const place = this.#place();
    return place === null || place.length <= this.#left ? place : place.subarray(0, this.#left);
  }

  read(take: (bytes: Uint8Array) => number, place: () => Uint8Array | null = this.#place): Promise<void> {
    assert(this.#reading === null, 'a body is read once');
    this.#reading = Promise.withResolvers();
    this.#take = take;
    this.#place = place;
    if (this.#failure !== null) this.#reading.reject(this.#failure.error);
    else if (this.#phase === 'done' || this.#isDiscarded) this.#reading.resolve();
    else this.#connection.flow();
    return this.#reading.promise;
  }

  resume(): void {
    if (this.#phase !== 'done') this.#connection.flow();
  }

  discard(): void {
    if (this.#phase === 'done' || this.#isDiscarded) return;
    this.#isDiscarded = true;
    this.#reading?.resolve();
    const isShort = this.#head!.framing.kind === 'length' && this.#left <= DRAIN_BYTES_MAX;
    const wasWaiting = this.#take === null;
    this.#take = (bytes) => bytes.length;
    this.#place = () => null;
    if (!isShort) {
      this.#settle(false);
    } else if (wasWaiting) {
      this.#connection.flow();
    }
  }

  fail(error: unknown): void {
    if (this.#phase === 'done') return;
    this.#failure = { error };
    this.#settle(false);
    if (this.#head === null) this.#onFailure(error);
    else if (!this.#isDiscarded) this.#reading?.reject(error);
  }

  /** Nothing more will come. */
  closed(error: HttpFailure, isInGoodOrder: boolean): void {
    if (isInGoodOrder && this.#head?.framing.kind === 'close') this.#end();
    else this.fail(error);
  }

  #step(bytes: Buffer): number {
    if (this.#phase === 'head') return this.#readHead(bytes);
    if (this.#phase === 'data') return this.#readData(bytes);
    return this.#readChunkLine(bytes);
  }

  #readHead(bytes: Buffer): number {
    const all = this.#joined(bytes);
    const end = all.indexOf(HEAD_END);
    if (end > HEAD_BYTES_MAX || (end < 0 && all.length > HEAD_BYTES_MAX))
      throw unreadable('its head is too long');
    if (end < 0) {
      this.#begun = Buffer.from(all);
      return bytes.length;
    }
    const taken = end + HEAD_END.length - this.#begun.length;
    this.#begun = NO_BYTES;
    let head: HttpHead;
    try {
      head = parseHead(all.toString('latin1', 0, end), this.#isBodiless);
    } catch (error) {
      throw unreadable((error as Error).message);
    }
    if (head.status < 200) return taken; // another head follows
    this.#head = head;
    this.#left = head.framing.kind === 'length' ? head.framing.bytes : Number.POSITIVE_INFINITY;
    this.#phase = head.framing.kind === 'chunked' ? 'chunk-size' : 'data';
    if (this.#left === 0) this.#end();
    this.#onHead({ status: head.status, headers: head.headers, body: this });
    return taken;
  }

  #readData(bytes: Buffer): number {
    if (this.#take === null) {
      this.#isFull = true;
      return 0;
    }
    const offered = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
    const taken = this.#take(offered);
    this.#isFull = taken < offered.length && !this.#isDiscarded;
    this.#left -= taken;
    if (this.#left === 0 && this.#phase === 'data') {
      if (this.#head!.framing.kind === 'chunked') this.#phase = 'chunk-end';
      else this.#end();
    }
    return taken;
  }

  /** Lines between the chunks of RFC 9112, section 7.1. */
  #readChunkLine(bytes: Buffer): number {
    const newline = bytes.indexOf(10);
    const taken = newline < 0 ? bytes.length : newline + 1;
    const all = this.#joined(bytes.subarray(0, taken));
    if (all.length > CHUNK_LINE_BYTES_MAX) throw unreadable('a line between its chunks is too long');
    this.#begun = newline < 0 ? Buffer.from(all) : NO_BYTES;
    if (newline < 0) return taken;
    const line = all.toString('latin1').replace(/\r?\n$/, '');
    if (this.#phase === 'chunk-size') {
      const size = /^([0-9a-fA-F]{1,12})\s*(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw unreadable('the size of a chunk cannot be read');
      this.#left = Number.parseInt(size, 16);
      this.#phase = this.#left === 0 ? 'trailer' : 'data';
    } else if (this.#phase === 'chunk-end') {
      if (line !== '') throw unreadable('a chunk is longer than its size');
      this.#phase = 'chunk-size';
    } else if (line === '') {
      this.#end();
    }
    return taken;
  }

  /** What was begun earlier, and these. */
  #joined(bytes: Buffer): Buffer {
    return this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
  }

  /** The whole answer is there. */
  #end(): void {
    this.#settle(this.#head!.isKept);
    this.#reading?.resolve();
  }

  #settle(isKept: boolean): void {
    this.#phase = 'done';
    this.#onSettled();
    this.#connection.finish(isKept);
  }
}

export function aborted(signal: Ending, isSent: boolean): HttpFailure {
  return new HttpFailure('ABORT_ERR', 'aborted', isSent, signal.reason);
}

function unreadable(why: string): HttpFailure {
  return new HttpFailure('EBADMSG', `the answer cannot be read: ${why}`, true);
}
