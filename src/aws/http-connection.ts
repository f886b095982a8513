/**
 * HTTP connection: one socket, one exchange at a time.
 * Takes  a request's head and body.
 * Gives  the answer's head, then its body straight from the memory that the socket receives into: no stream, no copy, no object a
 *        chunk. Node's own client copies every chunk into memory that the collector has to chase (docs/PERFORMANCE.md).
 * Owns   the socket, its receive buffer, and what has arrived but was not taken.
 * Never  retries, waits for another exchange, or keeps a connection of which it does not know where the next answer starts.
 */
import assert from 'node:assert';
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { whenLate } from '../base/patience.ts';
import type { Ending } from './deadlines.ts';
import { aborted, Exchange, type HttpAnswer, HttpFailure } from './http-exchange.ts';
import { formatRequestHead, type HttpRequestHead } from './http-head.ts';
import { bareHost, forwardedHead, type HttpProxy, type Origin } from './proxy.ts';
import { connectToProxy, openEvent, openTunnel, type TlsTrust, tlsOptions } from './tunnel.ts';

/** How an origin is reached. */
export interface Route extends TlsTrust {
  readonly origin: Origin;
  readonly proxy: HttpProxy | null;
}

interface Handlers {
  /** The connection may carry another request. */
  readonly onIdle: (connection: HttpConnection) => void;
  /** It never will again. */
  readonly onClose: (connection: HttpConnection) => void;
  readonly onTlsSession: (session: Buffer) => void;
}

const NO_BYTES: Buffer = Buffer.alloc(0);

function viewOf({ buffer, byteOffset }: Uint8Array, byteCount: number): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteCount);
}

export class HttpConnection {
  /** While a tunnel is being opened, that to the proxy. */
  #socket: Socket;
  readonly #route: Route;
  readonly #isTls: boolean;
  readonly #handlers: Handlers;
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

  constructor(route: Route, receiveBytes: number, tlsSession: Buffer | undefined, handlers: Handlers) {
    this.#route = route;
    this.#handlers = handlers;
    const { origin, proxy } = route;
    const { port } = origin;
    this.#isTls = origin.isTls || proxy?.isTls === true;
    const own = Buffer.allocUnsafeSlow(receiveBytes);
    const onread: OnReadOpts = {
      // Asked behind each call of `callback`, for the next one.
      buffer: () => (this.#held.length > 0 ? own : (this.#exchange?.place() ?? own)),
      callback: (byteCount, buffer) => this.#received(viewOf(buffer, byteCount)),
    };
    if (proxy !== null && !origin.isTls) {
      this.#socket = connectToProxy(proxy, route, onread);
      this.#attend(this.#socket, openEvent(proxy));
      return;
    }
    if (!origin.isTls) {
      this.#socket = connectTcp({ host: bareHost(origin.hostname), port, onread });
      this.#attend(this.#socket, 'connect');
      return;
    }
    const session = tlsSession === undefined ? {} : { session: tlsSession };
    const options = { ...tlsOptions(origin, route), ...session };
    if (proxy !== null) {
      this.#socket = openTunnel(proxy, origin, route, () => this.#enterTunnel(options));
      this.#attend(this.#socket, null);
      return;
    }
    // tls.connect hands `onread` on to its socket, which its type does not say.
    const withMemory = { ...options, port, onread };
    this.#socket = connectTls(withMemory).on('session', handlers.onTlsSession);
    this.#attend(this.#socket, 'secureConnect');
  }

  /** The proxy's socket carries TLS from now on. Node gives bytes of such a socket only as chunks. */
  #enterTunnel(options: ReturnType<typeof tlsOptions>): void {
    const socket = connectTls({ ...options, socket: this.#socket });
    this.#socket = socket;
    socket.on('session', this.#handlers.onTlsSession);
    socket.on('data', (bytes: Buffer) => {
      if (!this.#received(bytes)) socket.pause();
    });
    this.#attend(socket, 'secureConnect');
  }

  /** @param openEvent What says that requests may be sent; null: never, another socket will take its place. */
  #attend(socket: Socket, openEvent: 'connect' | 'secureConnect' | null): void {
    socket.setNoDelay(true);
    if (openEvent !== null) {
      socket.once(openEvent, () => {
        this.#isOpen = true;
        this.#onOpen?.();
      });
    }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const { code = error.name, message } = error;
      this.#error ??=
        error instanceof HttpFailure ? error : new HttpFailure(code, message, this.#isOpen, error);
    });
    socket.on('close', () => {
      if (socket === this.#socket) this.#closed();
    });
  }

  #closed(): void {
    this.#isEnded = this.#error === null;
    const closed = 'the connection was closed before the end of the answer';
    this.#error ??= new HttpFailure('ECONNRESET', closed, this.#isOpen);
    this.#handlers.onClose(this);
    // What was received before may be all that is missing.
    if (this.#held.length === 0) this.#exchange?.closed(this.#error, this.#isEnded);
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
    signal?: Ending,
  ): Promise<HttpAnswer> {
    assert(this.#exchange === null && this.#error === null);
    const text = formatRequestHead(this.#forwarded(head));
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.destroy();
        exchange.fail(aborted(signal!, this.#isOpen));
      };
      const onSettled = () => {
        signal?.removeEventListener('abort', onAbort);
        stopWaiting();
      };
      const exchange = new Exchange(this, resolve, reject, onSettled, head.method === 'HEAD');
      this.#exchange = exchange;
      const stopWaiting = this.#isOpen
        ? () => {}
        : whenLate(connectTimeoutMs, () => {
            const message = `no connection within ${connectTimeoutMs} ms`;
            this.#error = new HttpFailure('ETIMEDOUT', message, false);
            this.#socket.destroy();
          });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#socket.ref();
      const send = () => {
        stopWaiting();
        this.#socket.cork();
        this.#socket.write(text, 'latin1');
        for (const part of body) this.#socket.write(part);
        this.#socket.uncork();
      };
      if (this.#isOpen) send();
      else this.#onOpen = send;
    });
  }

  #forwarded(head: HttpRequestHead): HttpRequestHead {
    const { origin, proxy } = this.#route;
    if (proxy === null || origin.isTls) return head;
    return { ...head, ...forwardedHead(head, origin, proxy) };
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
    // The end was noticed but not passed on, because bytes were held.
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
    this.#handlers.onIdle(this);
  }

  /** @returns Whether the socket should go on receiving. */
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
    // Nobody asked: whatever this is, it is not an answer.
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
