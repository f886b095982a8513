/** Alike: lines that are made like those before come to the same, in every scanner, as if each stood alone. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type LineShaper, STAGE_TIME } from '../../../src/scan/shaper.ts';
import { createLineShaper } from '../../../src/shape/prefix/line-shaper.ts';
import { Where } from '../../../src/shape/prefix/where.ts';
import { type Edit, problemsOf } from '../../../src/shape/stages.ts';
import { RULES, runScanner, type ScannerUnderTest, scannersUnderTest } from '../../scan/harness.ts';
import { describeScanners, tellUntried } from '../../scan/instruction-sets.ts';
import { alikeLines } from './alike-lines.ts';
import { condition, edit } from './generators.ts';

interface Shaping {
  readonly where: string | null;
  readonly edits: readonly Edit[];
  readonly partitionKey: string | null;
  readonly sample?: number | null;
}

/** Of each line: its record, or the code of its reject, or nothing. */
function outcome(under: ScannerUnderTest, shaping: Shaping, lines: readonly string[], depthMax = 1024) {
  return run(under, shaping, lines, depthMax).fates;
}

function shaperOf({ where, edits, sample = null }: Omit<Shaping, 'partitionKey'>): LineShaper {
  const more = { onWhereError: 'dead-letter' as const, hashKey: Buffer.from('key'), later: [] };
  return createLineShaper({ where, edits, sample, ...more });
}

function run(under: ScannerUnderTest, shaping: Shaping, lines: readonly string[], depthMax = 1024) {
  const { partitionKey } = shaping;
  const rules = { ...RULES, depthMax, partitionKey, onMissingKey: 'coordinates' as const };
  const { frames, rejects, tally } = runScanner(under, rules, Buffer.from(lines.join('\n')), {
    shaper: shaperOf(shaping),
    capacityBytes: 1 << 20,
  });
  const seen = new Map<number, string>();
  for (const { lineOffset, key, data } of frames.flat()) seen.set(lineOffset, `${key} ${data}`);
  for (const { objectOffset, code } of rejects) seen.set(objectOffset, code);
  let offset = 0;
  const fates = lines.map((line) => {
    const fate = seen.get(offset) ?? 'filtered';
    offset += Buffer.byteLength(line) + 1;
    return fate;
  });
  return { fates, tally };
}

function isReadable(text: string): boolean {
  try {
    return new Where(text) !== null;
  } catch {
    return false;
  }
}

/** MILLRACE_FUZZ_CASES, where that is less: an emulated or sanitized scanner is slow. */
const cases = Math.min(3000, Number(process.env.MILLRACE_FUZZ_CASES ?? 3000));

it('comes to the same in every scanner, over generated lines that are made alike, but for a few', {
  timeout: 120_000,
}, () => {
  const under = scannersUnderTest();
  const counts = { record: 0, filtered: 0, INVALID_JSON: 0, unsampled: 0 };
  fc.assert(
    fc.property(
      fc.record({
        where: fc.option(condition.filter(isReadable), { freq: 4 }),
        edits: fc.oneof(
          fc.constant([]),
          fc.array(edit, { maxLength: 3 }).filter((edits) => problemsOf(edits).length === 0),
        ),
        partitionKey: fc.constantFrom(null, '/a', '/b/a', '/constructor', ''),
        sample: fc.constantFrom(null, null, 0.6),
      }),
      alikeLines,
      (shaping, lines) => {
        const [first, ...others] = under.map((scanner) => run(scanner, shaping, lines));
        counts.unsampled += first!.tally.unsampled;
        for (const fate of first!.fates) counts[fate in counts ? (fate as 'filtered') : 'record']++;
        for (const other of others) expect(other).toEqual(first);
      },
    ),
    { numRuns: cases },
  );
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(cases / 4);
});

tellUntried();

describeScanners((under) => {
  it('measures what a sample, a condition and edits take, on a few of its lines', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `{"a":${i},"long name":"${'x'.repeat(i % 90)}"}`);
    const edits = [{ kind: 'hash' as const, pointer: '/long name' }];
    const stages = { where: 'record.a < 4000', edits, sample: 0.9 };
    // A thread that stands still meanwhile is not measured.
    for (let timed = [0]; timed.includes(0); ) {
      const shaper = shaperOf(stages);
      const text = Buffer.from(lines.join('\n'));
      const rules = { ...RULES, onMissingKey: 'coordinates' as const };
      const { tally } = runScanner(under, rules, text, { shaper, capacityBytes: 1 << 20 });
      expect(tally).toMatchObject({ lines: lines.length, rejected: 0 });
      expect(tally.unsampled / lines.length).toBeCloseTo(0.1, 1);
      expect(tally.filtered).toBeGreaterThan(tally.unsampled);
      timed = [STAGE_TIME.SAMPLE, STAGE_TIME.WHERE, STAGE_TIME.EDITS].map((cell) => shaper.times[cell]!);
      const [ofSample, ofWhere, ofEdits] = timed as [number, number, number];
      expect([ofSample >= ofWhere, ofWhere >= ofEdits, ofSample <= lines.length / 4]).not.toContain(false);
      const nanoseconds = shaper.times.filter((_, cell) => cell % 2 === 1 && shaper.times[cell - 1]! > 0);
      expect([...nanoseconds].every((spent) => spent >= 0 && spent < 1e10)).toBe(true);
    }
  });

  const judge = (where: string, lines: readonly string[], depthMax?: number) =>
    outcome(under, { where, edits: [], partitionKey: null }, lines, depthMax).map((fate) =>
      fate.includes('{') ? 'record' : fate,
    );
  const known = Array.from({ length: 8 }, (_, i) => `{"a":${i},"long name":"x","o":{"b":[1]}}`);

  it.each<[line: string, fate: string]>([
    ['{"a":3,"long name":"x","o":{"b":[1]}}', 'record'],
    ['{"a":"3","long name":"x","o":{"b":[1]}}', 'filtered'],
    ['{"b":3,"long name":"x","o":{"b":[1]}}', 'filtered'],
    ['{"ab":3,"long name":"x","o":{"b":[1]}}', 'filtered'],
    ['{"a":3,"long name":"x","o":{"b":[[]}}', 'INVALID_JSON'],
    ['{"a":3,"long nama":"x","o":{"b":[1]}}', 'filtered'],
    ['{"a":3,"long name":"x","o":{"c":[1]}}', 'filtered'],
    ['{"a":3,"long name":"x","a":{"b":[1]}}', 'filtered'],
    ['{"\\u0061":3,"long\\u0020name":"x","o":{"b":[1]}}', 'record'],
    ['{"a":[,"long name":"x","o":{"b":]]}}', 'INVALID_JSON'],
    ['{"a":},"long name":"x","o":{"b":[1]}}', 'INVALID_JSON'],
    ['{"a":3,"long name":,,"o":{"b":[1]}}', 'INVALID_JSON'],
    ['{"a":03,"long name":"x","o":{"b":[1]}}', 'INVALID_JSON'],
    ['{"a":3,"long name":"\u0002","o":{"b":[1]}}', 'INVALID_JSON'],
  ])('behind eight others, %s is: %s', (line, fate) => {
    const text = 'record.a == 3 && record["long name"] == "x" && has(record.o.b)';
    expect(judge(text, [...known, line, known[3]!, line])).toEqual([
      ...known.map((_, i) => (i === 3 ? 'record' : 'filtered')),
      ...[fate, 'record', fate],
    ]);
  });

  it('knows lines of more kinds than it keeps in mind', () => {
    const kinds = ['"b":1', '"c":[2]', '"b":{"a":3}', '"ab":4', '"a":5', '"x":[],"y":0', '"long name":6'];
    const lines = Array.from({ length: 200 }, (_, i) => {
      const kind = kinds[(i < 100 ? i : i >> 2) % kinds.length]!;
      return i % 2 === 0 ? `{"a":${i % 9},${kind}}` : `{${kind},"a":${i % 9}}`;
    });
    const wanted = lines.map((line) => ((JSON.parse(line) as { a: number }).a >= 4 ? 'record' : 'filtered'));
    expect(judge('record.a >= 4', lines)).toEqual(wanted);
  });

  it('looks no further than the last line, wherever it ends', () => {
    const lines = Array.from({ length: 9 }, (_, i) => `{"a":${i}}`);
    for (const end of ['}', '} ', ' }', '"}', '']) {
      const text = [...lines.slice(0, 8), `{"a":8${end}`];
      const [portable] = scannersUnderTest();
      const shaping = { where: 'record.a >= 3', edits: [], partitionKey: '/a' };
      expect(outcome(under, shaping, text)).toEqual(outcome(portable!, shaping, text));
    }
  });
});
