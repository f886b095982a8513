/**
 * JudgingScanner: the verdict of the scanner behind it on every line that the judge lets pass, SCHEMA on those that it refuses, POISON on
 * those that it cannot judge.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Guard } from '../../src/scan/guard.ts';
import { REJECTS_PER_CALL_MAX } from '../../src/scan/scanner.ts';
import { type LineValidator, ValidatingScanner } from '../../src/scan/validating.ts';
import { pieceBytes as linesBytes, rules } from './generators.ts';
import {
  type Expected,
  expectedRun,
  expectScan,
  openLanes,
  RULES,
  type RunOptions,
  runScanner,
  type ScannerUnderTest,
  type ScanRun,
  seenRun,
} from './harness.ts';
import { describeScanners } from './instruction-sets.ts';

/** Lines come in one piece, one by one, or some at a time. */
const CUTS = fc.constantFrom(Number.POSITIVE_INFINITY, 0, 20);

describeScanners((behind) => {
  function run(
    text: Buffer | string,
    validator: LineValidator,
    some = RULES,
    options: RunOptions = {},
    guard = new Guard({ lineCpuMsMax: 60_000 }),
  ) {
    const under: ScannerUnderTest = {
      name: 'judged',
      open: (given, lanes) =>
        new ValidatingScanner(behind.open(given, lanes), validator, given.depthMax, guard),
    };
    return runScanner(under, some, Buffer.from(text), options);
  }

  it('rejects what the judge complains about, with its own words', () => {
    const seen: unknown[] = [];
    const { rejects, tally } = run(' {"a":1} \n{"b":2}\r\n', (value) => {
      seen.push(value);
      return Object.hasOwn(value as object, 'b') ? 'b is not allowed' : null;
    });
    expect(seen).toEqual([{ a: 1 }, { b: 2 }]);
    expect(rejects).toEqual([
      { code: 'SCHEMA', message: 'b is not allowed', start: 10, end: 17, objectOffset: 10 },
    ]);
    expect(tally.records).toBe(1);
  });

  it('does not ask the judge about lines that are wrong already, and asks it before looking for a key', () => {
    const seen: unknown[] = [];
    const validator = (value: unknown) => {
      seen.push(value);
      return 'no';
    };
    const lines = Buffer.concat([Buffer.from('{\n[[]]\n\n[]\n"'), Buffer.from([0xff]), Buffer.from('"\n')]);
    const { rejects } = run(lines, validator, { ...RULES, partitionKey: '/k', depthMax: 1 });
    expect(seen).toEqual([[]]);
    expect(rejects.map(({ code }) => code)).toEqual(['INVALID_JSON', 'TOO_DEEP', 'SCHEMA', 'INVALID_UTF8']);
  });

  it('finds what the oracle finds, in random pieces and rules', () => {
    const isRefused = (value: unknown) => (JSON.stringify(value)?.length ?? 0) % 3 === 0;
    const validator = (value: unknown) => (isRefused(value) ? 'no' : null);
    let refused = 0;
    fc.assert(
      fc.property(linesBytes, rules, fc.constantFrom(0, 5), CUTS, (bytes, some, objectOffset, pieceBytes) => {
        const expected = expectScan(some, bytes, objectOffset).map((line) =>
          validated(line, bytes, objectOffset, isRefused),
        );
        refused += expected.filter((line) => line.kind === 'rejected' && line.code === 'SCHEMA').length;
        const options = { objectOffset, laneCount: 2, isShared: false, pieceBytes };
        expect(seenRun(run(Buffer.from(bytes), validator, some, options))).toEqual(expectedRun(expected));
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('judges many pieces of the same lines under one guard, and none of other lines that lie in the same place', () => {
    const lines = Array.from({ length: 4000 }, (_, i) => `{"i":${i},"pad":"${'x'.repeat(i % 100)}"}`);
    let calls = 0;
    const guard = new Guard({ lineCpuMsMax: 60_000 });
    const runLines = guard.runLines.bind(guard);
    guard.runLines = (work) => {
      calls++;
      return runLines(work);
    };
    const seen = new Set<unknown>();
    const validator = (value: unknown) => {
      const { i } = value as { i: number };
      seen.add(i);
      return i % 10 === 0 ? 'no' : null;
    };
    const { tally, rejects } = run(lines.join('\n'), validator, RULES, { pieceBytes: 8_000 }, guard);
    expect(tally).toMatchObject({ lines: 4000, rejected: 400, records: 3600 });
    expect([seen.size, rejects.length, calls]).toEqual([4000, 400, 1]);

    const scanner = new ValidatingScanner(behind.open(RULES, openLanes(1)), validator, 8, guard);
    const bytes = Buffer.from('{"i":1}\n{"i":2}\n');
    const first = { bytes, start: 0, end: 8, objectOffset: 0, slice: 0, coordinate: Buffer.from('x') };
    expect(scanner.scan({ ...first, lines: { end: 16 } }, 0)).toMatchObject({ status: 'done', records: 1 });
    bytes.write('{"i":0}\n', 8);
    const other = { ...first, start: 8, end: 16, objectOffset: 8, lines: { end: 16 } };
    expect(scanner.scan(other, 8)).toMatchObject({ records: 0, rejected: 1 });
  });

  it('asks once about each line, however often a full lane or full hands stop the scanner', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `{"i":${i},"pad":"${'x'.repeat(i % 200)}"}`);
    const isRefused = (i: number) => i < 2 * REJECTS_PER_CALL_MAX + 3 || i % 5 === 0;
    const seen: number[] = [];
    const validator = (value: unknown) => {
      const { i } = value as { i: number };
      seen.push(i);
      return isRefused(i) ? 'no' : null;
    };
    const { calls, rejects, tally } = run(lines.join('\n'), validator, RULES, { isStingy: true });
    expect(seen).toEqual(lines.map((_, i) => i));
    expect(rejects.length).toBe(seen.filter(isRefused).length);
    expect(tally).toMatchObject({ lines: 5000, rejected: rejects.length, records: 5000 - rejects.length });
    expect(calls['lane-full']).toBeGreaterThan(1);
    expect(calls['rejects-full']).toBe(2);
  });

  it('hands over no more rejects at once than a scanner does, whoever made them', () => {
    const lines = Array.from({ length: 3 * REJECTS_PER_CALL_MAX }, (_, i) => (i % 2 === 0 ? '{' : '1'));
    const { calls, rejects } = run(lines.join('\n'), () => 'no');
    expect(rejects.length).toBe(lines.length);
    expect(calls).toEqual({ 'rejects-full': 2, done: 1 });
  });

  const ENDLESS: Readonly<Record<string, () => void>> = {
    'a loop': () => {
      for (;;);
    },
    'a pattern': () => /^(a+)+\1$/.test(`${'a'.repeat(60)}b`),
    'a loop that catches all': () => {
      for (;;) {
        try {
          for (;;);
        } catch {}
      }
    },
  };
  it.each(Object.keys(ENDLESS))('gives up on each line that never ends, in %s, and on no other', (how) => {
    const isPoison = (i: number) => i === 0 || i === 700 || i === 701 || i === 1999;
    const isRefused = (i: number) => i % 7 === 3;
    const lines = Array.from({ length: 2000 }, (_, i) => `{"i":${i}}`);
    let struck = 0;
    const validator = (value: unknown) => {
      const { i } = value as { i: number };
      if (isPoison(i)) {
        struck++;
        ENDLESS[how]!();
      }
      return isRefused(i) ? 'no' : null;
    };
    let tries = 0;
    const guard = new Guard({ lineCpuMsMax: 10, onTry: () => tries++ });
    const { calls, rejects, tally, frames } = run(
      lines.join('\n'),
      validator,
      RULES,
      { isStingy: true },
      guard,
    );
    expect(struck).toBeGreaterThanOrEqual(8); // Among the others, and alone.
    expect(tries).toBeGreaterThanOrEqual(4);
    const seen = rejects.map(({ code, start, end }) => [code, lines.join('\n').slice(start, end)]);
    const expected = lines.flatMap((line, i) =>
      isPoison(i) ? [['POISON', line]] : isRefused(i) ? [['SCHEMA', line]] : [],
    );
    expect(seen).toEqual(expected);
    expect(tally).toMatchObject({
      lines: 2000,
      blank: 0,
      rejected: expected.length,
      records: 2000 - expected.length,
    });
    expect(dataOf(frames)).toEqual(lines.filter((_, i) => !isPoison(i) && !isRefused(i)).toSorted());
    expect(calls['rejects-full']).toBeGreaterThanOrEqual(3); // So that whoever stops the run is heard.
  });

  it('counts every line once, wherever the guard strikes', () => {
    const lines = Array.from({ length: 1200 }, (_, i) => (i % 11 === 1 ? '' : `{"i":${i}}`));
    // Many slow lines in a row: the guard strikes between them, at any point, and none of them is to blame.
    const validator = (value: unknown) => {
      const { i } = value as { i: number };
      const untilMs = performance.now() + 0.2;
      while (performance.now() < untilMs);
      return i % 2 === 0 ? 'no' : null;
    };
    let tries = 0;
    const guard = new Guard({ lineCpuMsMax: 20, onTry: () => tries++ });
    const { rejects, tally, frames } = run(lines.join('\n'), validator, RULES, {}, guard);
    expect(tries).toBeGreaterThan(5);
    expect(rejects.filter(({ code }) => code !== 'SCHEMA')).toEqual([]);
    const isRefused = (i: number) => i % 2 === 0;
    const kept = lines.filter((line, i) => line !== '' && !isRefused(i));
    expect(dataOf(frames)).toEqual(kept.toSorted());
    const blank = lines.filter((line) => line === '').length;
    const rejected = 1200 - blank - kept.length;
    expect(tally).toMatchObject({ lines: 1200, blank, records: kept.length, rejected });
    expect(rejects.length).toBe(rejected);
  });

  it('gives up on a line on which the judge throws, and says nothing of what is in it', () => {
    const fall = (depth: number): number => 1 + fall(depth + 1);
    const validator = (value: unknown) => {
      if (value === 1) fall(0);
      if (value === 2) throw new TypeError('secret 2');
      return null;
    };
    const { rejects, tally } = run('0\n1\n2\n3\n', validator);
    expect(rejects.map(({ code, message }) => [code, message])).toEqual([
      ['POISON', 'The record cannot be judged: it nests too deep for this schema'],
      ['POISON', 'The record cannot be judged: the schema fails on it'],
    ]);
    expect(tally).toMatchObject({ lines: 4, rejected: 2, records: 2 });
  });
});

function dataOf(frames: ScanRun['frames']): string[] {
  return frames
    .flat()
    .map(({ data }) => data)
    .toSorted();
}

/** The oracle's verdict once a judge has been asked. */
function validated(
  line: Expected,
  bytes: Uint8Array,
  objectOffset: number,
  isRefused: (value: unknown) => boolean,
): Expected {
  const isAsked =
    line.kind === 'record' ||
    (line.kind === 'rejected' && (line.code === 'MISSING_KEY' || line.code === 'RECORD_TOO_LARGE'));
  if (!isAsked) return line;
  const start = line.offset - objectOffset;
  const newline = bytes.indexOf(10, start);
  const end = newline < 0 ? bytes.length : newline;
  const text = Buffer.from(bytes.subarray(start, end)).toString();
  if (!isRefused(JSON.parse(line.offset === 0 ? text.replace(/^\ufeff/, '') : text))) return line;
  const isCrLf = newline >= 0 && end > start && bytes[end - 1] === 0x0d;
  return { kind: 'rejected', offset: line.offset, code: 'SCHEMA', start, end: isCrLf ? end - 1 : end };
}
