/** Values: all finders give the same lines and places for the same bytes, and all scanners take these lines alike, to the first that is damaged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { isJsonText } from '../../src/scan/json-text.ts';
import { nativeInstructions } from '../../src/scan/native.ts';
import { OUTPUT_COLUMNS, type Reject, type ScanPiece } from '../../src/scan/scanner.ts';
import { type CutEnd, type CutState, type ValueFinder, ValueLines } from '../../src/scan/values.ts';
import { NativeValues } from '../../src/scan/values-native.ts';
import { PortableValues } from '../../src/scan/values-portable.ts';
import { openLanes, RULES, readAll, scannersUnderTest } from './harness.ts';

const { addon } = loadAddon();
const FINDERS: readonly (readonly [string, ValueFinder])[] = [
  ['portable', new PortableValues()],
  ...(addon === null
    ? []
    : nativeInstructions(addon).map((name, i) => [name, new NativeValues(addon, i)] as const)),
];
const COORDINATE = Buffer.from('c');

interface Found extends CutEnd {
  readonly values: readonly { readonly text: string; readonly offset: number; readonly kind: number }[];
}

function find(
  finder: ValueFinder,
  bytes: Buffer,
  { start = 0, state = 0 as CutState, isLast = true, bytesMax = 1 << 16, countMax = 1000 },
): Found {
  const lines = new ValueLines(bytesMax, countMax);
  const cut = finder.find(bytes, start, bytes.length, { objectOffset: 1000, state, isLast }, lines);
  const values = Array.from({ length: lines.count }, (_, i) => ({
    text: Buffer.from(lines.bytes.subarray(lines.startOf(i), lines.behind(i))).toString('latin1'),
    offset: lines.offsetOf(i),
    kind: lines.kinds[i]!,
  }));
  return { ...cut, values };
}

describe.each(FINDERS)('values found by %s', (_name, finder) => {
  it('end where their brackets and quotes are closed, each as a line with its place', () => {
    const { values, stop } = find(finder, Buffer.from('{"a":"}\\""}[1,\n2]"x"3 '), {});
    expect(stop).toBe('more');
    expect(values).toEqual([
      { text: '{"a":"}\\""}\n', offset: 1000, kind: 0 },
      { text: '[1,\n2]\n', offset: 1011, kind: 1 },
      { text: '"x"\n', offset: 1017, kind: 0 },
      { text: '3\n', offset: 1020, kind: 0 },
    ]);
  });

  it.each([
    ['{"a":1}{"b', 'more', 7],
    ['{"a":1} 12', 'more', 8],
    ['{"a":1} ', 'more', 8],
    ['{"a":1}}', 'stray', 7],
    ['{"a":1}{"b\n', 'broken', 7],
  ])('%j ends the call: %s', (text, stop, next) => {
    expect(find(finder, Buffer.from(text), { isLast: false })).toMatchObject({ stop, next });
  });

  it('of an array are divided by one comma each, up to its bracket', () => {
    const inArray = (text: string, state: CutState) => find(finder, Buffer.from(text), { state });
    expect(inArray('1, {"a":[2]} ]}', 1)).toMatchObject({ stop: 'closed', next: 13, values: [{}, {}] });
    expect(inArray(']', 1)).toMatchObject({ stop: 'closed', next: 0 });
    expect(inArray(', 2', 2)).toMatchObject({ stop: 'more', state: 2, values: [{ text: '2\n' }] });
    expect(inArray('1,]', 1)).toMatchObject({ stop: 'stray', next: 2 });
    expect(inArray('1 2', 1)).toMatchObject({ stop: 'stray', next: 2 });
  });

  it('fill the room that there is, and go on where it was full', () => {
    const bytes = Buffer.from('{"a":1}{"b":2}{"c":3}');
    const first = find(finder, bytes, { bytesMax: 17 });
    expect(first).toMatchObject({ stop: 'full', next: 14, values: [{}, {}] });
    expect(find(finder, bytes, { start: first.next, countMax: 1 })).toMatchObject({ stop: 'more', next: 21 });
  });
});

it('all finders give the same for any bytes', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.json({ maxDepth: 3 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ' ',
        '\n',
        ',',
        ']',
        '}',
        '{',
        '[',
        ':',
        '"',
        '\\',
        '\\\\"',
        'a\xa0',
        '-1',
        '\x0c',
        '"\x1a"',
        '{"\x0c":1}',
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 80 }) },
    // Over many blocks, and over more than are looked at together.
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.json({ maxDepth: 3 }), fc.nat({ max: 1500 }), fc.constantFrom('', '\n', ' '))
        .map(([inner, length, gap]) => `[${inner},${gap}"${'x'.repeat(length)}",{"n":[${inner}]}]`),
    },
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }).map((all) => Buffer.from(all.join(''), 'latin1')),
      fc.constantFrom<CutState>(0, 1, 2, 3),
      fc.boolean(),
      fc.constantFrom(1 << 16, 40, 150, 700),
      (bytes, state, isLast, bytesMax) => {
        const [, portable] = FINDERS[0]!;
        const wanted = find(portable, bytes, { state, isLast, bytesMax });
        for (const [name, finder] of FINDERS)
          expect(find(finder, bytes, { state, isLast, bytesMax }), name).toEqual(wanted);
      },
    ),
    { numRuns: 2000 },
  );
});

describe.each(scannersUnderTest())('values in the $name scanner', ({ open }) => {
  function scan(values: readonly string[], isOne = false, depthMax = 3) {
    const lanes = openLanes(1);
    const scanner = open({ ...RULES, depthMax }, lanes);
    const rows = new Float64Array(values.length * OUTPUT_COLUMNS);
    let at = 0;
    for (const [i, value] of values.entries()) {
      rows.set([at, 5000 + i * 100, 0], i * OUTPUT_COLUMNS);
      at += value.length + 1;
    }
    const bytes = Buffer.from(values.map((value) => `${value}\n`).join(''), 'latin1');
    const end = isOne ? bytes.length - 1 : bytes.length;
    const piece: ScanPiece = {
      ...{ bytes, start: 0, end, objectOffset: 0, slice: 1, coordinate: COORDINATE, values: { rows, isOne } },
    };
    const rejects: Reject[] = [];
    let next = 0;
    for (;;) {
      const result = scanner.scan(piece, next);
      rejects.push(...result.rejects);
      next = result.next;
      if (result.status !== 'rejects-full') return { ...result, rejects, frames: readAll(lanes, 0) };
    }
  }

  it('have the place that they had side by side', () => {
    const { frames, status } = scan(['{"a":1}', '[2]', '3']);
    expect(status).toBe('done');
    expect(frames.map(({ key, data, lineOffset }) => [key, data, lineOffset])).toEqual([
      ['c:5000', '{"a":1}', 5000],
      ['c:5100', '[2]', 5100],
      ['c:5200', '3', 5200],
    ]);
  });

  it.each([['{"a":1,}'], ['{"a":1]'], ['tru'], ['{"a":"\x01"}'], ['[[[[1}]]]'], ['{"a":\xff}']])(
    'end the call at one that is no JSON: %j',
    (bad) => {
      const { status, next, frames, rejects, lines } = scan(['{"a":1}', bad, '{"b":2}']);
      expect([status, next, lines, rejects]).toEqual(['damaged', 8, 1, []]);
      expect(frames.map(({ data }) => data)).toEqual(['{"a":1}']);
    },
  );

  it('are rejected as lines are where they are JSON, and too deep or no UTF-8', () => {
    const { status, rejects, records } = scan(['[[[[1]]]]', '{"a":"\xff"}', '{"b":2}']);
    expect([status, records]).toEqual(['done', 1]);
    expect(rejects.map(({ code, objectOffset }) => [code, objectOffset])).toEqual([
      ['TOO_DEEP', 5000],
      ['INVALID_UTF8', 5100],
    ]);
  });

  it('keep line ends of their own', () => {
    const value = '{"a":\n[1,\n 2]}';
    expect(scan([value], true)).toMatchObject({ status: 'done', records: 1, frames: [{ data: value }] });
    expect(scan(['{"a":\n}'], true)).toMatchObject({ status: 'damaged', next: 0, lines: 0 });
  });
});

it('bytes are JSON whatever their strings hold beyond ASCII, and nowhere else', () => {
  expect(['{"\xff":1}', ' 1 ', '"\xa0"'].map(isJsonText)).toEqual([true, true, true]);
  expect(['\xa01', '{"a":\xff}', '1 2', ''].map(isJsonText)).toEqual([false, false, false, false]);
});
