/** Where: every scanner comes to the library's verdict on every line, whatever condition and line are. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OptionsError } from '../../../src/base/errors.ts';
import type { LineShaper, PiecePlace } from '../../../src/scan/shaper.ts';
import { createLineShaper } from '../../../src/shape/prefix/line-shaper.ts';
import { predicateOf } from '../../../src/shape/prefix/predicate.ts';
import { type Verdict, Where } from '../../../src/shape/prefix/where.ts';
import type { Stages } from '../../../src/shape/stages.ts';
import { RULES, runScanner, type ScannerUnderTest, scannersUnderTest } from '../../scan/harness.ts';
import { describeScanners, tellUntried } from '../../scan/instruction-sets.ts';
import { condition, lineText } from './generators.ts';

const PLACE: PiecePlace = { bucket: 'bucket', key: 'orders/2024.jsonl', modifiedMs: 1_700_000_000_000 };

function stagesOf(where: string, onWhereError: Stages['onWhereError'] = 'dead-letter'): Stages {
  return { where, onWhereError, edits: [], hashKey: null, sample: null, later: [] };
}

/** What became of each line: `record`, `filtered`, or the code of its reject. */
function fates(
  under: ScannerUnderTest,
  shaper: LineShaper,
  lines: readonly string[],
  partitionKey: string | null = null,
) {
  const bytes = Buffer.from(lines.join('\n'));
  const rules = { ...RULES, partitionKey, onMissingKey: 'coordinates' as const };
  const run = runScanner(under, rules, bytes, { shaper, place: PLACE });
  const seen = new Map<number, string>();
  for (const { lineOffset } of run.frames.flat()) seen.set(lineOffset, 'record');
  for (const { objectOffset, code } of run.rejects) seen.set(objectOffset, code);
  let offset = 0;
  const list = lines.map((line) => {
    const fate = seen.get(offset) ?? 'filtered';
    offset += Buffer.byteLength(line) + 1;
    return fate;
  });
  expect(run.tally.lines).toBe(lines.length);
  expect(run.tally.filtered).toBe(list.filter((fate) => fate === 'filtered').length);
  return list;
}

const FATES: Readonly<Record<Verdict, string>> = {
  match: 'record',
  'no match': 'filtered',
  missing: 'filtered',
  error: 'FILTER',
};

function expectedFates(where: Where, lines: readonly string[]): string[] {
  let offset = 0;
  return lines.map((line) => {
    const verdict = where.judge(JSON.parse(line), line, { ...PLACE, offset });
    offset += Buffer.byteLength(line) + 1;
    return FATES[verdict];
  });
}

/** Null where the generator wrote something that has no meaning. */
function readable(text: string): Where | null {
  try {
    return new Where(text);
  } catch (error) {
    if (error instanceof OptionsError) return null;
    throw error;
  }
}

/** MILLRACE_FUZZ_CASES, where that is less: an emulated or sanitized scanner is slow. */
const cases = Math.min(4000, Number(process.env.MILLRACE_FUZZ_CASES ?? 4000));

it('gives the verdict of the library in every scanner, over generated conditions and lines', {
  timeout: 120_000,
}, () => {
  const under = scannersUnderTest();
  const counts = { conditions: 0, opaque: 0, record: 0, filtered: 0, FILTER: 0 };
  fc.assert(
    fc.property(
      condition,
      fc.array(lineText, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(null, '/a', '/b/a', ''),
      (text, lines, partitionKey) => {
        const where = readable(text);
        fc.pre(where !== null);
        const expected = expectedFates(where, lines);
        for (const fate of expected) counts[fate as 'record']++;
        counts.conditions++;
        if (
          JSON.stringify(predicateOf(where.ast), (_, value) =>
            typeof value === 'bigint' ? `${value}` : value,
          ).includes('"opaque"')
        )
          counts.opaque++;
        for (const scanner of under)
          expect({
            [scanner.name]: fates(scanner, createLineShaper(stagesOf(text)), lines, partitionKey),
          }).toEqual({
            [scanner.name]: expected,
          });
      },
    ),
    { numRuns: cases },
  );
  // The test has teeth: every verdict was met, and most conditions were decided without JavaScript.
  expect(Math.min(counts.record, counts.filtered, counts.FILTER)).toBeGreaterThan(cases / 4);
  expect(counts.opaque).toBeLessThan(counts.conditions / 2);
});

tellUntried();

describeScanners((under) => {
  const judge = (text: string, lines: readonly string[], onWhereError?: Stages['onWhereError']) =>
    fates(under, createLineShaper(stagesOf(text, onWhereError)), lines);

  it.each<[line: string, text: string, fate: string]>([
    ['{"a":1}', 'record.a == 1', 'record'],
    ['{"a":1.0}', 'record.a == 1', 'record'],
    ['{"a":9007199254740993}', 'record.a == 9007199254740993', 'filtered'],
    ['{"a":"1"}', 'record.a == 1', 'filtered'],
    ['{"a":"1"}', 'record.a > 0', 'FILTER'],
    ['{}', 'record.a == 1', 'filtered'],
    ['{}', 'record.a != 1', 'filtered'],
    ['{}', '!has(record.a)', 'record'],
    ['{}', 'has(record.a.b)', 'filtered'],
    ['{"a":null}', 'record.a == null', 'record'],
    ['{"a":1,"a":2}', 'record.a == 2', 'record'],
    ['{"a":{"b":1},"a":2}', 'has(record.a.b)', 'filtered'],
    ['{"\\u0061":"\\u0078"}', 'record.a == "x"', 'record'],
    ['{"a":"\\ud83d\\ude00"}', 'record.a == "\u{1f600}"', 'record'],
    ['{"a":"\\uffee"}', 'record.a > "\u{10000}"', 'record'],
    ['{"a":["x"]}', 'record.a[0] == "x" && size(record.a) == 1', 'record'],
    ['{"a":{"x":1,"x":2}}', 'size(record.a) == 1', 'record'],
    ['{"constructor":{"a":1}}', 'record.constructor.a == 1', 'record'],
    [
      '{"t":"2024-01-01T01:00:00+01:00"}',
      'timestamp(record.t) == timestamp("2024-01-01T00:00:00Z")',
      'record',
    ],
    ['{"t":"yesterday"}', 'timestamp(record.t) < timestamp("2024-01-01T00:00:00Z")', 'FILTER'],
    ['{"a":1}', 'record.b == 1 || record.a == 1', 'record'],
    ['{"a":true}', 'record.a', 'record'],
    ['{"a":1}', 'record.a', 'FILTER'],
    ['{"l":[1,5]}', 'record.l.exists(i, i > 4)', 'record'],
    ['"text"', 'record == "text"', 'record'],
  ])('finds of %s by %s: %s', (line, text, fate) => {
    expect(judge(text, [line])).toEqual([fate]);
  });

  it('orders numbers against integers as numbers, however long they are and however they are written', () => {
    const written = [
      '0',
      '-0',
      '7',
      '9',
      '10',
      '99',
      '100',
      '1234567',
      '12345678',
      '123456789',
      '999999999999999',
    ];
    const longer = ['1000000000000000', '9007199254740993', '123456789012345678901', '-5', '-123456789'];
    const others = ['9.5', '0.0', '1e2', '1E-400', '12345678.0', '1234567.8', '12345678e1', '9e1', '10.0'];
    const values = [...written, ...longer, ...others];
    const constants = [0, 9, 10, 99, 12345678, 999999999999999, 1000000000000000, -5];
    const lines = values.map((value) => `{"n":${value} }`);
    for (const constant of constants) {
      for (const relation of ['==', '!=', '<', '<=', '>', '>=']) {
        const text = `record.n ${relation} ${constant}`;
        expect({ [text]: judge(text, lines) }).toEqual({ [text]: expectedFates(new Where(text), lines) });
      }
    }
  });

  it("joins conditions by && and || to the library's verdict, however long the chain, whatever its parts say", () => {
    // Match, no match, missing, error, and one that JavaScript decides.
    const parts = [
      'record.a == 1',
      'record.a == 2',
      'record.x == 1',
      'record.s > 1',
      'string(record.a) == "1"',
    ];
    const lines = ['{"a":1,"s":"t"}', '{"a":2,"s":"t"}'];
    for (const [one, two, three] of parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => [a, b, c]))))
      for (const text of [
        `${one} && ${two} && ${three} && record.a == 1`,
        `${one} || ${two} || ${three} || record.a == 2`,
        `(${one} || ${two}) && (${three} || record.a == 1) && record.a == 1`,
        `${one} && (${two} && ${three}) || record.a == 2 && ${one}`,
      ])
        expect({ [text]: judge(text, lines) }).toEqual({ [text]: expectedFates(new Where(text), lines) });
  });

  it('looks at the start of a text, whatever is escaped in it and behind it', () => {
    const texts = ['ab', 'abc', 'a', '', '\\u0061bc', 'a\\u0062', 'ab\\n', 'a\\n', '\\\\b', 'xab'];
    const lines = texts.map((text) => `{"s":"${text}"}`);
    for (const start of ['"ab"', '""', '"a\\\\"', '"\\\\b"', '"abcd"']) {
      const text = `record.s.startsWith(${start})`;
      expect({ [text]: judge(text, lines) }).toEqual({ [text]: expectedFates(new Where(text), lines) });
    }
  });

  it('finds names in any order, twice in a line, beside others that begin like them', () => {
    const text = 'record.ab == 1 && record.abc == 2 && record.averylongname == 3 && record.a == 4';
    const members = ['"ab":1', '"abc":2', '"averylongname":3', '"a":4', '"abd":9', '"":0'];
    const lines = members.map((_, i) => `{${[...members.slice(i), ...members.slice(0, i)].join(',')}}`);
    const more = [
      ...lines,
      `{"a":9,${members.join(',')}}`,
      `{${members.join(',')},"a":9}`,
      '{"a":4}',
      lines[0]!,
    ];
    expect(judge(text, more)).toEqual(expectedFates(new Where(text), more));
    expect(judge(text, lines)).toEqual(lines.map(() => 'record'));
  });

  it('asks where a line lies', () => {
    const lines = ['{"a":1}', '{"a":2}'];
    expect(judge('source.offset == 8 && source.bucket == "bucket"', lines)).toEqual(['filtered', 'record']);
    expect(judge('source.modified > timestamp("2023-01-01T00:00:00Z")', lines)).toEqual(['record', 'record']);
  });

  it('decides lines that are longer than a window, and invalid ones are rejected as ever', () => {
    const pad = 'p'.repeat(40_000);
    const lines = [`{"pad":"${pad}","a":1}`, `{"pad":"${pad}","a":2}`, '{"a":', '{"a":1}'];
    const options = { shaper: createLineShaper(stagesOf('record.a == 1')), capacityBytes: 1 << 20 };
    const { tally, rejects } = runScanner(under, RULES, Buffer.from(lines.join('\n')), options);
    expect(tally).toMatchObject({ lines: 4, records: 2, filtered: 1, rejected: 1 });
    expect(rejects.map(({ code }) => code)).toEqual(['INVALID_JSON']);
  });

  it('takes a pattern that V8 would never end', () => {
    expect(judge('record.a.matches("^(a+)+$")', [`{"a":"${'a'.repeat(40)}!"}`])).toEqual(['filtered']);
  });

  it('counts every line once, however small the lanes are', () => {
    const lines = Array.from({ length: 19_999 }, (_, i) =>
      i % 7 === 0 ? '' : `{"i":${i},"s":"${'x'.repeat(i % 90)}"}`,
    );
    const options = {
      shaper: createLineShaper(stagesOf('record.i % 1 == 0 || record.i < 9000')),
      laneCount: 1,
      isStingy: true,
    };
    const { tally, calls } = runScanner(under, RULES, Buffer.from(lines.join('\n')), options);
    const [blank, records] = [2857, lines.filter((line, i) => line !== '' && i < 9000).length];
    expect(calls['lane-full']).toBeGreaterThan(3);
    expect(tally).toMatchObject({
      lines: 19_999,
      blank,
      records,
      rejected: 19_999 - blank - records,
      filtered: 0,
    });
  });
});

it('a loop in a loop over a long list is given up, and the next line is decided', () => {
  const where = new Where('record.l.exists(a, record.l.exists(b, a + b == -1.0))');
  const long = `{"l":[${Array.from({ length: 60_000 }, (_, i) => i).join(',')}]}`;
  expect(where.judge(JSON.parse(long), long, { ...PLACE, offset: 0 })).toBe('error');
  expect(where.judge({ l: [0, -1] }, '{"l":[0,-1]}', { ...PLACE, offset: 0 })).toBe('match');
}, 120_000);
