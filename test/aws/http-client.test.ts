/** HTTP client, connection and body: every byte, however it comes, and a failure where one is missing. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { readWhole } from '../../src/aws/http-body.ts';
import {
  type HttpAnswer,
  HttpClient,
  type HttpClientOptions,
  HttpFailure,
} from '../../src/aws/http-client.ts';
import { createRandom } from '../../src/base/random.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './certificate.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const HEAD = { method: 'GET', path: '/', headers: { host: 'test' } } as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What the server does with the n-th request of all. */
type Script = (socket: Socket, requestIndex: number) => unknown;

async function serve(script: Script, isTls = false) {
  const seen = { connections: 0, requests: 0, text: '' };
  const accept = (socket: Socket) => {
    seen.connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    let head = '';
    socket.on('data', (bytes: Buffer) => {
      seen.text += bytes.toString('latin1');
      head += bytes.toString('latin1');
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        head = head.slice(end + 4);
        script(socket, seen.requests++);
      }
    });
  };
  const sockets = new Set<Socket>();
  const server: Server = isTls
    ? createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, accept)
    : createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { seen, sockets, port: (server.address() as AddressInfo).port };
}

function clientOf(port: number, options: Partial<HttpClientOptions> & { isTls?: boolean } = {}): HttpClient {
  const origin = { isTls: options.isTls ?? false, hostname: '127.0.0.1', port };
  const client = new HttpClient({ origin, authorities: TEST_CERTIFICATE, ...options });
  cleanups.push(() => client.close());
  return client;
}

const answerOf = (body: Buffer | string, extra = '') =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
    Buffer.from(body),
  ]);

const random = createRandom(3);
const BODY = Buffer.from(Array.from({ length: 2_000_000 }, () => Math.floor(random() * 256)));

/** Takes at most `roomBytes` at a time and has room again a turn later: until then it must not be asked again. */
async function readInSteps({ body }: HttpAnswer, roomBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let isFull = false;
  await body.read((bytes) => {
    if (isFull) throw new Error('asked again before there was room');
    const part = bytes.subarray(0, roomBytes);
    parts.push(Buffer.from(part));
    isFull = part.length < bytes.length;
    if (isFull) {
      setImmediate(() => {
        isFull = false;
        body.resume();
      });
    }
    return part.length;
  });
  return Buffer.concat(parts);
}

describe.each([{ isTls: false }, { isTls: true }])('with TLS: $isTls', ({ isTls }) => {
  it('gives every byte of large bodies, to one who has room and to one who has little, over one connection', async () => {
    const { port, seen } = await serve((socket) => socket.write(answerOf(BODY)), isTls);
    const client = clientOf(port, { isTls });
    for (const roomBytes of [Number.POSITIVE_INFINITY, 100_000, 7777]) {
      const answer = await client.request(HEAD);
      expect((await readInSteps(answer, roomBytes)).equals(BODY)).toBe(true);
    }
    expect(seen).toMatchObject({ connections: 1, requests: 3 });
  });

  it('receives a body into the memory that its reader offers, and neither heads nor the next answer', async () => {
    const { port, seen } = await serve((socket) => socket.write(answerOf(BODY)), isTls);
    const client = clientOf(port, { isTls });
    const memory = Buffer.from(new SharedArrayBuffer(BODY.length + 1000));
    for (let round = 0; round < 2; round++) {
      memory.fill(0);
      let at = 0;
      let placedBytes = 0;
      const { body } = await client.request(HEAD);
      const take = (bytes: Uint8Array) => {
        if (bytes.buffer === memory.buffer && bytes.byteOffset === memory.byteOffset + at)
          placedBytes += bytes.length;
        else memory.set(bytes, at);
        at += bytes.length;
        return bytes.length;
      };
      await body.read(take, () => memory.subarray(at));
      expect([at, memory.subarray(0, at).equals(BODY)]).toEqual([BODY.length, true]);
      expect(memory.subarray(at).every((byte) => byte === 0)).toBe(true);
      expect(placedBytes).toBeGreaterThan(BODY.length / 2);
    }
    expect(seen).toMatchObject({ connections: 1, requests: 2 });
  });

  it('puts nothing into offered memory while its reader has no room, or once the body is discarded', async () => {
    const { port } = await serve((socket) => socket.write(answerOf(BODY.subarray(0, 1_000_000))), isTls);
    const client = clientOf(port, { isTls });
    const memory = Buffer.from(new SharedArrayBuffer(BODY.length));
    const { body } = await client.request(HEAD);
    let at = 0;
    let roomBytes = 200_000;
    const refill = () => {
      // What the reader gave away is somebody else's while it waits.
      expect(memory.subarray(at).every((byte) => byte === 0)).toBe(true);
      roomBytes = 200_000;
      body.resume();
    };
    const take = (bytes: Uint8Array) => {
      const taken = Math.min(bytes.length, roomBytes);
      if (bytes.byteOffset !== memory.byteOffset + at || bytes.buffer !== memory.buffer)
        memory.set(bytes.subarray(0, taken), at);
      at += taken;
      roomBytes -= taken;
      if (at >= 800_000) body.discard();
      else if (taken < bytes.length) setImmediate(refill);
      return taken;
    };
    await body.read(take, () => (roomBytes > 0 ? memory.subarray(at, at + roomBytes) : null));
    const reached = at;
    expect(memory.subarray(0, reached).equals(BODY.subarray(0, reached))).toBe(true);
    // The connection reads the short rest for the next request.
    expect((await readWhole((await client.request(HEAD)).body)).length).toBe(1_000_000);
    expect(memory.subarray(reached).every((byte) => byte === 0)).toBe(true);
  });

  it('gives a body to one who comes late for it', async () => {
    const { port } = await serve((socket) => socket.write(answerOf(BODY)), isTls);
    const answer = await clientOf(port, { isTls }).request(HEAD);
    for (let i = 0; i < 20; i++) await turn();
    expect((await readWhole(answer.body)).equals(BODY)).toBe(true);
  });

  it('sends a body in parts, shared memory too', async () => {
    const { port, seen } = await serve((socket) => socket.write(answerOf('')), isTls);
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(120);
    const head = { ...HEAD, method: 'POST', headers: { host: 'test', 'content-length': '6' } } as const;
    const answer = await clientOf(port, { isTls }).request(head, [Buffer.from('abc'), shared]);
    await readWhole(answer.body);
    while (!seen.text.endsWith('xxx')) await turn();
    expect(seen.text).toBe('POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\n\r\nabcxxx');
  });
});

it('does not talk to a service whose certificate it cannot trust', async () => {
  const { port, seen } = await serve((socket) => socket.write(answerOf('x')), true);
  const error = await clientOf(port, { isTls: true, authorities: null })
    .request(HEAD)
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT', isSent: false });
  expect(seen.requests).toBe(0);
});

it('reads an answer in pieces of any size, in every framing, with any room', async () => {
  let pieces: Buffer[] = [];
  let isEnded = false;
  const { port } = await serve(async (socket) => {
    const isLast = isEnded;
    socket.setNoDelay(true);
    for (const piece of pieces) {
      socket.write(piece);
      await turn();
    }
    if (isLast) socket.end();
  });
  const client = clientOf(port);
  const chunked = (body: Buffer, sizes: readonly number[]) => {
    const parts: Buffer[] = [];
    for (let at = 0, i = 0; at < body.length; i++) {
      const part = body.subarray(at, at + (sizes[i % sizes.length] ?? 1));
      parts.push(Buffer.from(`${part.length.toString(16)};x=y\r\n`), part, Buffer.from('\r\n'));
      at += part.length;
    }
    return Buffer.concat([...parts, Buffer.from('0\r\nTrailer: 1\r\n\r\n')]);
  };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('length', 'chunked', 'close'),
      fc.nat({ max: 400 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 300 }),
      async (framing, length, cuts, roomBytes) => {
        const body = BODY.subarray(0, length);
        const bytes = {
          length: answerOf(body, 'HTTP-Kept: yes\r\n'),
          close: Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), body]),
          chunked: Buffer.concat([
            Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
            chunked(body, cuts),
          ]),
        }[framing]!;
        isEnded = framing === 'close';
        pieces = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          pieces.push(bytes.subarray(at, at + cuts[i % cuts.length]!));
          at += cuts[i % cuts.length]!;
        }
        const answer = await client.request(HEAD);
        expect((await readInSteps(answer, roomBytes)).equals(body)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

describe('fails, and uses the connection no more, where', () => {
  it.each([
    { what: 'the head is missing', bytes: '', code: 'ECONNRESET' },
    { what: 'the head is cut off', bytes: 'HTTP/1.1 200 OK\r\nA', code: 'ECONNRESET' },
    {
      what: 'the body is cut off',
      bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc',
      code: 'ECONNRESET',
    },
    {
      what: 'a chunk is cut off',
      bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc',
      code: 'ECONNRESET',
    },
    {
      what: 'a chunk is longer than it says',
      bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
      code: 'EBADMSG',
    },
    {
      what: 'the size of a chunk is none',
      bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n',
      code: 'EBADMSG',
    },
    { what: 'it is no HTTP', bytes: 'hello\r\n\r\n', code: 'EBADMSG' },
    { what: 'the head has no end', bytes: `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`, code: 'EBADMSG' },
  ])('$what', async ({ bytes, code }) => {
    const { port, seen } = await serve((socket, requestIndex) => {
      if (requestIndex > 0) socket.write(answerOf('ok'));
      else socket.end(bytes);
    });
    const client = clientOf(port);
    const error = await client
      .request(HEAD)
      .then(({ body }) => readWhole(body))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HttpFailure);
    expect(error).toMatchObject({ code, isSent: true });
    const next = await client.request(HEAD);
    expect([(await readWhole(next.body)).toString(), seen.connections]).toEqual(['ok', 2]);
  });

  it('more comes than the answer holds', async () => {
    const { port, seen } = await serve((socket) => socket.write(`${answerOf('ab')}surplus`));
    const client = clientOf(port);
    for (let i = 0; i < 2; i++) {
      const answer = await client.request(HEAD);
      expect((await readWhole(answer.body)).toString()).toBe('ab');
    }
    expect(seen.connections).toBe(2);
  });

  it('nobody listens', async () => {
    const { port } = await serve(() => {});
    const gone = clientOf(port);
    await cleanups.shift()!();
    await expect(gone.request(HEAD)).rejects.toMatchObject({ code: 'ECONNREFUSED', isSent: false });
  });

  it('what takes the body throws', async () => {
    const { port } = await serve((socket) => socket.write(answerOf('abc')));
    const { body } = await clientOf(port).request(HEAD);
    const reading = body.read(() => {
      throw new RangeError('a bug');
    });
    await expect(reading).rejects.toThrow(RangeError);
  });
});

describe('an abort', () => {
  it.each([{ when: 'before the request' }, { when: 'before the head' }, { when: 'within the body' }])(
    '$when ends the exchange with its reason',
    async ({ when }) => {
      const head = when === 'within the body' ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab' : '';
      const { port, seen } = await serve((socket) => socket.write(head));
      const controller = new AbortController();
      const reason = new Error('enough');
      if (when === 'before the request') controller.abort(reason);
      const run = async () => {
        const answer = await clientOf(port).request(HEAD, [], controller.signal);
        await answer.body.read((bytes) => {
          setImmediate(() => controller.abort(reason));
          return bytes.length;
        });
      };
      const running = run();
      running.catch(() => {});
      if (when === 'before the head') {
        while (seen.requests === 0) await turn();
        controller.abort(reason);
      }
      await expect(running).rejects.toMatchObject({
        code: 'ABORT_ERR',
        cause: reason,
        isSent: when !== 'before the request',
      });
    },
  );

  it('of one who waits for a connection leaves the others their turn', async () => {
    const waiting: Socket[] = [];
    const { port } = await serve((socket) => waiting.push(socket));
    const client = clientOf(port, { connectionCountMax: 1 });
    const controller = new AbortController();
    const first = client.request(HEAD).then(({ body }) => readWhole(body));
    const second = client.request(HEAD, [], controller.signal);
    second.catch(() => {});
    const third = client.request(HEAD).then(({ body }) => readWhole(body));
    while (waiting.length < 1) await turn();
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'ABORT_ERR', isSent: false });
    waiting[0]!.write(answerOf('1'));
    while (waiting.length < 2) await turn();
    waiting[1]!.write(answerOf('3'));
    expect((await Promise.all([first, third])).map(String)).toEqual(['1', '3']);
  });
});

describe('connections', () => {
  it('are as many as are allowed, and no more', async () => {
    const { port, seen } = await serve((socket) => setTimeout(() => socket.write(answerOf('x')), 5));
    const client = clientOf(port, { connectionCountMax: 3 });
    const answers = Array.from({ length: 20 }, async () => readWhole((await client.request(HEAD)).body));
    expect((await Promise.all(answers)).map(String)).toEqual(Array.from({ length: 20 }, () => 'x'));
    expect(seen).toMatchObject({ connections: 3, requests: 20 });
  });

  it('that the service closed are not used again', async () => {
    const { port, seen, sockets } = await serve((socket) => socket.write(answerOf('x')));
    const client = clientOf(port);
    await readWhole((await client.request(HEAD)).body);
    const [socket] = sockets;
    const isClosed = new Promise((resolve) => socket!.on('close', resolve));
    socket!.end();
    await isClosed;
    await readWhole((await client.request(HEAD)).body);
    expect(seen.connections).toBe(2);
  });

  it('that the service is about to close are not used again', async () => {
    const { port, seen } = await serve((socket) => socket.write(answerOf('x', 'Keep-Alive: timeout=1\r\n')));
    const client = clientOf(port);
    for (let i = 0; i < 2; i++) await readWhole((await client.request(HEAD)).body);
    expect(seen.connections).toBe(2);
  });

  it('are kept when a short rest of a body is dropped, and given up for a long one', async () => {
    const { port, seen } = await serve((socket) => socket.write(answerOf(BODY)));
    const client = clientOf(port);
    for (const keptBytes of [BODY.length - 10_000, 10_000]) {
      const { body } = await client.request(HEAD);
      let bytes = 0;
      await body.read((part) => {
        bytes += part.length;
        if (bytes >= keptBytes) body.discard();
        return part.length;
      });
    }
    await readWhole((await client.request(HEAD)).body);
    expect(seen).toMatchObject({ connections: 2, requests: 3 });
  });

  it('are closed with the client, and whoever waits is told', async () => {
    const { port, seen } = await serve(() => {});
    const client = clientOf(port, { connectionCountMax: 1 });
    const both = [client.request(HEAD), client.request(HEAD)];
    for (const one of both) one.catch(() => {});
    while (seen.requests === 0) await turn();
    client.close();
    for (const one of both) await expect(one).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('are closed with the client, and a body without a length is not taken for complete then', async () => {
    const { port } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nabc'));
    const client = clientOf(port);
    const { body } = await client.request(HEAD);
    const reading = body.read((bytes) => {
      setImmediate(() => client.close());
      return bytes.length;
    });
    await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET', isSent: true });
  });
});
