/**
 * HTTP client: keep-alive connections to one origin.
 * Takes  requests, each with its signal.
 * Gives  answers with bodies.
 * Owns   the connections and who waits for one. The one that was used last is used next, so that few stay open. The way to the
 *        origin: straight, or through the proxy that the environment names.
 * Never  retries or follows redirects.
 */

import { createSecureContext } from 'node:tls';
import type { Ending } from './deadlines.ts';
import { HttpConnection, type Route } from './http-connection.ts';
import { aborted, type HttpAnswer, HttpFailure } from './http-exchange.ts';
import type { HttpRequestHead } from './http-head.ts';
import { authorityOf, type Origin, proxyOf } from './proxy.ts';
import { refusal } from './tunnel.ts';

export { type HttpAnswer, HttpFailure } from './http-exchange.ts';
export type { Origin } from './proxy.ts';

export interface HttpClientOptions {
  readonly origin: Origin;
  /** Certificates, as PEM, that are trusted in place of Node's own. Default null. */
  readonly authorities?: string | null;
  /** Open connections; further requests wait for a free one. Default 256. */
  readonly connectionCountMax?: number;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Memory that each connection receives into. Default 64 KiB. */
  readonly receiveBytes?: number;
}

/** A service closes an idle connection after the time that it announces: we stop using it this much earlier. */
const IDLE_MARGIN_MS = 1000;

export class HttpClient {
  readonly #route: Route;
  readonly #connectionCountMax: number;
  readonly #connectTimeoutMs: number;
  readonly #receiveBytes: number;
  readonly #all = new Set<HttpConnection>();
  readonly #idle: HttpConnection[] = [];
  readonly #waiters: (() => void)[] = [];
  #tlsSession: Buffer | undefined;
  #isClosed = false;

  constructor(options: HttpClientOptions) {
    const { origin, authorities = null } = options;
    const secureContext = authorities === null ? undefined : createSecureContext({ ca: authorities });
    this.#route = { origin, proxy: proxyOf(origin), secureContext };
    this.#connectionCountMax = options.connectionCountMax ?? 256;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#receiveBytes = options.receiveBytes ?? 64 * 1024;
  }

  /**
   * @param body Must not change until the answer is there.
   * @returns When the answer's head is there. Its body has to be read or discarded: until then it holds a connection.
   * @throws {HttpFailure} When the connection fails or the signal is aborted (ABORT_ERR).
   */
  async request(
    head: HttpRequestHead,
    body: readonly Uint8Array[] = [],
    signal?: Ending,
  ): Promise<HttpAnswer> {
    for (;;) {
      if (signal?.aborted) {
        this.#waiters.shift()?.(); // it may have been our turn
        throw aborted(signal, false);
      }
      if (this.#isClosed) throw new HttpFailure('ECONNRESET', 'the connections were closed', false);
      const connection = this.#takeIdle() ?? this.#open();
      if (connection === null) {
        await this.#wait(signal);
        continue;
      }
      const answer = await connection.request(head, body, this.#connectTimeoutMs, signal);
      this.#checkProxy(answer);
      const keptS = /\btimeout=(\d+)/.exec(answer.headers['keep-alive'] ?? '')?.[1];
      if (keptS !== undefined) connection.keptForMs = Number(keptS) * 1000 - IDLE_MARGIN_MS;
      return answer;
    }
  }

  /** Exchanges that are under way fail. May be called again. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#all) connection.destroy();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** A proxy that forwards http answers for itself. @throws {HttpFailure} */
  #checkProxy(answer: HttpAnswer): void {
    const { origin, proxy } = this.#route;
    if (proxy === null || origin.isTls || answer.status !== 407) return;
    answer.body.discard();
    throw refusal(proxy, answer.status, authorityOf(origin));
  }

  #takeIdle(): HttpConnection | null {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.isFresh()) return connection ?? null;
      connection.destroy();
    }
  }

  #open(): HttpConnection | null {
    if (this.#all.size >= this.#connectionCountMax) return null;
    const connection = new HttpConnection(this.#route, this.#receiveBytes, this.#tlsSession, {
      onIdle: (idle) => {
        this.#idle.push(idle);
        this.#waiters.shift()?.();
      },
      onClose: (closed) => {
        this.#all.delete(closed);
        const index = this.#idle.indexOf(closed);
        if (index >= 0) this.#idle.splice(index, 1);
        this.#waiters.shift()?.();
      },
      onTlsSession: (session) => {
        this.#tlsSession = session;
      },
    });
    this.#all.add(connection);
    return connection;
  }

  #wait(signal: Ending | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(wake), 1);
        resolve();
      };
      this.#waiters.push(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
