/** PortableScanner: what only it does. What it has in common with the native one is in scanner.test.ts and fuzz.test.ts. */
import { expect, it } from 'vitest';
import { PortableScanner } from '../../src/scan/portable.ts';
import { expectedRun, expectScan, RULES, runScanner, seenRun } from './harness.ts';

// It asks once whether a whole piece is ASCII or UTF-8; each of these lines makes another answer of it.
it.each([
  { name: 'ASCII', line: '{"k":"plain"}' },
  { name: 'UTF-8', line: '{"k":"ü, 好, \u{1f600}"}' },
  { name: 'no UTF-8', line: Buffer.from('{"k":"\xff"}', 'latin1') },
])('judges a line the same among lines of other encodings: $name', ({ line }) => {
  const rules = { ...RULES, partitionKey: '/k' };
  const portable = {
    name: 'portable',
    open: (...args: ConstructorParameters<typeof PortableScanner>) => new PortableScanner(...args),
  };
  const newline = Buffer.from('\n');
  const ascii = Buffer.from('{"k":"a\\u00fc"}\n');
  const utf8 = Buffer.from('{"k":"ä"}\n');
  const others = [[], [ascii], [ascii, utf8], [utf8, Buffer.from([0xc3]), newline]];
  for (const before of others) {
    const bytes = Buffer.concat([...before, Buffer.from(line), newline, ascii]);
    expect(seenRun(runScanner(portable, rules, bytes))).toEqual(expectedRun(expectScan(rules, bytes)));
  }
});

it('finds a key under an escaped name whatever names lines before it had', () => {
  const rules = { ...RULES, partitionKey: '/"' };
  const portable = {
    name: 'portable',
    open: (...args: ConstructorParameters<typeof PortableScanner>) => new PortableScanner(...args),
  };
  const values = ['2', '"text"', 'true', 'null', '[1]'].map((value) => `{"é":"","\\"":${value}}\n`);
  const bytes = Buffer.from(`{"é":"","\\\\":1}\n${values.join('')}`);
  // Not held against the oracle, which reads by JSON.parse.
  const { records, rejects } = seenRun(runScanner(portable, rules, bytes));
  expect(records.map(({ key }) => String(key))).toEqual(['2', 'text', 'true']);
  expect(rejects.map(({ code }) => code)).toEqual(['MISSING_KEY', 'MISSING_KEY', 'MISSING_KEY']);
});
