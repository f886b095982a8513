/** Outputs: bytes that stages have made of lines, in both scanners: each record has the place of its line, not of its bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addScanTally,
  OUTPUT_COLUMNS,
  type Outputs,
  type RecordRules,
  type Reject,
  type ScanResult,
  scanTally,
} from '../../src/scan/scanner.ts';
import { anyText } from '../any-text.ts';
import { openLanes, RULES, readAll, type ScannerUnderTest, scannersUnderTest } from './harness.ts';

const COORDINATE = Buffer.from('c');

interface Output {
  readonly offset: number;
  readonly output: number;
  readonly data: string | Buffer;
}

/** Joined as a parser thread does: lines with newlines between them, bytes as they are. */
function join(list: readonly Output[], isRaw: boolean): { bytes: Buffer; outputs: Outputs } {
  const rows = new Float64Array(list.length * OUTPUT_COLUMNS);
  const parts: Buffer[] = [];
  let at = 0;
  for (const [i, { offset, output, data }] of list.entries()) {
    rows.set([at, offset, output], i * OUTPUT_COLUMNS);
    const part = Buffer.concat([Buffer.from(data), Buffer.from(isRaw ? '' : '\n')]);
    parts.push(part);
    at += part.length;
  }
  return { bytes: Buffer.concat(parts), outputs: { rows, isRaw } };
}

/** Everything that a scanner says of outputs, call by call, and what it has written. */
function scanAll({ open }: ScannerUnderTest, rules: RecordRules, bytes: Buffer, outputs: Outputs) {
  const lanes = openLanes(1);
  const scanner = open(rules, lanes);
  const piece = { bytes, start: 0, end: bytes.length, objectOffset: 0, slice: 7, coordinate: COORDINATE };
  const frames: unknown[] = [];
  const rejects: Reject[] = [];
  const tally = scanTally();
  for (let at = 0, isDone = false; !isDone; ) {
    const result = scanner.scan({ ...piece, outputs }, at);
    isDone = result.status === 'done';
    at = result.next;
    addScanTally(tally, result);
    rejects.push(...result.rejects);
    frames.push(...readAll(lanes, 0));
  }
  return { frames, rejects, tally };
}

/**
 * Names that pointers lead to, that begin like those, and that have to be escaped. None has a backslash: once V8 13.6 has parsed an object with
 * such a name, it takes it for others that are written with an escape in its place.
 */
const name = fc.constantFrom('k', 'a', 'kk', '', 'é', '"', 'k\n', '\ud800', '__proto__', 'x'.repeat(90));
const written = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(
      null,
      true,
      '',
      0,
      -1.5e-7,
      12345678901,
      '\u2028',
      '\ud83d',
      'é\u{1f600}',
      'k"\\',
      '1'.repeat(39),
    ),
    anyText({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
  ),
})).value as fc.Arbitrary<unknown>;
const someRules = fc.record({
  partitionKey: fc.constantFrom(
    null,
    '',
    '/k',
    '/a/k',
    '/a/a/k',
    '/k/0',
    '/é',
    '/',
    '/"',
    '/\\',
    '/x',
    '/__proto__',
  ),
  explicitHashKey: fc.constantFrom(null, null, '/a'),
  onMissingKey: fc.constantFrom('dead-letter' as const, 'coordinates' as const),
  appendNewline: fc.boolean(),
  depthMax: fc.constantFrom(1, 2, 20, 1024),
  recordBytesMax: fc.constantFrom(60, 1 << 20),
  keyCharsMax: fc.constantFrom(96, 256),
});

describe.each(scannersUnderTest())('$name, of what JSON.stringify has written', (under) => {
  it('says what it says of any lines', () => {
    const values = fc.array(written, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(values, someRules, fc.constantFrom(1, 400), (list, rules, times) => {
        const all = Array.from({ length: times }, () => list).flat();
        const texts = all.map((value, i) => ({ offset: i * 3, output: i % 3, data: JSON.stringify(value) }));
        const { bytes, outputs } = join(texts, false);
        expect(scanAll(under, rules, bytes, { ...outputs, isWritten: true })).toEqual(
          scanAll(under, rules, bytes, outputs),
        );
      }),
      { numRuns: 150 },
    );
  });

  const isPortable = under.name === 'portable';
  const whyNot = isPortable ? ' (skipped: the portable scanner looks at everything)' : '';
  it.skipIf(isPortable)(`looks at nothing behind a key that lies near the beginning${whyNot}`, () => {
    const rules = { ...RULES, partitionKey: '/k' };
    const near = [{ offset: 0, output: 0, data: `{"k":"near","a":"${'a'.repeat(90)}",bad}` }];
    const far = [{ offset: 0, output: 0, data: `{"a":"${'a'.repeat(90)}","k":"far",bad}` }];
    const scan = (list: readonly Output[]) => {
      const { bytes, outputs } = join(list, false);
      return scanAll(under, rules, bytes, { ...outputs, isWritten: true });
    };
    expect(scan(near)).toMatchObject({ frames: [{ key: 'near' }], rejects: [] });
    expect(scan(far)).toMatchObject({ frames: [], rejects: [{ code: 'INVALID_JSON' }] });
  });

  it('comes to an end, whatever it is handed', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some)),
      fc
        .string({ unit: fc.constantFrom(...'{}[]":,\\k1\n'), maxLength: 60 })
        .map((some) => Buffer.from(some)),
    );
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 5 }),
        someRules,
        fc.boolean(),
        (list, rules, isRaw) => {
          const made = join(
            list.map((data, offset) => ({ offset, output: 0, data })),
            isRaw,
          );
          const { tally } = scanAll(under, rules, made.bytes, {
            ...made.outputs,
            isRaw: false,
            isWritten: true,
          });
          expect(tally.lines).toBe(tally.blank + tally.records + tally.rejected);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe.each(scannersUnderTest())('$name', ({ open }) => {
  function scan(list: readonly Output[], isRaw: boolean, rules: Partial<RecordRules> = {}) {
    const lanes = openLanes(1);
    const scanner = open({ ...RULES, ...rules }, lanes);
    const { bytes, outputs } = join(list, isRaw);
    const piece = {
      ...{ bytes, start: 0, end: bytes.length, objectOffset: 0, slice: 7, coordinate: COORDINATE, outputs },
    };
    const frames: { key: string; data: string; slice: number; lineOffset: number }[] = [];
    let last: ScanResult;
    let at = 0;
    const rejects: number[] = [];
    do {
      last = scanner.scan(piece, at);
      at = last.next;
      rejects.push(...last.rejects.map(({ start }) => start));
      frames.push(...readAll(lanes, 0));
    } while (last.status !== 'done');
    return { frames, rejects };
  }

  it('gives a record the offset of its line, and its number behind the positional key', () => {
    const list = [
      { offset: 2 ** 40, output: 0, data: '{"a":1}' },
      { offset: 2 ** 40, output: 1, data: '{"a":2}' },
      { offset: 2 ** 40 + 50, output: 65_535, data: '{"a":3}' },
    ];
    const { frames } = scan(list, false);
    expect(frames.map(({ key, data, slice, lineOffset }) => [key, data, slice, lineOffset])).toEqual([
      ['c:1099511627776', '{"a":1}', 7, 2 ** 40],
      ['c:1099511627776.1', '{"a":2}', 7 + 65_536, 2 ** 40],
      ['c:1099511627826.65535', '{"a":3}', (65_535 * 65_536 + 7) >>> 0, 2 ** 40 + 50],
    ]);
  });

  it('finds every place again behind full lanes', () => {
    const list = Array.from({ length: 5000 }, (_, i) => ({
      ...{ offset: i * 10, output: i % 3, data: JSON.stringify({ i, x: 'x'.repeat(i % 100) }) },
    }));
    const { frames } = scan(list, false);
    expect(frames.map(({ data, lineOffset, slice }) => [data, lineOffset, slice >>> 16])).toEqual(
      list.map(({ data, offset, output }) => [data, offset, output]),
    );
  });

  it('takes bytes as they are, and looks for a key only in those that are JSON', () => {
    const list = [
      { offset: 0, output: 0, data: '  two\nlines of text \n' },
      { offset: 30, output: 0, data: ' {"k":"found"}\n' },
      { offset: 60, output: 2, data: Buffer.from([0xff, 0x0a, 0x00]) },
      { offset: 90, output: 0, data: '{"k":\n"not found"}' },
    ];
    const rules = { partitionKey: '/k', onMissingKey: 'coordinates' } as const;
    const { frames } = scan(list, true, rules);
    expect(frames.map(({ key }) => key)).toEqual(['c:0', 'found', 'c:60.2', 'c:90']);
    expect(frames.map(({ data }) => data)).toEqual(
      list.map(({ data }) => Buffer.from(data).toString('latin1')),
    );
    expect(scan(list, true, { partitionKey: '/k' }).rejects).toEqual([0, 36, 39]);
  });

  it('skips no byte order mark: an output is not the start of a file', () => {
    const { rejects } = scan([{ offset: 0, output: 0, data: '\ufeff{}' }], false);
    expect(rejects).toEqual([0]);
  });
});
