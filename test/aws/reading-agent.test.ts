import { createHash } from 'node:crypto';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReadingAgents } from '../../src/aws/reading-agent.ts';
import { createRandom } from '../../src/random.ts';

const body = (() => {
  const random = createRandom(7);
  return Buffer.from(Array.from({ length: 3_000_000 }, () => Math.floor(random() * 256)));
})();
const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let server: Server;
let url: string;
let connectionCount = 0;

beforeAll(async () => {
  server = createServer((_, response) => response.end(body));
  server.on('connection', () => connectionCount++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const { httpAgent } = createReadingAgents({ keepAlive: true, maxSockets: 1 });

function request(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: httpAgent }, resolve).on('error', reject);
  });
}

/** Copies each chunk in the event, which is all that a consumer may rely on. */
function receive(response: IncomingMessage, onChunk: (response: IncomingMessage) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      chunks.push(Buffer.from(chunk));
      onChunk(response);
    });
    response.on('end', () => resolve(Buffer.concat(chunks)));
    response.on('error', reject);
  });
}

describe('a connection that receives into one buffer', () => {
  it('gives a flowing response every byte', async () => {
    expect(sum(await receive(await request(), () => {}))).toBe(sum(body));
  });

  it('gives every byte to a response that pauses at each chunk, when more has come meanwhile', async () => {
    const response = await request();
    const received = await receive(response, () => {
      response.pause();
      setTimeout(() => response.resume(), 1);
    });
    expect(sum(received)).toBe(sum(body));
  });

  it('gives every byte to a response that nobody listens to at first', async () => {
    const response = await request();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(sum(Buffer.concat(chunks))).toBe(sum(body));
  });

  it('is kept alive for the next request', () => {
    expect(connectionCount).toBe(1);
  });
});
