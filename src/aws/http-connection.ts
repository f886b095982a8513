/**
 * HTTP connection: one socket, one exchange at a time.
 * Takes  a request's head and body.
 * Gives  the answer's head, then its body straight from the memory that the socket receives into: no stream, no copy, no object a
 *        chunk. Node's own client copies every chunk into memory that the collector has to chase (docs/PERFORMANCE.md).
 * Owns   the socket, its receive buffer, and what arrived and was not taken.
 * Never  retries, waits for another exchange, or keeps a connection of which it does not know where the next answer starts.
 */
import assert from 'node:assert';
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type AnswerBody, DRAIN_BYTES_MAX } from './http-body.ts';
import { formatRequestHead, type HttpHead, type HttpRequestHead, parseHead } from './http-head.ts';

export interface Origin {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
}

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

/** Longer heads are no answers of a service that we know. */
const HEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
/** A line with the size of a chunk, or a line of a trailer. */
const CHUNK_LINE_BYTES_MAX = 8 * 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);

export class HttpConnection {
  readonly #socket: Socket;
  readonly #isTls: boolean;
  readonly #onIdle: (connection: HttpConnection) => void;
  #exchange: Exchange | null = null;
  /** Received and not taken. Views of the receive buffer while the socket stands still. */
  #held = NO_BYTES;
  #isOpen = false;
  #error: HttpFailure | null = null;
  /** The service ended the connection in good order. */
  #isEnded = false;
  #onOpen: (() => void) | null = null;
  #idleSinceMs = 0;
  /** How long the service keeps it while it is idle. */
  keptForMs = Number.POSITIVE_INFINITY;

  /**
   * @param onIdle The connection may carry another request.
   * @param onClose It never will again.
   */
  constructor(
    origin: Origin,
    receiveBytes: number,
    tlsSession: Buffer | undefined,
    handlers: {
      readonly onIdle: (connection: HttpConnection) => void;
      readonly onClose: (connection: HttpConnection) => void;
      readonly onTlsSession: (session: Buffer) => void;
    },
  ) {
    const { isTls, hostname: host, port } = origin;
    this.#isTls = isTls;
    this.#onIdle = handlers.onIdle;
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(receiveBytes),
      callback: (byteCount, buffer) => this.#received((buffer as Buffer).subarray(0, byteCount)),
    };
    if (isTls) {
      const servername = isIP(host) === 0 ? host : '';
      const session = tlsSession === undefined ? {} : { session: tlsSession };
      // tls.connect hands `onread` on to its socket, which its type does not say.
      const options = { host, port, servername, ALPNProtocols: ['http/1.1'], onread, ...session };
      const socket = connectTls(options);
      socket.on('session', handlers.onTlsSession);
      this.#socket = socket;
    } else {
      this.#socket = connectTcp({ host, port, onread });
    }
    this.#socket.setNoDelay(true);
    this.#socket.once(isTls ? 'secureConnect' : 'connect', () => {
      this.#isOpen = true;
      this.#onOpen?.();
    });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= new HttpFailure(error.code ?? error.name, error.message, this.#isOpen, error);
    });
    this.#socket.on('close', () => {
      this.#isEnded = this.#error === null;
      const closed = 'the connection was closed before the end of the answer';
      this.#error ??= new HttpFailure('ECONNRESET', closed, this.#isOpen);
      handlers.onClose(this);
      // What was received before may be all that is missing.
      if (this.#held.length === 0) this.#exchange?.closed(this.#error, this.#isEnded);
    });
  }

  /**
   * Sends a request when the connection is open.
   * @param body Must not change until the answer is there.
   * @returns The answer, as soon as its head is there.
   * @throws {HttpFailure} Here or from the body's `read`. After an abort its code is ABORT_ERR, its cause the signal's reason.
   */
  request(
    head: HttpRequestHead,
    body: readonly Uint8Array[],
    connectTimeoutMs: number,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    assert(this.#exchange === null && this.#error === null);
    const text = formatRequestHead(head);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.destroy();
        exchange.fail(aborted(signal!, this.#isOpen));
      };
      const exchange = new Exchange(this, resolve, reject, () => {
        signal?.removeEventListener('abort', onAbort);
        clearTimeout(timer);
      });
      this.#exchange = exchange;
      const timer = this.#isOpen
        ? undefined
        : setTimeout(() => {
            const message = `no connection within ${connectTimeoutMs} ms`;
            this.#error = new HttpFailure('ETIMEDOUT', message, false);
            this.#socket.destroy();
          }, connectTimeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#socket.ref();
      const send = () => {
        clearTimeout(timer);
        this.#socket.cork();
        this.#socket.write(text, 'latin1');
        for (const part of body) this.#socket.write(part);
        this.#socket.uncork();
      };
      if (this.#isOpen) send();
      else this.#onOpen = send;
    });
  }

  /** Ends an exchange that is under way, too: whoever waits for it gets an HttpFailure. */
  destroy(): void {
    this.#error ??= new HttpFailure('ECONNRESET', 'the connection was given up', this.#isOpen);
    this.#held = NO_BYTES;
    this.#socket.destroy();
  }

  /** Whether the service still listens, as far as we know. */
  isFresh(): boolean {
    return !this.#socket.destroyed && performance.now() - this.#idleSinceMs < this.keptForMs;
  }

  /** Room was made: offers what is held, then lets the socket receive again. */
  flow(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const held = this.#held;
    this.#held = NO_BYTES;
    if (held.length > 0 && !this.#offer(held)) return;
    if (this.#exchange !== exchange) return;
    // Where the end has been noticed and nobody was told, because bytes were held.
    if (this.#error !== null) exchange.closed(this.#error, this.#isEnded);
    else this.#socket.resume();
  }

  /** The exchange is over. @param isKept Whether the next answer starts where this one ended. */
  finish(isKept: boolean): void {
    this.#exchange = null;
    if (!isKept || this.#held.length > 0 || this.#socket.destroyed) {
      this.destroy();
      return;
    }
    this.#idleSinceMs = performance.now();
    this.#socket.unref();
    this.#socket.resume(); // or its end would not be noticed
    this.#onIdle(this);
  }

  /** @returns Whether the socket shall go on receiving. */
  #received(bytes: Buffer): boolean {
    if (this.#held.length > 0) {
      // TLS gives the rest of what it has deciphered, although it was told to stop.
      this.#held = Buffer.concat([this.#held, bytes]);
      return false;
    }
    return this.#offer(bytes);
  }

  #offer(bytes: Buffer): boolean {
    const exchange = this.#exchange;
    // Nobody asked: whatever this is, it is no answer.
    if (exchange === null) {
      this.destroy();
      return false;
    }
    const taken = exchange.receive(bytes);
    if (this.#exchange !== exchange || taken === bytes.length) {
      if (taken < bytes.length) this.destroy();
      return !exchange.isWaiting;
    }
    const rest = bytes.subarray(taken);
    // A socket that is told to stop leaves its buffer alone; TLS does not.
    this.#held = this.#isTls ? Buffer.from(rest) : rest;
    return false;
  }
}

/** From a request to the last byte of its answer. */
class Exchange implements AnswerBody {
  readonly #connection: HttpConnection;
  readonly #onHead: (answer: HttpAnswer) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #onSettled: () => void;
  /** What comes next. `data`: `#left` bytes of the body. */
  #phase: 'head' | 'data' | 'chunk-size' | 'chunk-end' | 'trailer' | 'done' = 'head';
  /** Of a head or line that was cut in two. */
  #begun = NO_BYTES;
  #head: HttpHead | null = null;
  #left = 0;
  #take: ((bytes: Uint8Array) => number) | null = null;
  #reading: PromiseWithResolvers<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isDiscarded = false;
  /** Whoever takes the body has no room, or nobody takes it yet. */
  #isFull = false;

  constructor(
    connection: HttpConnection,
    onHead: (answer: HttpAnswer) => void,
    onFailure: (error: unknown) => void,
    onSettled: () => void,
  ) {
    this.#connection = connection;
    this.#onHead = onHead;
    this.#onFailure = onFailure;
    this.#onSettled = onSettled;
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

  read(take: (bytes: Uint8Array) => number): Promise<void> {
    assert(this.#reading === null, 'a body is read once');
    this.#reading = Promise.withResolvers();
    this.#take = take;
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
      head = parseHead(all.toString('latin1', 0, end));
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

export function aborted(signal: AbortSignal, isSent: boolean): HttpFailure {
  return new HttpFailure('ABORT_ERR', 'aborted', isSent, signal.reason);
}

function unreadable(why: string): HttpFailure {
  return new HttpFailure('EPROTO', `the answer cannot be read: ${why}`, true);
}
