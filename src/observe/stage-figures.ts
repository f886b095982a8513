/**
 * Stage figures: what each stage of a run has done in this process.
 * Takes  the stages; the tally of the process; what stages in JavaScript have counted themselves.
 * Gives  a row for each stage, in their order.
 * Owns   the figures of what the scanner does. It counts nothing for them, so that they cost nothing: they follow from the tally. Where a sample and a
 *        condition both leave lines out, nobody knows which of them it was, and they are one row.
 */
import { formatCount, formatDuration } from '../base/quantity.ts';
import type { Tally } from '../journal/tally.ts';
import type { StageFigures } from '../shape/figures.ts';
import type { Stages } from '../shape/stages.ts';

/** Of one stage: records, or lines in front of the first stage in JavaScript. */
export interface StageReport {
  /** `sample`, `where`, `edits`; of a stage in JavaScript its place in the order written, and its kind. */
  readonly label: string;
  readonly in: number;
  readonly out: number;
  readonly dropped: number;
  /** Dead letters. */
  readonly failed: number;
  /** In all threads together, from one line in some; null: it is part of scanning, and not known. */
  readonly timeMs: number | null;
}

/** Codes of lines that no stage but the sample sees. */
const UNREADABLE = ['INVALID_JSON', 'INVALID_UTF8', 'TOO_DEEP'];

/** @param later In their order. */
export function stageReports(
  stages: Stages | null,
  tally: Pick<Tally, 'lines' | 'blank' | 'filtered' | 'codes'>,
  later: readonly StageFigures[] = [],
): StageReport[] {
  if (stages === null) return [];
  const { where, sample, edits } = stages;
  const unreadable = UNREADABLE.reduce((sum, code) => sum + (tally.codes[code] ?? 0), 0);
  const failed = failedConditions(stages, tally.codes.FILTER ?? 0, later);
  const into = tally.lines - tally.blank;
  const valid = into - unreadable;
  // What comes to the first stage in JavaScript has passed the scanner.
  const passed = later[0]?.in ?? valid - tally.filtered - failed;
  const rows: StageReport[] = [];
  if (where === null && sample !== null) rows.push(rowOf('sample', into, passed + unreadable, 0));
  if (where !== null) rows.push(rowOf(sample === null ? 'where' : 'sample, where', valid, passed, failed));
  if (edits.length > 0) rows.push(rowOf('edits', passed, passed, 0));
  return [...rows, ...later.map((stage) => ({ ...stage, timeMs: Math.round(stage.timeMs) }))];
}

function rowOf(label: string, into: number, out: number, failed: number): StageReport {
  // A run that is cut may have counted lines in one place and not in the other.
  return { label, in: into, out, dropped: Math.max(0, into - out - failed), failed, timeMs: null };
}

/** Those of the scanner: conditions in JavaScript count their own. */
function failedConditions(
  { where, onWhereError }: Stages,
  failed: number,
  later: readonly StageFigures[],
): number {
  if (where === null || onWhereError !== 'dead-letter') return 0;
  const others = later.filter(({ label }) => label.endsWith(' where'));
  return Math.max(
    0,
    others.reduce((left, stage) => left - stage.failed, failed),
  );
}

/** One line for people. */
export function formatStage({ label, in: into, out, dropped, failed, timeMs }: StageReport): string {
  const counts = [
    [dropped, 'filtered'],
    [failed, 'failed'],
  ] as const;
  const rest = counts.filter(([n]) => n > 0).map(([n, name]) => `, ${formatCount(n)} ${name}`);
  const time = timeMs === null ? '' : `, ${formatDuration(timeMs)}`;
  return `${label}: ${formatCount(into)} in, ${formatCount(out)} out${rest.join('')}${time}`;
}
