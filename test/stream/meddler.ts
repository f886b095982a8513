/**
 * Meddler: a proxy before an embedded Kinesis, for endpoints that behave as no script of the embedded one does.
 * Takes  a Kinesis; what to answer in its place, or to make of its answer.
 * Gives  an endpoint, and every request that came.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Asked {
  readonly operation: string;
  readonly wire: 'cbor' | 'json';
  readonly body: Buffer;
}
export interface Said {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}
export interface Meddling {
  /** What is said in place of the service. Null: ask it. */
  readonly instead?: (asked: Asked) => Said | null;
  /** What is made of its answer. */
  readonly after?: (asked: Asked, said: Said) => Said;
}

export interface Meddler {
  readonly endpoint: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

export async function startMeddler(endpoint: string, { instead, after }: Meddling): Promise<Meddler> {
  const log: Asked[] = [];
  const answer = async (request: IncomingMessage): Promise<Said> => {
    const body = await buffer(request);
    const type = request.headers['content-type'] ?? '';
    const operation = String(request.headers['x-amz-target']).split('.')[1]!;
    const asked: Asked = { operation, wire: type.includes('cbor') ? 'cbor' : 'json', body };
    log.push(asked);
    const own = instead?.(asked);
    if (own) return own;
    const headers = { 'content-type': type, 'x-amz-target': `Kinesis_20131202.${operation}` };
    const response = await fetch(endpoint, { method: 'POST', headers, body: new Uint8Array(body) });
    const said = {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: Buffer.from(await response.arrayBuffer()),
    };
    return after?.(asked, said) ?? said;
  };
  const server = createServer(async (request, response) => {
    const { status, contentType, body } = await answer(request);
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: log,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An endpoint whose shards are never said to be read to their tips. Only in JSON. */
export function behindBy(behindMs: () => number): Meddling {
  return {
    after({ operation }, said) {
      if (operation !== 'GetRecords' || said.status !== 200) return said;
      const text = said.body
        .toString()
        .replace(/"MillisBehindLatest":\d+/, `"MillisBehindLatest":${behindMs()}`);
      return { ...said, body: Buffer.from(text) };
    },
  };
}

/** What frameworks answer whose handler threw: a page, without any code of the service. */
export const PAGE_500: Said = {
  status: 500,
  contentType: 'text/html',
  body: Buffer.from('<title>500 Internal Server Error</title>'),
};
