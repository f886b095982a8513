/** Negotiate wire: an endpoint that does not answer at first is asked again, as in every call of the start. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { openKinesisWay } from '../../../src/aws/kinesis-way.ts';
import { negotiateWire } from '../../../src/publish/kinesis/negotiate-wire.ts';

const ATTEMPTS = 4;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An endpoint that cuts the first requests off without an answer, and then refuses them for being empty. */
async function open(cutCount: number) {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    heard.push(String(request.headers['content-type']));
    if (heard.length <= cutCount) {
      request.socket.destroy();
      return;
    }
    const error = { __type: 'ValidationException', message: 'no records' };
    request.resume().once('end', () => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
  const endpoint = `http://127.0.0.1:${port}`;
  const way = openKinesisWay({ region: 'us-east-1', profile: null, endpoint });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const notices: string[] = [];
  const service = await way.service('data', undefined);
  return { heard, notices, negotiate: () => negotiateWire(way.credentials, service, 's', notices) };
}

it('is CBOR where the last attempt is answered', async () => {
  const { heard, notices, negotiate } = await open(ATTEMPTS - 1);
  expect([await negotiate(), notices]).toEqual(['cbor', []]);
  expect(heard).toEqual(Array(ATTEMPTS).fill('application/x-amz-cbor-1.1'));
});

it('is not known where none is, and that can be tried again later: exit 3', async () => {
  const { heard, negotiate } = await open(Number.POSITIVE_INFINITY);
  await expect(negotiate()).rejects.toMatchObject({ code: 'MILLRACE_STREAM', exitCode: 3 });
  expect(heard.length).toBe(ATTEMPTS);
});
