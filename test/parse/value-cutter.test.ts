import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { ValueCounter } from '../../src/parse/value-count.ts';
import { nativeInstructions } from '../../src/scan/native.ts';
import type { ValueFinder } from '../../src/scan/values.ts';
import { NativeValues } from '../../src/scan/values-native.ts';
import { PortableValues } from '../../src/scan/values-portable.ts';
import { BREAKERS } from './breakers.ts';
import { cutParts } from './cut-parts.ts';
import { partsOf } from './value-oracle.ts';

const { addon } = loadAddon();
const FINDERS: readonly (readonly [string, ValueFinder])[] = [
  ['portable', new PortableValues()],
  ...nativeInstructions(addon!).map((name, i) => [name, new NativeValues(addon!, i)] as const),
];

describe.each(FINDERS)('values found by %s', (_name, finder) => {
  it('takes values side by side, and such that white space or line ends divide', async () => {
    const text = '{"a":1}{"b":[1,{"c":"}{"}]}\n[1,2] "text""more" 12 true\nnull{"d":\n 2}-1e5';
    const expected = [
      '{"a":1}',
      '{"b":[1,{"c":"}{"}]}',
      '[1,2]',
      '"text"',
      '"more"',
      '12',
      'true',
      'null',
      '{"d":\n 2}',
      '-1e5',
    ];
    for (const chunkBytes of [1, 2, 5, 64, 1000]) {
      const { parts, ranges } = await cutParts(finder, text, { chunkBytes });
      expect(parts.map((part) => part.text)).toEqual(expected);
      expect(parts.every(({ offset, text: value }) => text.startsWith(value, offset))).toBe(true);
      expect(ranges.every(([start, end], i) => start < end && start === (ranges[i - 1]?.[1] ?? 0))).toBe(
        true,
      );
    }
  });

  it('loses what is damaged up to the end of its line, and goes on behind it', async () => {
    const text = '{"a":1}{"b":2,}{"c":3}\r\n{"d":4}\n{"e"\n{"f":6}\n{"g":7}tru\n8';
    expect((await cutParts(finder, text)).parts).toEqual([
      { kind: 'value', offset: 0, text: '{"a":1}' },
      { kind: 'damaged', offset: 7, text: '{"b":2,}{"c":3}' },
      { kind: 'value', offset: 24, text: '{"d":4}' },
      { kind: 'damaged', offset: 32, text: '{"e"\n{"f":6}' },
      { kind: 'value', offset: 45, text: '{"g":7}' },
      { kind: 'damaged', offset: 52, text: 'tru' },
      { kind: 'value', offset: 56, text: '8' },
    ]);
  });

  it('takes no rest of a damaged value over several lines for a value', async () => {
    const text = '{\n  "a": x,\n  "b": [\n    {"c": 1}\n  ]\n}\n{\n  "d": 2\n}\n';
    expect((await cutParts(finder, text)).parts).toEqual([
      { kind: 'damaged', offset: 0, text: text.slice(0, 39) },
      { kind: 'value', offset: 40, text: '{\n  "d": 2\n}' },
    ]);
  });
});

it('does with any bytes what the slow oracle does, however they come and whoever finds the values', async () => {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 3, arbitrary: fc.json({ maxDepth: 3 }).map(spread) },
    { weight: 4, arbitrary: fc.constantFrom('', ' ', '\n', '\r\n', '\t', '\n  ') },
    { weight: 2, arbitrary: fc.constantFrom(...BREAKERS) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 10 }).map((all) => Buffer.from(all.join('')).toString('latin1')),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom(1 << 20, 20),
      async (text, chunkBytes, bytesMax) => {
        const wanted = partsOf(text, bytesMax).map((part) => ({
          ...part,
          text: part.text.slice(0, bytesMax),
        }));
        for (const [name, finder] of FINDERS)
          expect((await cutParts(finder, text, { chunkBytes, bytesMax })).parts, name).toEqual(wanted);
      },
    ),
    { numRuns: process.env.MILLRACE_HEAVY ? 2000 : 60 },
  );
});

/** The same value over several lines. */
function spread(json: string): string {
  return JSON.stringify(JSON.parse(json), null, 2);
}

const NAME_TOKENS = ['Records'] as const;

describe('elements of an array', () => {
  const [, finder] = FINDERS.at(-1)!;

  it('are records with their bytes untouched, whatever stands around the array', async () => {
    const text =
      ' {"Records\\u0021":[0],"a":{"Records":[1]},\n"R\\u0065cords" : [ {"b" : 1} ,\n[2],"three" , -4e1, null,{"c":\n{}}\n] ,"z":[{"d":5}]}\n';
    for (const chunkBytes of [1, 3, 16, 1000]) {
      const { parts } = await cutParts(finder, text, { chunkBytes, tokens: NAME_TOKENS });
      expect(parts.map((part) => part.text)).toEqual([
        '{"b" : 1}',
        '[2]',
        '"three"',
        '-4e1',
        'null',
        '{"c":\n{}}',
      ]);
      expect(parts.every(({ offset, text: value }) => text.startsWith(value, offset))).toBe(true);
    }
  });

  it.each([
    [[], '[1,{"a":2}]', ['1', '{"a":2}']],
    [['1', 'x'], '[{"x":[1]},{"y":[2],"x":[3,4]},{"x":[5]}]', ['3', '4']],
    [['a', 'b'], '{"a":[{"b":[1]}],"a":{"b":[]},"a":{"c":0,"b":[2]}}', ['2']],
    [['a'], '{"a":[1]}{"a":[2,3]}\n{"a":[]}', ['1', '2', '3']],
  ])('are found at %j', async (tokens, text, expected) => {
    for (const chunkBytes of [1, 1000])
      expect((await cutParts(finder, text, { chunkBytes, tokens })).parts.map((part) => part.text)).toEqual(
        expected,
      );
  });

  it('are one loss where there is no such array, and where it is something else', async () => {
    for (const text of ['{"a":[1]}', '{"Records":{"a":[]}}', '{"Records":null}', '[{"Records":[1]}]', '12'])
      expect((await cutParts(finder, text, { tokens: NAME_TOKENS })).parts).toEqual([
        { kind: 'no-array', offset: 0, text },
      ]);
  });

  it('go on behind a damaged one, with the next line that begins like it', async () => {
    const text = '{"Records":[\n  {"a":1},\n  {"a":2,},\n  {"a":3}\n]}\n';
    expect((await cutParts(finder, text, { tokens: NAME_TOKENS })).parts).toEqual([
      { kind: 'value', offset: 15, text: '{"a":1}' },
      { kind: 'damaged', offset: 26, text: '{"a":2,},' },
      { kind: 'value', offset: 38, text: '{"a":3}' },
    ]);
  });
});

it('values are counted by code of its own as they are cut, side by side and in arrays, whole and damaged', async () => {
  const values = fc.oneof(fc.json({ maxDepth: 2 }), fc.json({ maxDepth: 2 }).map(spread));
  const document = fc
    .array(values, { maxLength: 4 })
    .map((all) => `{"x":{"a":0},"a":[${all.join(' ,\n')}],"b":[1]}`);
  const piece = fc.oneof(
    { weight: 4, arbitrary: values },
    { weight: 4, arbitrary: document },
    { weight: 3, arbitrary: fc.constantFrom('', ' ', '\n', '\r\n', '\n  ') },
    { weight: 1, arbitrary: fc.constantFrom(...BREAKERS) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 10 }).map((all) => Buffer.from(all.join('')).toString('latin1')),
      fc.integer({ min: 1, max: 100 }),
      fc.constantFrom(null, [], ['a'], ['x', 'a'], ['0']),
      fc.constantFrom(1 << 20, 20),
      async (text, chunkBytes, tokens, bytesMax) => {
        const { parts, ranges } = await cutParts(FINDERS.at(-1)![1], text, { chunkBytes, tokens, bytesMax });
        const counter = new ValueCounter(tokens, bytesMax);
        const bytes = Buffer.from(text, 'latin1');
        for (let at = 0; at < bytes.length; at += chunkBytes)
          counter.add(bytes.subarray(at, at + chunkBytes));
        const { newlines, endsOpen } = counter.count(true);
        expect(newlines + Number(endsOpen)).toBe(parts.length);
        expect(ranges.every(([start, end], i) => start < end && start >= (ranges[i - 1]?.[1] ?? 0))).toBe(
          true,
        );
      },
    ),
    { numRuns: process.env.MILLRACE_HEAVY ? 20_000 : 1000 },
  );
});
