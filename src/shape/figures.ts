/**
 * Figures: what each stage has done, as cells that can be added up.
 * Takes  cells of one or many lines. Gives  the same by the labels of stages.
 * Owns   where what stands.
 */
import { STAGE_TIME } from '../scan/shaper.ts';

/** What a stage has done: records in and out, those that it dropped, those that failed in it, and its time (sampled). */
export interface StageFigures {
  readonly label: string;
  in: number;
  out: number;
  dropped: number;
  failed: number;
  timeMs: number;
}

/** What the scanner has done of the stages in front of these. */
export interface PrefixFigures {
  /** Lines that are not of the sample. */
  unsampled: number;
  /** STAGE_TIME (src/scan/shaper.ts): what was measured on a few lines of all. */
  readonly times: Float64Array;
}

/** Figures of nothing. */
export function prefixFigures(): PrefixFigures {
  return { unsampled: 0, times: new Float64Array(STAGE_TIME.CELLS) };
}

export function addPrefixFigures(sum: PrefixFigures, part: PrefixFigures): void {
  sum.unsampled += part.unsampled;
  for (const [cell, measured] of part.times.entries()) sum.times[cell]! += measured;
}

/** Cells of a stage. */
export const FIGURE = { IN: 0, OUT: 1, DROPPED: 2, FAILED: 3, TIME: 4 } as const;
export const FIGURE_CELLS = 5;

/** Reads the cells of all stages, and makes them zero. */
export function takeFigures(labels: readonly string[], cells: Float64Array): StageFigures[] {
  const taken = labels.map((label, stage) => {
    const [into, out, dropped, failed, timeMs] = cells.subarray(stage * FIGURE_CELLS);
    return { label, in: into!, out: out!, dropped: dropped!, failed: failed!, timeMs: timeMs! };
  });
  cells.fill(0);
  return taken;
}

/** Adds what a thread tells to what is known, in the order of the stages. */
export function addFigures(sum: StageFigures[], part: readonly StageFigures[]): void {
  for (const [stage, figures] of part.entries()) {
    const known = sum[stage];
    if (known === undefined) sum.push({ ...figures });
    else
      for (const name of ['in', 'out', 'dropped', 'failed', 'timeMs'] as const) known[name] += figures[name];
  }
}
