/** HTTP heads: what is written, what is read, and what is refused because it could be read in two ways. */
import { describe, expect, it } from 'vitest';
import { formatRequestHead, parseHead } from '../../src/aws/http-head.ts';

it('writes a request', () => {
  const headers = { host: 'a.example', range: 'bytes=0-9' };
  expect(formatRequestHead({ method: 'GET', path: '/a%20b?c=d', headers })).toBe(
    'GET /a%20b?c=d HTTP/1.1\r\nhost: a.example\r\nrange: bytes=0-9\r\n\r\n',
  );
});

it.each<{ what: string; path: string; headers: Record<string, string> }>([
  { what: 'a line break in the path', path: '/a\r\nx: y', headers: {} },
  { what: 'a space in the path', path: '/a b', headers: {} },
  { what: 'a line break in a value', path: '/', headers: { a: 'b\r\nc: d' } },
  { what: 'a colon in a name', path: '/', headers: { 'a:': 'b' } },
  { what: 'a character that has no byte', path: '/', headers: { a: 'λ' } },
])('refuses to write $what', ({ path, headers }) => {
  expect(() => formatRequestHead({ method: 'GET', path, headers })).toThrow(TypeError);
});

describe('reads an answer', () => {
  it('with names in lower case and repeated headers joined', () => {
    const text = 'HTTP/1.1 206 Partial Content\r\nETag: "x"\r\nA: 1\r\na:2 \r\nContent-Length: 10';
    expect(parseHead(text)).toEqual({
      status: 206,
      headers: { etag: '"x"', a: '1, 2', 'content-length': '10' },
      framing: { kind: 'length', bytes: 10 },
      isKept: true,
    });
  });

  it('to a HEAD without the body whose length it tells', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 10';
    expect(parseHead(text, true)).toMatchObject({ framing: { kind: 'length', bytes: 0 }, isKept: true });
    expect(parseHead('HTTP/1.1 200 OK', true)).toMatchObject({ framing: { bytes: 0 }, isKept: true });
  });

  it.each([
    { text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', framing: { kind: 'chunked' }, isKept: true },
    { text: 'HTTP/1.1 200 OK', framing: { kind: 'close' }, isKept: false },
    { text: 'HTTP/1.1 204 ', framing: { kind: 'length', bytes: 0 }, isKept: true },
    { text: 'HTTP/1.1 100 Continue', framing: { kind: 'length', bytes: 0 }, isKept: true },
    { text: 'HTTP/1.1 304 x\r\nContent-Length: 9', framing: { kind: 'length', bytes: 0 }, isKept: true },
    {
      text: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close',
      framing: { kind: 'length', bytes: 0 },
      isKept: false,
    },
    { text: 'HTTP/1.0 200 OK\r\nContent-Length: 1', framing: { kind: 'length', bytes: 1 }, isKept: false },
    {
      text: 'HTTP/1.0 200\r\nContent-Length: 1\r\nConnection: keep-alive',
      framing: { kind: 'length', bytes: 1 },
      isKept: true,
    },
  ])('framed and kept as it says: $text', ({ text, framing, isKept }) => {
    expect(parseHead(text)).toMatchObject({ framing, isKept });
  });
});

it.each([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6'],
  ['another version', 'HTTP/2 200 OK'],
  ['a status that is no number', 'HTTP/1.1 2x0 OK'],
  ['a line without a colon', 'HTTP/1.1 200 OK\r\nhello'],
  ['a name with a space', 'HTTP/1.1 200 OK\r\nContent-Length : 3'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nA: b\r\n c'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 0x10'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked'],
])('refuses %s', (_what, text) => {
  expect(() => parseHead(text)).toThrow(/answer/);
});
