/** Figures of stages: what follows from the tally, and what stages have counted themselves. */
import { expect, it } from 'vitest';
import { stageReports } from '../../src/observe/stage-figures.ts';
import { STAGE_TIME } from '../../src/scan/shaper.ts';
import { type PrefixFigures, prefixFigures, type StageFigures } from '../../src/shape/figures.ts';
import type { Stages } from '../../src/shape/stages.ts';

const NONE: Stages = {
  where: null,
  onWhereError: 'dead-letter',
  edits: [],
  hashKey: null,
  sample: null,
  later: [],
};
const where = { where: 'record.a == 1' };
const edits = { edits: [{ kind: 'drop' as const, pointer: '/a' }] };
const tally = (filtered: number, codes: Record<string, number> = {}) => ({
  lines: 1000,
  blank: 10,
  filtered,
  codes,
});
const unsampled = (count: number): PrefixFigures => ({ ...prefixFigures(), unsampled: count });
const BAD = { INVALID_JSON: 5, INVALID_UTF8: 3, TOO_DEEP: 2, SCHEMA: 9, MISSING_KEY: 7 };
const counted = (label: string, more: Partial<StageFigures>): StageFigures => ({
  ...{ label, in: 0, out: 0, dropped: 0, failed: 0, timeMs: 1 },
  ...more,
});

it.each<[string, Partial<Stages>, ReturnType<typeof tally>, object[], PrefixFigures?]>([
  [
    'a sample sees all that is not blank',
    { sample: 0.1 },
    tally(890, BAD),
    [{ label: 'sample', in: 990, out: 100, dropped: 890, failed: 0 }],
    unsampled(890),
  ],
  [
    'a condition sees valid lines, and its failures are dead letters',
    where,
    tally(500, { ...BAD, FILTER: 80 }),
    [{ label: 'where', in: 980, out: 400, dropped: 500, failed: 80 }],
  ],
  [
    'a condition whose failures are dropped has none',
    { ...where, onWhereError: 'drop' as const },
    tally(500),
    [{ label: 'where', in: 990, out: 490, dropped: 500, failed: 0 }],
  ],
  [
    'a condition sees what the sample has taken, but for lines that are no JSON, and edits see what is left',
    { ...where, ...edits, sample: 0.5 },
    tally(900, { ...BAD, FILTER: 10 }),
    [
      { label: 'sample', in: 990, out: 480, dropped: 510, failed: 0 },
      { label: 'where', in: 470, out: 70, dropped: 390, failed: 10 },
      { label: 'edits', in: 70, out: 70, dropped: 0, failed: 0 },
    ],
    unsampled(510),
  ],
  [
    'edits alone see all valid lines',
    edits,
    tally(0, BAD),
    [{ label: 'edits', in: 980, out: 980, dropped: 0, failed: 0 }],
  ],
])('%s', (_, stages, sums, rows, prefix = prefixFigures()) => {
  const reports = stageReports({ ...NONE, ...stages }, sums, prefix);
  expect(reports).toEqual(rows.map((row) => ({ ...row, timeMs: null })));
});

it('without stages there is none', () => expect(stageReports(null, tally(0), prefixFigures())).toEqual([]));

it('what a few lines took in the scanner stands for all that have come to the stage', () => {
  const prefix = unsampled(500);
  const measured = { SAMPLE: [10, 1e6], WHERE: [7, 7e6], EDITS: [1, 2e6] } as const;
  for (const [stage, cells] of Object.entries(measured))
    prefix.times.set(cells, STAGE_TIME[stage as keyof typeof measured]);
  const rows = stageReports({ ...NONE, ...where, ...edits, sample: 0.5 }, tally(600), prefix);
  expect(rows.map(({ label, in: into, timeMs }) => [label, into, timeMs])).toEqual([
    ['sample', 990, 99],
    ['where', 490, 490],
    ['edits', 390, 780],
  ]);
});

it('a stage that no line has come to took no time', () => {
  const [row] = stageReports({ ...NONE, ...where }, { ...tally(0), lines: 10 }, prefixFigures());
  expect(row).toEqual({ label: 'where', in: 0, out: 0, dropped: 0, failed: 0, timeMs: 0 });
});

it('stages in JavaScript follow with what they have counted, and what they drop is not the condition’s', () => {
  const later = [
    counted('3 where', { in: 600, out: 590, failed: 10 }),
    counted('4 use', { in: 590, out: 900, dropped: 190, timeMs: 7 }),
  ];
  const rows = stageReports(
    { ...NONE, ...where, ...edits },
    tally(540, { FILTER: 50 }),
    prefixFigures(),
    later,
  );
  expect(rows).toEqual([
    { label: 'where', in: 990, out: 600, dropped: 350, failed: 40, timeMs: null },
    { label: 'edits', in: 600, out: 600, dropped: 0, failed: 0, timeMs: null },
    ...later,
  ]);
});
