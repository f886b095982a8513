import { expect, it } from 'vitest';
import { isHttpUrl, isLoopback, isSafeEndpoint, shownUrl } from '../../src/aws/endpoint.ts';

it.each([
  { url: 'https://s3.example', isSafe: true },
  { url: 'http://s3.example', isSafe: false },
  { url: 'http://localhost:9000', isSafe: true },
  { url: 'http://localhost.example', isSafe: false },
  { url: 'http://127.0.0.1', isSafe: true },
  { url: 'http://127.9.9.9:1', isSafe: true },
  { url: 'http://127.0.0.1.example', isSafe: false },
  { url: 'http://[::1]:9000', isSafe: true },
  { url: 'http://[0:0:0:0:0:0:0:1]:9000', isSafe: true },
  { url: 'http://[::2]:9000', isSafe: false },
  { url: 'http://localhost@s3.example', isSafe: false },
])('plain http to $url: $isSafe', ({ url, isSafe }) => {
  expect([isHttpUrl(url), isSafeEndpoint(url)]).toEqual([true, isSafe]);
});

it('knows this machine by its addresses, with and without brackets', () => {
  expect(['::1', '[::1]', '127.0.0.1', 'localhost', '10.0.0.1'].map(isLoopback)).toEqual([
    ...[true, true, true, true, false],
  ]);
});

it.each(['ftp://x', 'x', '', 'http://'])('calls %j no URL of an endpoint', (text) => {
  expect(isHttpUrl(text)).toBe(false);
});

it.each([
  { text: 'http://user:canary@host:1/path', shown: 'http://***@host:1/path' },
  { text: 'http://user:can@ary@host', shown: 'http://***@host' },
  { text: 'http://user:can/ary@host', shown: 'http://***@host' },
  { text: 'user:canary@host', shown: '***@host' },
  { text: '"htp:/user:canary@host"', shown: '***@host"' },
  { text: 'http://us\ner:canary@host', shown: 'http://***@host' },
  { text: 'http://host/path', shown: 'http://host/path' },
])('shows $text as $shown', ({ text, shown }) => {
  expect(shownUrl(text)).toBe(shown);
});
