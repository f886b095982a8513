/**
 * Tunnel: the way through a proxy to a host of https (CONNECT, RFC 9110, section 9.3.6).
 * Takes  a proxy and a destination; whom to trust where the proxy itself speaks TLS.
 * Gives  a socket to the proxy: what is written to it once it is open reaches the host, byte by byte.
 * Never  shows the credentials that the proxy was given.
 */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { HttpFailure } from './http-exchange.ts';
import { authorityOf, bareHost, type HttpProxy, type Origin } from './proxy.ts';

/** An answer to CONNECT has no longer head. */
const HEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

export interface TlsTrust {
  /** Undefined: Node's own authorities. */
  readonly secureContext: SecureContext | undefined;
}

/** How TLS begins with a host. No setting of the environment turns the check of its certificate off. */
export function tlsOptions({ hostname }: Origin, { secureContext }: TlsTrust) {
  const host = bareHost(hostname);
  const servername = isIP(host) === 0 ? host : '';
  const trust = secureContext === undefined ? {} : { secureContext };
  return { host, servername, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'], ...trust };
}

/** @param onread As of `net.connect`. @returns A socket that emits `connect`, or `secureConnect` where the proxy speaks TLS. */
export function connectToProxy(proxy: HttpProxy, trust: TlsTrust, onread?: OnReadOpts): Socket {
  const { port } = proxy;
  const into = onread === undefined ? {} : { onread };
  const socket = proxy.isTls
    ? connectTls({ ...tlsOptions(proxy, trust), port, ...into })
    : connectTcp({ host: bareHost(proxy.hostname), port, ...into });
  let isOpen = false;
  socket.once(openEvent(proxy), () => {
    isOpen = true;
  });
  // Before all other listeners: they must see the proxy named, or the fault is looked for at the service.
  socket.once('error', (error) => {
    if (!isOpen) nameProxy(error, proxy);
  });
  return socket;
}

/** @param error Of a connection to the proxy that could not be made. */
export function nameProxy(error: Error, proxy: HttpProxy): void {
  error.message = `the proxy ${authorityOf(proxy)} cannot be reached: ${error.message}`;
}

export function openEvent({ isTls }: Origin): 'connect' | 'secureConnect' {
  return isTls ? 'secureConnect' : 'connect';
}

/**
 * @param onOpen The tunnel is open, and nobody reads the socket from here on.
 * @returns The socket, at once. What fails, it emits as `error`, a refusal as HttpFailure EPROXY.
 */
export function openTunnel(proxy: HttpProxy, origin: Origin, trust: TlsTrust, onOpen: () => void): Socket {
  const socket = connectToProxy(proxy, trust);
  const to = authorityOf(origin);
  const name = `the proxy ${authorityOf(proxy)}`;
  const fail = (code: string, message: string) => socket.destroy(new HttpFailure(code, message, false));
  let answer: Buffer = Buffer.alloc(0);
  const onReadable = () => {
    for (let bytes = socket.read(); bytes !== null; bytes = socket.read())
      answer = Buffer.concat([answer, bytes]);
    const end = answer.indexOf(HEAD_END);
    if (end < 0 && answer.length <= HEAD_BYTES_MAX) return;
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(answer.toString('latin1', 0, 16))?.[1] ?? '';
    if (end >= 0 && !status.startsWith('2') && status !== '') {
      socket.destroy(refusal(proxy, Number(status), to));
    } else if (end !== answer.length - HEAD_END.length || status === '') {
      fail('EPROTO', `${name} does not answer as a proxy does`);
    } else onOpen();
  };
  const onEnd = () => fail('ECONNRESET', `${name} closed the connection before the way to ${to} was open`);
  socket.on('readable', onReadable);
  socket.once('end', onEnd);
  socket.once(openEvent(proxy), () => {
    const who = proxy.authorization === null ? '' : `Proxy-Authorization: ${proxy.authorization}\r\n`;
    socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${who}\r\n`, 'latin1');
  });
  return socket;
}

/** EPROXY where asking again is of no use. @param to The destination behind the proxy. */
export function refusal(proxy: HttpProxy, status: number, to: string): HttpFailure {
  const why =
    status === 407 ? 'it wants a user and password, or others (HTTP status 407)' : `HTTP status ${status}`;
  return new HttpFailure(
    status < 500 ? 'EPROXY' : 'EHOSTUNREACH',
    `the proxy ${authorityOf(proxy)} refused the way to ${to}: ${why}`,
    false,
  );
}
