/**
 * Proxy server: a small proxy on loopback, for tests. CONNECT for https, whole URLs for http.
 * Takes  where a host is on this machine. Gives  what it was asked for.
 * Owns   its server and every socket, until it is closed.
 */
import { createServer, request as forward, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsHttpServer } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { AWS_TEST_CERTIFICATE, TEST_CERTIFICATE, TEST_KEY } from './certificate.ts';

export interface ProxyServerOptions {
  /** It is asked by TLS itself. Default false. */
  readonly isTls?: boolean;
  /** `user:password`, or everything is refused with 407. Default null: nobody is asked. */
  readonly credentials?: string | null;
  /** Port on this machine of what is called host:port; null: 502. Default: the port itself. */
  readonly portOf?: (host: string, port: number) => number | null;
  /** Sees the requests of plain http. */
  readonly onRequest?: (request: IncomingMessage) => void;
}

export interface ProxyServer {
  readonly url: string;
  /** `CONNECT host:port` and `GET http://host:port/path`, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startProxyServer(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  const { isTls = false, credentials = null, portOf = (_host, port) => port } = options;
  const asked: string[] = [];
  const wanted = credentials === null ? null : `Basic ${Buffer.from(credentials).toString('base64')}`;
  const isKnown = ({ headers }: IncomingMessage) =>
    wanted === null || headers['proxy-authorization'] === wanted;
  const onRequest: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    options.onRequest?.(request);
    const { hostname, port, host, pathname, search } = new URL(request.url!);
    const to = portOf(hostname, Number(port || 80));
    if (!isKnown(request) || to === null) {
      response.writeHead(to === null ? 502 : 407).end();
      return;
    }
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const place = { host: '127.0.0.1', port: to, path: pathname + search };
    const onward = forward({ ...place, method: request.method, headers: { ...headers, host } }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
  const server = isTls
    ? createTlsHttpServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, onRequest)
    : createServer(onRequest);
  server.on('connect', (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const to = portOf(hostname, Number(port || 80));
    if (!isKnown(request) || to === null) {
      socket.end(`HTTP/1.1 ${to === null ? 502 : 407} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const onward = connect(to, '127.0.0.1', () => socket.write('HTTP/1.1 200 Open\r\n\r\n'));
    join(socket, onward);
  });
  const { port, close } = await listen(server);
  const user = credentials === null ? '' : `${credentials.split(':').map(encodeURIComponent).join(':')}@`;
  return { url: `${isTls ? 'https' : 'http'}://${user}127.0.0.1:${port}`, asked, close };
}

/** A door of TLS before a server of plain http; of the names of AWS where `isAws`. */
export async function startTlsDoor(
  plainPort: number,
  isAws = false,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const cert = isAws ? AWS_TEST_CERTIFICATE : TEST_CERTIFICATE;
  return listen(
    createTlsServer({ key: TEST_KEY, cert }, (socket) => join(socket, connect(plainPort, '127.0.0.1'))),
  );
}

/** Another address of a server on 127.0.0.1. */
export async function startTcpDoor(
  plainPort: number,
  host: string,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  return listen(
    createTcpServer((socket) => join(socket, connect(plainPort, '127.0.0.1'))),
    host,
  );
}

function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

async function listen(server: Server, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  for (const event of ['connection', 'secureConnection'])
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
