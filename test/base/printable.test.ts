import fc from 'fast-check';
import { expect, it } from 'vitest';
import { printable, printableLines } from '../../src/base/printable.ts';
import { anyText } from '../any-text.ts';

it.each([
  { text: 'orders/2025/a b-ü-日本-😀.jsonl', shown: 'orders/2025/a b-ü-日本-😀.jsonl' },
  { text: 'a\u001b[31mb', shown: 'a\\u001b[31mb' },
  { text: 'a\r\nmillrace: all is well\tb', shown: 'a\\r\\nmillrace: all is well\\tb' },
  { text: '\u009b2J\u007f\u0000', shown: '\\u009b2J\\u007f\\u0000' },
  { text: 'a\u2028b\u2029c', shown: 'a\\u2028b\\u2029c' },
  { text: '\u202egnp.exe\u2066', shown: '\\u202egnp.exe\\u2066' },
])('shows $shown', ({ text, shown }) => {
  expect(printable(text)).toBe(shown);
});

it('leaves nothing that steers a terminal, and changes no JSON', () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      const json = JSON.stringify({ text });
      expect(printable(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      expect(JSON.parse(printableLines(json))).toEqual({ text });
    }),
  );
});

it('keeps the ends of lines that are ours', () => {
  expect(printableLines('a\u001b\nb\r\n')).toBe('a\\u001b\nb\\r\n');
});
