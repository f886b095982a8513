/**
 * Stage figures: what each stage of a run has done in this process.
 * Takes  the stages; the tally of the process; what the scanner, and stages in JavaScript, have counted and measured themselves.
 * Gives  a row for each stage, in their order.
 * Owns   the figures of what the scanner does. Most of them cost it nothing, because they follow from the tally; its times are measured on a few lines, and
 *        stand for all that have come to the stage.
 */
import { formatCount, formatDuration } from '../base/quantity.ts';
import type { Tally } from '../journal/tally.ts';
import { STAGE_TIME } from '../scan/shaper.ts';
import type { PrefixFigures, StageFigures } from '../shape/figures.ts';
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
  /** In all threads together, from one line in some; null: no line that came here was measured. */
  readonly timeMs: number | null;
}

/** Codes of lines that no stage but the sample sees. */
const UNREADABLE = ['INVALID_JSON', 'INVALID_UTF8', 'TOO_DEEP'];

/** @param later In their order. */
export function stageReports(
  stages: Stages | null,
  tally: Pick<Tally, 'lines' | 'blank' | 'filtered' | 'codes'>,
  prefix: PrefixFigures,
  later: readonly StageFigures[] = [],
): StageReport[] {
  if (stages === null) return [];
  const { where, sample, edits } = stages;
  const unreadable = UNREADABLE.reduce((sum, code) => sum + (tally.codes[code] ?? 0), 0);
  const failed = failedConditions(stages, tally.codes.FILTER ?? 0, later);
  const into = tally.lines - tally.blank;
  const { unsampled } = prefix;
  const valid = into - unsampled - unreadable;
  // What comes to the first stage in JavaScript has passed the scanner.
  const passed = later[0]?.in ?? valid - (tally.filtered - unsampled) - failed;
  const rows: StageReport[] = [];
  const add = (kind: PrefixKind, enters: number, leaves: number, fails: number) => {
    // A run that is cut may have counted lines in one place and not in the other.
    const dropped = Math.max(0, enters - leaves - fails);
    const counts = { in: enters, out: leaves, dropped, failed: fails };
    rows.push({ label: kind.toLowerCase(), ...counts, timeMs: timeOf(prefix, kind, enters) });
  };
  if (sample !== null) add('SAMPLE', into, into - unsampled, 0);
  if (where !== null) add('WHERE', valid, passed, failed);
  if (edits.length > 0) add('EDITS', passed, passed, 0);
  return [...rows, ...later.map((stage) => ({ ...stage, timeMs: Math.round(stage.timeMs) }))];
}

type PrefixKind = 'SAMPLE' | 'WHERE' | 'EDITS';

function timeOf({ times }: PrefixFigures, kind: PrefixKind, lines: number): number | null {
  const timed = times[STAGE_TIME[kind]]!;
  if (timed === 0) return lines === 0 ? 0 : null;
  return Math.round(((times[STAGE_TIME[kind] + 1]! / timed) * lines) / 1e6);
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
