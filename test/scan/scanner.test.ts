/** Scanner: every implementation, with every instruction set of this machine, gives the oracle's verdict on every line. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REJECT_CODES } from '../../src/base/errors.ts';
import { REJECT_MESSAGES, REJECTS_PER_CALL_MAX, type RecordRules } from '../../src/scan/scanner.ts';
import { expectedRun, expectScan, RULES, runScanner, seenRun } from './harness.ts';
import { describeScanners } from './instruction-sets.ts';

const suiteFolder = join(import.meta.dirname, '../data/json-test-suite/test_parsing');

/** Verdicts in short: one word a line. */
function verdicts(rules: RecordRules, bytes: Uint8Array): string[] {
  return expectScan(rules, bytes).map((line) => (line.kind === 'rejected' ? line.code : line.kind));
}

describeScanners((under) => {
  function check(bytes: Buffer, some: Partial<RecordRules> = {}, capacityBytes?: number): void {
    const rules = { ...RULES, ...some };
    const run = runScanner(under, rules, bytes, capacityBytes === undefined ? {} : { capacityBytes });
    expect(seenRun(run)).toEqual(expectedRun(expectScan(rules, bytes)));
  }

  describe('JSON test suite', () => {
    const files = readdirSync(suiteFolder);
    it('has its 318 files', () => {
      expect(files.length).toBe(318);
    });
    it.each(files)('agrees with the oracle on %s', (file) => {
      const bytes = readFileSync(join(suiteFolder, file));
      check(bytes, { onMissingKey: 'coordinates', partitionKey: '/a' });
      // The same between good neighbours, which must not suffer from it.
      const neighbour = Buffer.from('{"a":"good"}\n');
      check(Buffer.concat([neighbour, bytes, Buffer.from('\n'), neighbour]));
    });
  });

  it.each<{ name: string; bytes: Buffer | string; is: string[] }>([
    { name: 'an empty object', bytes: '', is: [] },
    { name: 'only a newline', bytes: '\n', is: ['blank'] },
    {
      name: 'only blank lines',
      bytes: '\n \n\t\r\n\r\r\n  ',
      is: ['blank', 'blank', 'blank', 'blank', 'blank'],
    },
    { name: 'a last line without a newline', bytes: '1\n2', is: ['record', 'record'] },
    { name: 'a last line with a newline', bytes: '1\n2\n', is: ['record', 'record'] },
    { name: 'CRLF line ends', bytes: '{"a":1}\r\n[2]\r\n', is: ['record', 'record'] },
    { name: 'a CR alone, which is space', bytes: '{"a":\r1}\r\r', is: ['record'] },
    { name: 'two values with only a CR between them', bytes: '1\r2\n', is: ['INVALID_JSON'] },
    { name: 'a byte order mark at the start', bytes: '\ufeff{"a":1}\n2\n', is: ['record', 'record'] },
    { name: 'nothing but a byte order mark', bytes: '\ufeff', is: ['blank'] },
    {
      name: 'a byte order mark, then a bad line',
      bytes: '\ufeff{"a":}\r\n2\n',
      is: ['INVALID_JSON', 'record'],
    },
    { name: 'two byte order marks', bytes: '\ufeff\ufeff1\n', is: ['INVALID_JSON'] },
    { name: 'a byte order mark on the second line', bytes: '1\n\ufeff2\n', is: ['record', 'INVALID_JSON'] },
    {
      name: 'NUL bytes',
      bytes: '"a\0b"\n\0\n1\0\n2\n',
      is: ['INVALID_JSON', 'INVALID_JSON', 'INVALID_JSON', 'record'],
    },
    {
      name: 'bytes that are no UTF-8',
      bytes: Buffer.from('"\xff"\n"ok"\n"\xc3"\n\xe2\x82\n1\n', 'latin1'),
      is: ['INVALID_UTF8', 'record', 'INVALID_UTF8', 'INVALID_UTF8', 'record'],
    },
    {
      name: 'an encoded surrogate and an overlong form',
      bytes: Buffer.from('"\xed\xa0\x80"\n"\xc0\x80"\n', 'latin1'),
      is: ['INVALID_UTF8', 'INVALID_UTF8'],
    },
    {
      name: 'UTF-8 that is cut by the line end',
      bytes: Buffer.from('"\xf0\x9f\x91\n\x8d"\n"\u00e9"\n', 'latin1'),
      is: ['INVALID_UTF8', 'INVALID_UTF8', 'INVALID_UTF8'],
    },
    {
      name: 'bytes that are neither UTF-8 nor JSON',
      bytes: Buffer.from('{\xff\n', 'latin1'),
      is: ['INVALID_UTF8'],
    },
    { name: 'lone surrogates as escapes', bytes: '"\\ud800"\n"\\udc00\\ud800"\n', is: ['record', 'record'] },
    {
      name: 'huge numbers',
      bytes: '1e400\n-1e-400\n123456789012345678901234567890\n0.00000000000000000000000000000000000000001\n',
      is: ['record', 'record', 'record', 'record'],
    },
    {
      name: 'numbers in wrong form',
      bytes: '01\n1.\n.5\n-\n1e\n+1\n0x1\n1_0\n-01\n1.2.3\n',
      is: Array(10).fill('INVALID_JSON'),
    },
    { name: 'duplicate keys', bytes: '{"a":1,"a":2}\n', is: ['record'] },
    {
      name: 'a quote that is never closed',
      bytes: '"a\n"b"\n{"c":"\n1\n',
      is: ['INVALID_JSON', 'record', 'INVALID_JSON', 'record'],
    },
    {
      name: 'an escape at the line end',
      bytes: '"a\\\n"b"\n"\\u00\n41"\n"\\\\"\n',
      is: ['INVALID_JSON', 'record', 'INVALID_JSON', 'INVALID_JSON', 'record'],
    },
    {
      name: 'raw control characters in strings',
      bytes: '"\t"\n"\x1f"\n"\x7f"\n',
      is: ['INVALID_JSON', 'INVALID_JSON', 'record'],
    },
    {
      name: 'space that JSON does not know',
      bytes: '\x0c1\n\u00a01\n\u20281\n\v\n',
      is: Array(4).fill('INVALID_JSON'),
    },
    {
      name: 'brackets of the wrong kind',
      bytes: '[}\n{]\n[1}\n{"a":1]\n]\n}\n[[]\n[]]\n',
      is: Array(8).fill('INVALID_JSON'),
    },
    {
      name: 'commas and colons in the wrong place',
      bytes:
        '[,]\n[1,]\n{,}\n{"a":1,}\n{"a",}\n{"a"}\n{:1}\n[1:2]\n["a":1]\n{1:2}\n1,2\n,\n:\n{"a":1,2}\n{"a":1,[2]}\n[1,"b":2]\n{"a"::1}\n{"a":"b":1}\n',
      is: Array(18).fill('INVALID_JSON'),
    },
    {
      name: 'two values on one line',
      bytes: '1 2\n{}{}\n[] []\n"a""b"\n"a"1\n1"a"\ntrue false\n{"a":1 "b":2}\n',
      is: Array(8).fill('INVALID_JSON'),
    },
    {
      name: 'literals that go on',
      bytes: 'truex\nnul\nfalse0\ntrue\nnull\nfalse\n',
      is: ['INVALID_JSON', 'INVALID_JSON', 'INVALID_JSON', 'record', 'record', 'record'],
    },
  ])('agrees on $name', ({ bytes, is }) => {
    const buffer = Buffer.from(bytes as string);
    // The oracle itself is held to what people expect.
    expect(verdicts(RULES, buffer)).toEqual(is);
    check(buffer);
  });

  it.each<{ name: string; line: string; rules: Partial<RecordRules>; key: string | null }>([
    {
      name: 'a string as its decoded value',
      line: '{"a":"x\\u00e9\\n\\ud83d\\ude00"}',
      rules: { partitionKey: '/a' },
      key: 'xé\n😀',
    },
    {
      name: 'a lone surrogate as U+FFFD',
      line: '{"a":"x\\ud800y"}',
      rules: { partitionKey: '/a' },
      key: 'x\ufffdy',
    },
    { name: 'a number as written', line: '{"a":1.50e+01}', rules: { partitionKey: '/a' }, key: '1.50e+01' },
    { name: 'a boolean as written', line: '{"a": false }', rules: { partitionKey: '/a' }, key: 'false' },
    {
      name: 'the last of equal names',
      line: '{"a":"x","b":1,"a":"y"}',
      rules: { partitionKey: '/a' },
      key: 'y',
    },
    {
      name: 'the last of equal names on the path',
      line: '{"a":{"b":"x"},"a":{"c":1}}',
      rules: { partitionKey: '/a/b' },
      key: null,
    },
    {
      name: 'a path that ends in a later scalar',
      line: '{"a":{"b":"x"},"a":5}',
      rules: { partitionKey: '/a/b' },
      key: null,
    },
    {
      name: 'a name two levels too deep',
      line: '{"z":{"a":"x"},"y":[{"a":"v"}]}',
      rules: { partitionKey: '/a' },
      key: null,
    },
    {
      name: 'the right object among siblings',
      line: '{"z":{"b":1},"a":{"c":{"b":2},"b":3},"y":{"b":4}}',
      rules: { partitionKey: '/a/b' },
      key: '3',
    },
    { name: 'a name written with escapes', line: '{"\\u0061":"x"}', rules: { partitionKey: '/a' }, key: 'x' },
    {
      name: 'an escaped name after a plain one',
      line: '{"ab":"x","a\\u0062":"y"}',
      rules: { partitionKey: '/ab' },
      key: 'y',
    },
    { name: 'a name that must be escaped', line: '{"q\\"":"x"}', rules: { partitionKey: '/q"' }, key: 'x' },
    {
      name: 'a name that is the start of another',
      line: '{"ab":"x","a":"y","abc":"z"}',
      rules: { partitionKey: '/a' },
      key: 'y',
    },
    {
      name: 'a long name',
      line: `{"${'n'.repeat(100)}":"x","${'n'.repeat(99)}m":"y"}`,
      rules: { partitionKey: `/${'n'.repeat(100)}` },
      key: 'x',
    },
    { name: '~0 and ~1', line: '{"a/b":{"m~n":"x"}}', rules: { partitionKey: '/a~1b/m~0n' }, key: 'x' },
    { name: 'the empty name', line: '{"":"x"}', rules: { partitionKey: '/' }, key: 'x' },
    {
      name: 'an element of an array',
      line: '{"a":[1,{"b":"x"}]}',
      rules: { partitionKey: '/a/1/b' },
      key: 'x',
    },
    { name: 'an element of the outermost array', line: '[1,"x"]', rules: { partitionKey: '/1' }, key: 'x' },
    {
      name: 'no element for an index with leading zeros',
      line: '["x"]',
      rules: { partitionKey: '/00' },
      key: null,
    },
    { name: 'no element past the end', line: '["x"]', rules: { partitionKey: '/1' }, key: null },
    { name: 'no element for -', line: '["x"]', rules: { partitionKey: '/-' }, key: null },
    { name: 'a digit as a plain name', line: '{"0":"x"}', rules: { partitionKey: '/0' }, key: 'x' },
    { name: 'the whole line', line: ' "x" ', rules: { partitionKey: '' }, key: 'x' },
    { name: 'no object as the whole line', line: '{}', rules: { partitionKey: '' }, key: null },
    {
      name: '__proto__ as a plain name',
      line: '{"__proto__":"x"}',
      rules: { partitionKey: '/__proto__' },
      key: 'x',
    },
    { name: '__proto__ where there is none', line: '{}', rules: { partitionKey: '/__proto__' }, key: null },
    {
      name: 'constructor and toString where there are none',
      line: '{"constructor":{}}',
      rules: { partitionKey: '/constructor/toString' },
      key: null,
    },
    { name: 'no length of an array', line: '[1]', rules: { partitionKey: '/length' }, key: null },
    { name: 'no key in null', line: '{"a":null}', rules: { partitionKey: '/a' }, key: null },
    { name: 'no key in an object', line: '{"a":{}}', rules: { partitionKey: '/a' }, key: null },
    { name: 'no key in an array', line: '{"a":["x"]}', rules: { partitionKey: '/a' }, key: null },
    { name: 'no key in an empty string', line: '{"a":""}', rules: { partitionKey: '/a' }, key: null },
    {
      name: '256 characters',
      line: `{"a":"${'é'.repeat(256)}"}`,
      rules: { partitionKey: '/a' },
      key: 'é'.repeat(256),
    },
    {
      name: 'not 257 characters',
      line: `{"a":"${'é'.repeat(257)}"}`,
      rules: { partitionKey: '/a' },
      key: null,
    },
    {
      name: '100 characters, where the stream takes no more',
      line: `{"a":"${'é'.repeat(100)}"}`,
      rules: { partitionKey: '/a', keyCharsMax: 100 },
      key: 'é'.repeat(100),
    },
    {
      name: 'not 101 characters there',
      line: `{"a":"${'é'.repeat(101)}"}`,
      rules: { partitionKey: '/a', keyCharsMax: 100 },
      key: null,
    },
    {
      name: 'not 101 characters there as escapes',
      line: `{"a":"${'\\u20ac'.repeat(101)}"}`,
      rules: { partitionKey: '/a', keyCharsMax: 100 },
      key: null,
    },
    {
      name: '256 characters of two UTF-16 units',
      line: `{"a":"${'😀'.repeat(256)}"}`,
      rules: { partitionKey: '/a' },
      key: '😀'.repeat(256),
    },
    {
      name: 'not 257 of them',
      line: `{"a":"${'😀'.repeat(257)}"}`,
      rules: { partitionKey: '/a' },
      key: null,
    },
    {
      name: '256 of them as escapes',
      line: `{"a":"${'\\ud83d\\ude00'.repeat(256)}"}`,
      rules: { partitionKey: '/a' },
      key: '😀'.repeat(256),
    },
    {
      name: 'not 257 of them as escapes',
      line: `{"a":"${'\\ud83d\\ude00'.repeat(257)}"}`,
      rules: { partitionKey: '/a' },
      key: null,
    },
    {
      name: '256 lone surrogates, each a character',
      line: `{"a":"${'\\ud83d'.repeat(256)}"}`,
      rules: { partitionKey: '/a' },
      key: '\ufffd'.repeat(256),
    },
    {
      name: '256 characters as escapes',
      line: `{"a":"${'\\u20ac'.repeat(256)}"}`,
      rules: { partitionKey: '/a' },
      key: '€'.repeat(256),
    },
    {
      name: 'not 257 characters as escapes',
      line: `{"a":"${'\\u0041'.repeat(257)}"}`,
      rules: { partitionKey: '/a' },
      key: null,
    },
    {
      name: 'not a number of 257 digits',
      line: `{"a":${'1'.repeat(257)}}`,
      rules: { partitionKey: '/a' },
      key: null,
    },
  ])('takes as key $name', ({ line, rules, key }) => {
    const bytes = Buffer.from(`${line}\n{"other":1}\n${line}`);
    check(bytes, rules);
    check(bytes, { ...rules, onMissingKey: 'coordinates' });
    const [first] = expectScan({ ...RULES, ...rules }, bytes);
    const expectedKey = first?.kind === 'record' ? Buffer.from(first.key, 'latin1').toString() : null;
    expect(expectedKey).toBe(key);
  });

  it.each<{ name: string; value: string; hash: string | null }>([
    { name: 'zero', value: '"0"', hash: '0'.repeat(32) },
    { name: 'a number', value: '255', hash: 'ff'.padStart(32, '0') },
    { name: 'the largest', value: '"340282366920938463463374607431768211455"', hash: 'f'.repeat(32) },
    {
      name: 'the largest as a number',
      value: '340282366920938463463374607431768211455',
      hash: 'f'.repeat(32),
    },
    { name: 'one too many', value: '"340282366920938463463374607431768211456"', hash: null },
    { name: 'far too many digits', value: `"${'9'.repeat(60)}"`, hash: null },
    { name: 'leading zeros', value: '"012"', hash: null },
    { name: 'an exponent', value: '1e3', hash: null },
    { name: 'a fraction', value: '1.0', hash: null },
    { name: 'a sign', value: '-1', hash: null },
    { name: 'space', value: '" 1"', hash: null },
    { name: 'no digits', value: '""', hash: null },
    { name: 'digits written with escapes', value: '"1\\u0032"', hash: '0c'.padStart(32, '0') },
    { name: 'a boolean', value: 'true', hash: null },
  ])('takes as explicit hash key $name', ({ value, hash }) => {
    const bytes = Buffer.from(`{"k":"key","h":${value}}\n{"k":"key"}\n{"h":${value}}\n`);
    const rules = { partitionKey: '/k', explicitHashKey: '/h' };
    check(bytes, rules);
    check(bytes, { ...rules, onMissingKey: 'coordinates' });
    const [first] = expectScan({ ...RULES, ...rules }, bytes);
    expect(first?.kind === 'record' ? first.hash : null).toBe(hash);
  });

  it.each([1, 2, 63, 64, 65, 1024])('refuses nesting over %d, and not at it', (depthMax) => {
    const nest = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const bytes = Buffer.from(`${nest(depthMax)}\n${nest(depthMax + 1)}\n${nest(depthMax)}\n`);
    expect(verdicts({ ...RULES, depthMax }, bytes)).toEqual(['record', 'TOO_DEEP', 'record']);
    check(bytes, { depthMax });
    check(Buffer.from(nest(depthMax).replaceAll('[', '{"a":[').replaceAll(']', ']}')), {
      depthMax: depthMax * 2,
    });
  });

  it('counts no brackets inside strings, and calls a line too deep before it calls it wrong', () => {
    const bytes = Buffer.from('"[[[[[\\"[[[["\n["]]","\\\\"]\n[[[[\n[[[ nonsense\n[[x\n]]]][[[\n');
    const is = ['record', 'record', 'TOO_DEEP', 'TOO_DEEP', 'INVALID_JSON', 'INVALID_JSON'];
    expect(verdicts({ ...RULES, depthMax: 2 }, bytes)).toEqual(is);
    check(bytes, { depthMax: 2 });
  });

  it('survives a million open arrays', () => {
    const bytes = Buffer.from(`${'['.repeat(1_000_000)}\n1\n${'{"a":'.repeat(200_000)}\n`);
    const run = runScanner(under, RULES, bytes);
    expect(run.rejects.map(({ code }) => code)).toEqual(['TOO_DEEP', 'TOO_DEEP']);
    expect(run.tally.records).toBe(1);
  });

  it('takes a line of ten megabytes between short ones', () => {
    const long = `{"a":"${'x'.repeat(10_000_000)}","k":"key"}`;
    const bytes = Buffer.from(`{"k":"1"}\n${long}\n{"k":"2"}\n${long.slice(0, -1)}\n{"k":"3"}`);
    check(bytes, { partitionKey: '/k', recordBytesMax: 11_000_000 }, 16 * 1024 * 1024);
    check(bytes, { partitionKey: '/k' });
  });

  it('judges one line the same at every place relative to blocks and windows', () => {
    const lines = [
      '{"k":"v\\\\","n":-1.5e3,"t":true}',
      '"open',
      '{"é":"\\u00e9"}',
      '[1,2,[3]]',
      '"\\',
      '12345678901234567',
    ];
    for (let shift = 0; shift < 140; shift++) {
      const bytes = Buffer.from(
        `"${'x'.repeat(shift)}"\n${lines.join('\n')}\n${' '.repeat(shift)}${lines.join('\n')}`,
      );
      check(bytes, { partitionKey: '/k', onMissingKey: 'coordinates' });
    }
    for (const shift of [
      32_600, 32_700, 32_730, 32_760, 32_763, 32_764, 32_765, 32_766, 32_767, 32_768, 32_769,
    ]) {
      const bytes = Buffer.from(`"${'x'.repeat(shift)}"\n${lines.join('\n')}\n${lines.join('\n')}`);
      check(bytes, { partitionKey: '/k', onMissingKey: 'coordinates' });
      check(bytes.subarray(0, shift + 2));
    }
  });

  it.each([
    { name: 'exactly at the limit', recordBytesMax: 30, is: 'record' },
    { name: 'one byte over', recordBytesMax: 29, is: 'RECORD_TOO_LARGE' },
  ])('refuses a large record: $name', ({ recordBytesMax, is }) => {
    // 25 bytes of data and 4 of key, and a newline.
    const bytes = Buffer.from('{"k":"key1","v":"345678"}\n');
    const rules = { partitionKey: '/k', appendNewline: true, recordBytesMax };
    expect(verdicts({ ...RULES, ...rules }, bytes)).toEqual([is]);
    check(bytes, rules);
  });

  it('counts and judges without lanes, as a dry run does', () => {
    const bytes = Buffer.from('{"a":1}\n\n{"b":\n[2]\n');
    const run = runScanner(under, { ...RULES, partitionKey: '/a', onMissingKey: 'coordinates' }, bytes, {
      laneCount: 0,
    });
    expect(run.tally).toMatchObject({ lines: 4, blank: 1, rejected: 1, records: 2 });
    expect(run.frames).toEqual([]);
  });

  it(`hands over rejects after ${REJECTS_PER_CALL_MAX} of them`, () => {
    const lines = Array.from({ length: 3 * REJECTS_PER_CALL_MAX + 5 }, (_, i) => (i % 7 === 0 ? '\n1' : '{'));
    const bytes = Buffer.from(lines.join('\n'));
    check(bytes);
    const run = runScanner(under, RULES, bytes);
    expect(run.calls['rejects-full']).toBe(Math.floor((run.rejects.length - 1) / REJECTS_PER_CALL_MAX));
    expect(run.rejects.every(({ message }) => message === REJECT_MESSAGES.INVALID_JSON)).toBe(true);
  });

  it('starts again in the middle of a piece, at any line', () => {
    const bytes = Buffer.from('\ufeff{"a":1}\n\n{\n"x"\r\n[]');
    const rules = { ...RULES, onMissingKey: 'coordinates' as const };
    for (let cut = 0; cut >= 0 && cut < bytes.length; cut = bytes.indexOf('\n', cut) + 1 || -1) {
      const rest = bytes.subarray(cut);
      const run = runScanner(under, rules, rest, { objectOffset: cut });
      expect(seenRun(run)).toEqual(expectedRun(expectScan(rules, rest, cut)));
    }
  });
});

it('has a message for every code that a scanner gives by itself', () => {
  expect(
    Object.keys(REJECT_MESSAGES).every((code) => (REJECT_CODES as readonly string[]).includes(code)),
  ).toBe(true);
});
