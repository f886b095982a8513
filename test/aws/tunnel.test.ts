import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { HttpRequest } from '@smithy/protocol-http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bodyOf, readWhole } from '../../src/aws/http-body.ts';
import { HttpClient } from '../../src/aws/http-client.ts';
import { RequestHandler } from '../../src/aws/request-handler.ts';
import { TEST_CERTIFICATE } from './certificate.ts';
import { startProxyServer, startTcpDoor, startTlsDoor } from './proxy-server.ts';

const BODY = Buffer.alloc(3_000_000, 'millrace!');
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  for (const name of ['https_proxy', 'http_proxy', 'no_proxy', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'])
    vi.stubEnv(name, undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function keep<T extends { close(): unknown }>(made: T): T {
  cleanups.push(() => made.close());
  return made;
}

/** A service behind plain http and https that says what it was asked. */
async function startService() {
  const seen: { path: string; host: string; isNamed: boolean }[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const { host = '', 'proxy-authorization': secret } = request.headers;
    seen.push({ path: request.url!, host, isNamed: secret !== undefined });
    response.end(request.url === '/large' ? BODY : `you asked for ${request.url}`);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const door = keep(await startTlsDoor(port));
  return { seen, port, tlsPort: door.port, connections: () => connections };
}

type Get = (path: string) => Promise<Buffer>;
interface Place {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
}

/** Both ways in which requests leave this program. */
const WAYS: { name: string; open: (origin: Place, authorities: string | null) => Get }[] = [
  {
    name: 'our own client',
    open(origin, authorities) {
      const client = keep(new HttpClient({ origin, authorities, connectTimeoutMs: 2_000 }));
      return async (path) => {
        const head = { method: 'GET', path, headers: { host: `${origin.hostname}:${origin.port}` } } as const;
        return readWhole((await client.request(head)).body);
      };
    },
  },
  {
    name: 'a client of the SDK',
    open({ isTls, hostname, port }, authorities) {
      const handler = new RequestHandler({ authorities, connectTimeoutMs: 2_000 });
      cleanups.push(() => handler.destroy());
      return async (path) => {
        const headers = { host: `${hostname}:${port}` };
        const place = { protocol: isTls ? 'https:' : 'http:', hostname, port, method: 'GET', path };
        const { response } = await handler.handle(new HttpRequest({ ...place, headers }));
        return readWhole(bodyOf(response.body));
      };
    },
  },
];

it('a client of the SDK collects no answer without end, but hands an object on', async () => {
  const chunk = Buffer.alloc(1 << 20, 'x');
  const server = createServer((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const handler = new RequestHandler({ authorities: null });
  cleanups.push(() => handler.destroy());
  const { port } = server.address() as AddressInfo;
  const place = { protocol: 'http:', hostname: '127.0.0.1', port, method: 'GET' };
  const page = await handler.handle(new HttpRequest({ ...place, query: { 'list-type': '2' } }));
  await expect(readWhole(bodyOf(page.response.body))).rejects.toMatchObject({ code: 'EMSGSIZE' });
  const object = await handler.handle(new HttpRequest({ ...place, query: { 'x-id': 'GetObject' } }));
  const bytes = 80 << 20;
  expect((await readWhole(bodyOf(object.response.body), bytes)).length).toBe(bytes);
});

describe.each(WAYS)('$name', ({ open }) => {
  describe.each([{ isTlsProxy: false }, { isTlsProxy: true }])(
    'through a proxy (TLS: $isTlsProxy)',
    ({ isTlsProxy }) => {
      it.each([{ isTls: true }, { isTls: false }])(
        'reaches a service (TLS: $isTls) with user and password, over kept connections',
        async ({ isTls }) => {
          const service = await startService();
          const credentials = 'us er:p@ss/wörd';
          const proxy = keep(await startProxyServer({ isTls: isTlsProxy, credentials }));
          vi.stubEnv(isTls ? 'HTTPS_PROXY' : 'http_proxy', proxy.url);
          const port = isTls ? service.tlsPort : service.port;
          const get = open({ isTls, hostname: 'localhost', port }, TEST_CERTIFICATE);
          expect(String(await get('/a'))).toBe('you asked for /a');
          expect((await get('/large')).equals(BODY)).toBe(true);
          const whole = `http://localhost:${port}`;
          expect(proxy.asked).toEqual(
            isTls ? [`CONNECT localhost:${port}`] : [`GET ${whole}/a`, `GET ${whole}/large`],
          );
          const host = `localhost:${port}`;
          expect(service.seen).toEqual([
            { path: '/a', host, isNamed: false },
            { path: '/large', host, isNamed: false },
          ]);
          if (isTls) expect(service.connections()).toBe(1);
        },
      );
    },
  );

  it.each([{ isTls: true }, { isTls: false }])(
    'goes straight where NO_PROXY says so (TLS: $isTls)',
    async ({ isTls }) => {
      const service = await startService();
      const proxy = keep(await startProxyServer());
      vi.stubEnv('HTTPS_PROXY', proxy.url);
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv('NO_PROXY', '127.0.0.0/8');
      const origin = { isTls, hostname: '127.0.0.1', port: isTls ? service.tlsPort : service.port };
      expect(String(await open(origin, TEST_CERTIFICATE)('/a'))).toBe('you asked for /a');
      expect([proxy.asked, service.seen.length]).toEqual([[], 1]);
    },
  );

  it('reaches an address of IPv6', async () => {
    const service = await startService();
    const door = keep(await startTcpDoor(service.port, '::1'));
    expect(String(await open({ isTls: false, hostname: '[::1]', port: door.port }, null)('/a'))).toBe(
      'you asked for /a',
    );
    expect(service.seen[0]?.host).toBe(`[::1]:${door.port}`);
  });

  describe('tells of the proxy, without its password, when', () => {
    it.each([{ isTls: true }, { isTls: false }])('it wants another one (TLS: $isTls)', async ({ isTls }) => {
      const service = await startService();
      const proxy = keep(await startProxyServer({ credentials: 'user:right' }));
      vi.stubEnv(isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY', proxy.url.replace('right', 'canary'));
      const origin = { isTls, hostname: 'localhost', port: isTls ? service.tlsPort : service.port };
      const error = await open(origin, TEST_CERTIFICATE)('/a').catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'EPROXY', isSent: false });
      const name = proxy.url.replace(/.*@/, '');
      expect(String(error)).toMatch(`the proxy ${name} refused the way to localhost:${origin.port}`);
      expect(String(error)).toContain('407');
      expect(String(error)).not.toMatch(/canary|user:/);
      expect([proxy.asked.length, service.seen]).toEqual([1, []]);
    });

    it.each([{ isTls: true }, { isTls: false }])('nobody listens there (TLS: $isTls)', async ({ isTls }) => {
      const proxy = await startProxyServer();
      await proxy.close();
      vi.stubEnv(isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY', proxy.url);
      const get = open({ isTls, hostname: 'localhost', port: 1 }, null);
      await expect(get('/a')).rejects.toMatchObject({
        code: 'ECONNREFUSED',
        message: expect.stringMatching(`^the proxy ${proxy.url.slice(7)} cannot be reached`),
      });
    });

    it.each([
      { name: 'it has no way there', answer: 'HTTP/1.1 503 No\r\n\r\n', code: 'EHOSTUNREACH', says: '503' },
      { name: 'it has a rule against it', answer: 'HTTP/1.1 403 No\r\n\r\n', code: 'EPROXY', says: '403' },
      { name: 'it is no proxy', answer: 'SSH-2.0-x\r\n\r\n', code: 'EPROTO', says: 'as a proxy does' },
      {
        name: 'it says more than it should',
        answer: 'HTTP/1.1 200 OK\r\n\r\nx',
        code: 'EPROTO',
        says: 'proxy',
      },
      {
        name: 'it ends the connection',
        answer: 'HTTP/1.1 200',
        code: 'ECONNRESET',
        says: 'proxy',
        isEnd: true,
      },
      { name: 'it sends no end of its head', answer: 'x'.repeat(70_000), code: 'EPROTO', says: 'proxy' },
    ])('$name', async ({ answer, code, says, isEnd = false }) => {
      let asked = 0;
      const server = createTcpServer((socket: Socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          asked += 1;
          if (isEnd) socket.end(answer);
          else socket.write(answer);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanups.push(() => new Promise((resolve) => server.close(resolve)));
      vi.stubEnv('HTTPS_PROXY', `127.0.0.1:${(server.address() as AddressInfo).port}`);
      const get = open({ isTls: true, hostname: 'localhost', port: 443 }, null);
      await expect(get('/a')).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
      expect(asked).toBe(1);
    });

    it('it does not answer', async () => {
      const sockets: Socket[] = [];
      const server = createTcpServer((socket: Socket) => sockets.push(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanups.push(() => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      });
      vi.stubEnv('HTTPS_PROXY', `127.0.0.1:${(server.address() as AddressInfo).port}`);
      const error = await open({ isTls: true, hostname: 'localhost', port: 443 }, null)('/a').catch((e) => e);
      expect(`${error.name} ${error.code}`).toMatch(/TimeoutError|ETIMEDOUT/);
      expect(sockets).toHaveLength(1);
    });
  });

  it.each([{ isProxied: true }, { isProxied: false }])(
    'trusts no certificate that it was not told to, whatever the environment says (proxy: $isProxied)',
    async ({ isProxied }) => {
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      const service = await startService();
      const proxy = keep(await startProxyServer());
      if (isProxied) vi.stubEnv('HTTPS_PROXY', proxy.url);
      const get = open({ isTls: true, hostname: 'localhost', port: service.tlsPort }, null);
      await expect(get('/a')).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      expect([service.seen, proxy.asked.length]).toEqual([[], isProxied ? 1 : 0]);
    },
  );

  it.each([{ isProxied: true }, { isProxied: false }])(
    'trusts no certificate of another name (proxy: $isProxied)',
    async ({ isProxied }) => {
      const service = await startService();
      const proxy = keep(await startProxyServer({ portOf: () => service.tlsPort }));
      if (isProxied) vi.stubEnv('HTTPS_PROXY', proxy.url);
      const hostname = isProxied ? 'elsewhere.example' : '127.0.0.2';
      const get = open({ isTls: true, hostname, port: service.tlsPort }, TEST_CERTIFICATE);
      const codes = isProxied
        ? ['ERR_TLS_CERT_ALTNAME_INVALID']
        : ['ERR_TLS_CERT_ALTNAME_INVALID', 'ECONNREFUSED'];
      const error = await get('/a').catch((e: unknown) => e);
      expect(codes).toContain((error as { code: string }).code);
      expect(service.seen).toEqual([]);
    },
  );
});
