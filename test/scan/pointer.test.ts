import { expect, it } from 'vitest';
import { locate, parsePointer, resolve } from '../../src/scan/pointer.ts';

it.each([
  { pointer: '', tokens: [] },
  { pointer: '/', tokens: [''] },
  { pointer: '/a/b', tokens: ['a', 'b'] },
  { pointer: '/a~1b/m~0n', tokens: ['a/b', 'm~n'] },
  { pointer: '/~01', tokens: ['~1'] },
  { pointer: '/a//0', tokens: ['a', '', '0'] },
  { pointer: '/\ud800', tokens: ['\ufffd'] },
])('splits $pointer', ({ pointer, tokens }) => {
  expect(parsePointer(pointer)).toEqual(tokens);
});

it.each(['a', 'a/b', '#/a', '/~', '/a~2', '/~a', ' /a'])('refuses %s', (pointer) => {
  expect(() => parsePointer(pointer)).toThrow(/Expected a JSON Pointer/);
});

it.each([
  { text: '{"a":[1, {"b" : 1.50 }]}', pointer: '/a/1/b', written: '1.50' },
  { text: ' [ -0 , 1e400 ] ', pointer: '/1', written: '1e400' },
  { text: ' 12 ', pointer: '', written: '12' },
  { text: '{"a":{"x":"}]\\"{"},"a":[[],{}]}', pointer: '/a', written: '[[],{}]' },
  { text: '{"a":1,"a":2}', pointer: '/a', written: '2' },
  { text: '{"\\u0061":1}', pointer: '/a', written: '1' },
  { text: '{"a":true}', pointer: '/a', written: 'true' },
])('finds $pointer in $text as written', ({ text, pointer, written }) => {
  const range = locate(text, parsePointer(pointer))!;
  expect(text.slice(range.start, range.end)).toBe(written);
  expect(resolve(JSON.parse(text), parsePointer(pointer))).toEqual(JSON.parse(written));
});

it.each([
  { text: '{"a":1}', pointer: '/b' },
  { text: '{"a":1}', pointer: '/a/b' },
  { text: '[1]', pointer: '/1' },
  { text: '[1]', pointer: '/00' },
  { text: '[1]', pointer: '/length' },
  { text: '{}', pointer: '/__proto__' },
  { text: '{"a":"x"}', pointer: '/a/0' },
])('finds nothing at $pointer in $text', ({ text, pointer }) => {
  expect(locate(text, parsePointer(pointer))).toBeUndefined();
  expect(resolve(JSON.parse(text), parsePointer(pointer))).toBeUndefined();
});
