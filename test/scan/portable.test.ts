/** Portable scanner: what it does beside the rest; that it agrees with the oracle is shown in scanner.test.ts. */
import { expect, it } from 'vitest';
import { type LineJudge, PortableScanner } from '../../src/scan/portable.ts';
import { RULES, runScanner } from './harness.ts';

function run(text: string, judge: LineJudge, rules = RULES) {
  const under = { name: 'judged', open: (...[some, lanes]: Parameters<typeof open>) => open(some, lanes) };
  function open(some: typeof RULES, lanes: ConstructorParameters<typeof PortableScanner>[1]) {
    return new PortableScanner(some, lanes, judge);
  }
  return runScanner(under, rules, Buffer.from(text));
}

it('rejects what the judge complains about, with its own words', () => {
  const seen: string[] = [];
  const { rejects, tally } = run(' {"a":1} \n{"b":2}\r\n', (text) => {
    seen.push(text);
    return text.includes('b') ? 'b is not allowed' : null;
  });
  expect(seen).toEqual(['{"a":1}', '{"b":2}']);
  expect(rejects).toEqual([
    { code: 'SCHEMA', message: 'b is not allowed', start: 10, end: 17, objectOffset: 10 },
  ]);
  expect(tally.records).toBe(1);
});

it('does not ask the judge about lines that are wrong already, and asks it before looking for a key', () => {
  const seen: string[] = [];
  const rules = { ...RULES, partitionKey: '/k', depthMax: 1 };
  const { rejects } = run(
    '{\n[[]]\n\n[]\n',
    (text) => {
      seen.push(text);
      return 'no';
    },
    rules,
  );
  expect(seen).toEqual(['[]']);
  expect(rejects.map(({ code }) => code)).toEqual(['INVALID_JSON', 'TOO_DEEP', 'SCHEMA']);
});
