/** Outputs: bytes that stages have made of lines, in both scanners: each record has the place of its line, not of its bytes. */
import { describe, expect, it } from 'vitest';
import { OUTPUT_COLUMNS, type Outputs, type RecordRules, type ScanResult } from '../../src/scan/scanner.ts';
import { openLanes, RULES, readAll, scannersUnderTest } from './harness.ts';

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
