/** Edits: every scanner makes the same bytes of a line, and only what is named has changed. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineShaper } from '../../../src/shape/prefix/line-shaper.ts';
import { type Edit, problemsOf, type Stages } from '../../../src/shape/stages.ts';
import { RULES, runScanner, type ScannerUnderTest, scannersUnderTest } from '../../scan/harness.ts';
import { describeScanners, tellUntried } from '../../scan/instruction-sets.ts';
import { edit, lineText } from './generators.ts';

const KEY = Buffer.from('a key of thirty-two bytes, really');

function stagesOf(edits: readonly Edit[]): Stages {
  return { where: null, onWhereError: 'dead-letter', edits, hashKey: KEY, sample: null, later: [] };
}

/** The data of each line's record. */
function edited(
  under: ScannerUnderTest,
  edits: readonly Edit[],
  lines: readonly string[],
  partitionKey: string | null = null,
) {
  const shaper = createLineShaper(stagesOf(edits));
  const rules = { ...RULES, recordBytesMax: 1 << 22, partitionKey, onMissingKey: 'coordinates' as const };
  const run = runScanner(under, rules, Buffer.from(lines.join('\n')), { shaper, capacityBytes: 1 << 23 });
  expect(run.tally).toMatchObject({ lines: lines.length, records: lines.length });
  return run.frames
    .flat()
    .toSorted((one, other) => one.lineOffset - other.lineOffset)
    .map(({ data, key }) => ({ data: Buffer.from(data, 'latin1').toString(), key }));
}

const dataOf = (under: ScannerUnderTest, edits: readonly Edit[], line: string) =>
  edited(under, edits, [line])[0]!.data;

function hmac(text: string): string {
  return createHmac('sha256', KEY).update(text).digest('hex');
}

describeScanners((under) => {
  const drop = (pointer: string): Edit => ({ kind: 'drop', pointer });
  const set = (pointer: string, json: string): Edit => ({ kind: 'set', pointer, json });
  const rename = (pointer: string, name: string): Edit => ({ kind: 'rename', pointer, name });
  const hash = (pointer: string): Edit => ({ kind: 'hash', pointer });

  describe('--drop', () => {
    it.each<[line: string, pointers: string[], becomes: string]>([
      ['{"a":1,"b":2}', ['/a'], '{"b":2}'],
      ['{"a":1,"b":2}', ['/b'], '{"a":1}'],
      ['{"a":1, "b":2 , "c":3}', ['/b'], '{"a":1, "c":3}'],
      ['{ "a" : 1 }', ['/a'], '{ }'],
      ['{ "a" : 1 , "b" : 2 }', ['/a'], '{ "b" : 2 }'],
      ['{ "a" : 1 , "b" : 2 }', ['/b'], '{ "a" : 1 }'],
      ['{"a":1,"b":2,"c":3}', ['/a', '/b'], '{"c":3}'],
      ['{"a":1,"b":2,"c":3}', ['/a', '/b', '/c'], '{}'],
      ['{"a":1,"b":2,"c":3}', ['/b', '/c'], '{"a":1}'],
      ['{"a":{"b":[1,{"c":2}],"d":1.50e+01}}', ['/a/b'], '{"a":{"d":1.50e+01}}'],
      ['{"a":1,"x":2,"a":{"b":3}}', ['/a'], '{"x":2}'],
      ['{"\\u0061":1,"x":"\\u0061"}', ['/a'], '{"x":"\\u0061"}'],
      ['{"a":[1, 2, 3]}', ['/a/0'], '{"a":[2, 3]}'],
      ['{"a":[1, 2, 3]}', ['/a/2'], '{"a":[1, 2]}'],
      ['{"a":{"0":1,"1":2}}', ['/a/0'], '{"a":{"1":2}}'],
      ['{"a/b":1,"~":2}', ['/a~1b', '/~0'], '{}'],
      ['{"b":1}', ['/a', '/b/c'], '{"b":1}'],
      ['[{"a":1}]', ['/a'], '[{"a":1}]'],
      ['"a"', ['/a'], '"a"'],
    ])('makes of %s without %j %s', (line, pointers, becomes) => {
      expect(dataOf(under, pointers.map(drop), line)).toBe(becomes);
    });
  });

  describe('--set', () => {
    it.each<[line: string, edits: [pointer: string, json: string][], becomes: string]>([
      ['{"a":1, "b":2}', [['/a', '"x"']], '{"a":"x", "b":2}'],
      ['{"a":1 ,"b":{"c":[1]} }', [['/b', '{"z": 1.0}']], '{"a":1 ,"b":{"z": 1.0} }'],
      ['{"a":1,"a":2}', [['/a', '3']], '{"a":3,"a":3}'],
      ['{"a":1 }', [['/b', 'null']], '{"a":1 ,"b":null}'],
      [
        '{ }',
        [
          ['/b', '1'],
          ['/c', '2'],
        ],
        '{ "b":1,"c":2}',
      ],
      [
        '{"x":{},"y":[]}',
        [
          ['/x/b', '1'],
          ['/y/b', '1'],
          ['/z/b', '1'],
        ],
        '{"x":{"b":1},"y":[]}',
      ],
      [
        '{"x":[1,2]}',
        [
          ['/x/1', '"new"'],
          ['/x/2', '3'],
        ],
        '{"x":[1,"new"]}',
      ],
      ['{"x":"s"}', [['/x/b', '1']], '{"x":"s"}'],
      ['{"x":1}', [['/k"q~1', '"é"']], '{"x":1,"k\\"q/":"é"}'],
    ])('makes of %s with %j %s', (line, edits, becomes) => {
      expect(
        dataOf(
          under,
          edits.map(([pointer, json]) => set(pointer, json)),
          line,
        ),
      ).toBe(becomes);
    });

    it('adds a member in place of all that are dropped', () => {
      expect(dataOf(under, [drop('/a'), drop('/b'), set('/c', '1')], '{"a":1,"b":2}')).toBe('{"c":1}');
      expect(dataOf(under, [drop('/b'), set('/c', '1')], '{"a":1,"b":2}')).toBe('{"a":1,"c":1}');
    });
  });

  it('--rename changes a name and nothing of its value', () => {
    expect(dataOf(under, [rename('/a', 'n"w')], '{"a" : 1.0, "a":{"a":2}}')).toBe(
      '{"n\\"w" : 1.0, "n\\"w":{"a":2}}',
    );
    expect(dataOf(under, [rename('/l/0', 'x')], '{"l":[1]}')).toBe('{"l":[1]}');
    expect(dataOf(under, [rename('/a', 'b'), drop('/a/x'), set('/a/y', '1')], '{"a":{"x":1}}')).toBe(
      '{"b":{"y":1}}',
    );
  });

  it('--hash gives HMAC-SHA-256 of the characters of a text, and of all else as it is written', () => {
    const long = 'x'.repeat(200);
    const line = `{"t":"a\\u00e9\\n","n":1.50, "b":true,"o":{"x": 1},"z":null,"l":"${long}","s":"\\ud800"}`;
    const edits = ['/t', '/n', '/b', '/o', '/z', '/l', '/s'].map(hash);
    const [t, n, b, o, l, s] = ['aé\n', '1.50', 'true', '{"x": 1}', long, '\ufffd'].map(hmac);
    expect(dataOf(under, edits, line)).toBe(
      `{"t":"${t}","n":"${n}", "b":"${b}","o":"${o}","z":null,"l":"${l}","s":"${s}"}`,
    );
  });

  it('--hash gives each of many values its own, whatever their lengths, beside lines that become no records', () => {
    // Around one block, two, and what waits for others; every third one has an escape, which does not wait.
    const texts = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 'é' : 'v').repeat(i % 150) + i);
    const lines = texts.map((text, i) => {
      const value = JSON.stringify(text).replaceAll('é', '\\u00e9');
      return i % 7 === 6 ? `{"id":${value}, "other":1}` : `{"id":${value},"v":${value}}`;
    });
    const shaper = createLineShaper(stagesOf([hash('/v'), hash('/id')]));
    const rules = { ...RULES, partitionKey: '/v' };
    const run = runScanner(under, rules, Buffer.from(lines.join('\n')), { shaper, capacityBytes: 1 << 20 });
    const kept = texts.filter((_, i) => i % 7 !== 6);
    expect(run.rejects.map(({ code }) => code)).toEqual(
      Array(texts.length - kept.length).fill('MISSING_KEY'),
    );
    const records = run.frames.flat().toSorted((one, other) => one.lineOffset - other.lineOffset);
    expect(records.map(({ key, data }) => [key, data])).toEqual(
      kept.map((text) => [hmac(text), `{"id":"${hmac(text)}","v":"${hmac(text)}"}`]),
    );
  });

  it('the partition key is that of the edited record', () => {
    const line = '{"id":"u7","name":"x","old":"o"}';
    expect(edited(under, [hash('/id')], [line], '/id')[0]!.key).toBe(hmac('u7'));
    for (const value of ['{"x":1}', '[2]', '1.50', 'true'])
      expect(edited(under, [hash('/id')], [`{"id":"a","id":${value}}`], '/id')[0]!.key).toBe(hmac(value));
    expect(edited(under, [hash('/id')], ['{"id":null}'], '/id')[0]!.key).toMatch(/:0$/);
    expect(edited(under, [hash('/id'), rename('/old', 'id')], [line], '/id')[0]!.key).toBe('o');
    expect(edited(under, [drop('/name')], [line], '/id')[0]!.key).toBe('u7');
    expect(edited(under, [rename('/old', 'new')], [line], '/new')[0]!.key).toBe('o');
    expect(edited(under, [set('/p', '"q"')], [line], '/p')[0]!.key).toBe('q');
    expect(edited(under, [drop('/id')], [line], '/id')[0]!.key).toMatch(/:0$/);
  });

  it('edits lines that are longer than a window, and more of them than one group', () => {
    const lines = Array.from(
      { length: 100 },
      (_, i) => `{"keep":${i},"pad":"${'p'.repeat(i % 7 === 0 ? 70_000 : 300)}"}`,
    );
    const small = edited(under, [drop('/pad'), set('/n', '1')], lines);
    expect(small.map(({ data }) => data)).toEqual(lines.map((_, i) => `{"keep":${i},"n":1}`));
    const large = edited(under, [set('/keep', '"k"')], lines);
    expect(large.map(({ data }) => data)).toEqual(
      lines.map((line) => line.replace(/"keep":\d+/, '"keep":"k"')),
    );
  });

  it('takes time in proportion to a line in which one name stands a hundred thousand times', () => {
    const line = `{${Array.from({ length: 100_000 }, (_, i) => `"a":{"b":${i}}`).join(',')},"z":1}`;
    const { data } = edited(under, [drop('/a/b'), set('/a/c', '1')], [line])[0]!;
    expect(data).toBe(`{${'"a":{"c":1},'.repeat(100_000)}"z":1}`);
  });
});

it('refuses edits of one place, of places within each other, and of nothing', () => {
  const [pointer, json, name] = ['/a', '1', 'b'];
  const problems = (...edits: Edit[]) => problemsOf(edits).length;
  expect(problems({ kind: 'drop', pointer }, { kind: 'hash', pointer })).toBe(1);
  expect(problems({ kind: 'drop', pointer }, { kind: 'set', pointer: '/a/b', json })).toBe(1);
  expect(problems({ kind: 'rename', pointer, name }, { kind: 'drop', pointer })).toBe(1);
  expect(problems({ kind: 'drop', pointer: '' })).toBe(1);
  expect(problems({ kind: 'set', pointer, json: '{' })).toBe(1);
  expect(problems({ kind: 'set', pointer, json: '{\n}' })).toBe(1);
  expect(problems({ kind: 'rename', pointer, name }, { kind: 'hash', pointer })).toBe(0);
  expect(problems({ kind: 'rename', pointer, name }, { kind: 'drop', pointer: '/a/b' })).toBe(0);
  expect(problems({ kind: 'drop', pointer }, { kind: 'drop', pointer: '/ab' })).toBe(0);
});

/** MILLRACE_FUZZ_CASES, where that is less: an emulated or sanitized scanner is slow. */
const cases = Math.min(4000, Number(process.env.MILLRACE_FUZZ_CASES ?? 4000));

it('makes the same bytes in every scanner, valid JSON, over generated edits and lines', {
  timeout: 120_000,
}, () => {
  const under = scannersUnderTest();
  let changed = 0;
  fc.assert(
    fc.property(
      fc.array(edit, { minLength: 1, maxLength: 4 }).filter((edits) => problemsOf(edits).length === 0),
      fc.array(lineText, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(null, '/a', '/n', '/b/a', ''),
      (edits, lines, partitionKey) => {
        const [first, ...others] = under.map((scanner) => edited(scanner, edits, lines, partitionKey));
        for (const other of others) expect(other).toEqual(first);
        for (const [i, { data }] of first!.entries()) {
          JSON.parse(data);
          if (data !== lines[i]!.trim()) changed++;
        }
      },
    ),
    { numRuns: cases },
  );
  expect(changed).toBeGreaterThan((cases * 3) / 4);
});

tellUntried();
