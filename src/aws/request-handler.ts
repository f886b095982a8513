/**
 * Request handler: the transport of the SDK's clients, those of its credential chain among them.
 * Takes  requests of the SDK; certificates to trust; the proxies that the environment names.
 * Gives  answers. HTTP/1.1 with keep-alive.
 * Owns   two agents and their sockets.
 * Never  retries.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { type Duplex, pipeline, Transform } from 'node:stream';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { HttpRequest } from '@smithy/protocol-http';
import { whenLate } from '../base/patience.ts';
import { HttpFailure } from './http-exchange.ts';
import { authorityOf, forwardedHead, type HttpProxy, type Origin, originOf, proxyOf } from './proxy.ts';
import { nameProxy, openTunnel, refusal, type TlsTrust, tlsOptions } from './tunnel.ts';

type HandlerOptions = Parameters<NodeHttpHandler['handle']>[1];
type Answer = ReturnType<NodeHttpHandler['handle']>;

export interface RequestHandlerOptions {
  /** As PEM, in place of Node's own; null: Node's own. */
  readonly authorities: string | null;
  /** Default 64. */
  readonly socketsMax?: number;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Until an answer begins, and between two parts of it; then a TimeoutError. Default 30,000. */
  readonly answerTimeoutMs?: number;
}

export class RequestHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly authorities: string | null;
  readonly #handler: NodeHttpHandler;
  /** To proxies that forward http. */
  readonly #forward: NodeHttpHandler;

  constructor(options: RequestHandlerOptions) {
    const { authorities, socketsMax = 64, connectTimeoutMs = 10_000, answerTimeoutMs = 30_000 } = options;
    this.authorities = authorities;
    const secureContext = authorities === null ? undefined : createSecureContext({ ca: authorities });
    const pool = { keepAlive: true, maxSockets: socketsMax };
    const trusting = { ...pool, rejectUnauthorized: true, ...(secureContext && { secureContext }) };
    const times = {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerTimeoutMs,
    };
    const httpAgent = new HttpAgent(pool);
    const tunnels = new TunnelAgent(trusting, { secureContext }, connectTimeoutMs);
    this.#handler = new NodeHttpHandler({ ...times, httpAgent, httpsAgent: tunnels });
    this.#forward = new NodeHttpHandler({ ...times, httpAgent, httpsAgent: new HttpsAgent(trusting) });
  }

  async handle(request: HttpRequest, options?: HandlerOptions): Answer {
    const origin = originOf(request);
    const proxy = origin.isTls ? null : proxyOf(origin);
    if (proxy === null) return bounded(request, await this.#handler.handle(request, options));
    const toProxy = forwarded(request, origin, proxy);
    const answer = await this.#forward.handle(toProxy, options).catch((error: NodeJS.ErrnoException) => {
      if (error.syscall === 'connect' || error.syscall === 'getaddrinfo') nameProxy(error, proxy);
      throw error;
    });
    if (answer.response.statusCode !== 407) return bounded(request, answer);
    answer.response.body?.resume?.();
    throw refusal(proxy, 407, authorityOf(origin));
  }

  destroy(): void {
    this.#handler.destroy();
    this.#forward.destroy();
  }

  updateHttpClientConfig(...change: Parameters<NodeHttpHandler['updateHttpClientConfig']>): void {
    this.#handler.updateHttpClientConfig(...change);
    this.#forward.updateHttpClientConfig(...change);
  }

  httpHandlerConfigs(): ReturnType<NodeHttpHandler['httpHandlerConfigs']> {
    return this.#handler.httpHandlerConfigs();
  }
}

/** The certificates that a client trusts: whoever goes its way by other means trusts them, too. */
export function authoritiesOf(client: {
  readonly config: { readonly requestHandler: unknown };
}): string | null {
  const { requestHandler } = client.config;
  return requestHandler instanceof RequestHandler ? requestHandler.authorities : null;
}

/** No page of a listing and no description is larger. The SDK collects whatever comes. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** The same answer; its body ends with an error where it would be too large. Objects, which the SDK hands on as they come, may be. */
function bounded(request: HttpRequest, answer: Awaited<Answer>): Awaited<Answer> {
  const { response } = answer;
  if (request.query['x-id'] === 'GetObject' && response.statusCode < 300) return answer;
  let left = ANSWER_BYTES_MAX;
  const gate = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      const message = `the answer is larger than ${ANSWER_BYTES_MAX} bytes`;
      done(left < 0 ? new HttpFailure('EMSGSIZE', message, true) : null, chunk);
    },
  });
  // An error of either ends both.
  response.body = pipeline(response.body, gate, () => {});
  return answer;
}

/** The request as the proxy wants it. */
function forwarded(request: HttpRequest, origin: Origin, proxy: HttpProxy): HttpRequest {
  const { isTls, hostname, port } = proxy;
  const toProxy = new HttpRequest({ ...request, protocol: isTls ? 'https:' : 'http:', hostname, port });
  // Its constructor would put a slash in front of a whole URL.
  return Object.assign(toProxy, forwardedHead(request, origin, proxy));
}

type OnSocket = NonNullable<Parameters<HttpsAgent['createConnection']>[1]>;

/** Opens connections of https through the proxy, where there is one. */
class TunnelAgent extends HttpsAgent {
  readonly #trust: TlsTrust;
  readonly #connectTimeoutMs: number;

  constructor(
    options: ConstructorParameters<typeof HttpsAgent>[0],
    trust: TlsTrust,
    connectTimeoutMs: number,
  ) {
    super(options);
    this.#trust = trust;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: RequestOptions, onSocket?: OnSocket): Duplex | null | undefined {
    const origin = { isTls: true, hostname: options.host ?? '', port: Number(options.port ?? 443) };
    const proxy = proxyOf(origin);
    if (proxy === null || onSocket === undefined) return super.createConnection(options, onSocket);
    const timeoutMs = this.#connectTimeoutMs;
    const stopWaiting = whenLate(timeoutMs, () => {
      const message = `no way to ${authorityOf(origin)} through the proxy ${authorityOf(proxy)} within ${timeoutMs} ms`;
      raw.destroy(new HttpFailure('ETIMEDOUT', message, false));
    });
    const settle = (error: Error | null, socket: Duplex = raw) => {
      stopWaiting();
      onSocket(error, socket);
    };
    const raw = openTunnel(proxy, origin, this.#trust, () => {
      raw.off('error', settle);
      const socket = connectTls({ ...tlsOptions(origin, this.#trust), socket: raw });
      raw.on('error', (error) => socket.destroy(error));
      socket.once('error', settle);
      socket.once('secureConnect', () => {
        socket.off('error', settle);
        settle(null, socket);
      });
    });
    raw.once('error', settle);
    return undefined;
  }
}
