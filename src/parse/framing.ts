/**
 * Framing: the way of an object whose records are values of JSON, and not lines, to the slicer.
 * Takes  the object's content, chunk by chunk; what earlier processes have done with it.
 * Gives  values and losses to the slicer, except those that are dealt with.
 * Owns   what becomes of a loss: its dead letter. Values that nobody wants again are judged here, because what follows hangs on it.
 */

import { workWithin } from '../ring/ranges.ts';
import { openValueFinder } from '../scan/open.ts';
import type { ValueLines } from '../scan/values.ts';
import type { Delivered, ParseSetup, RejectedLine } from './setup.ts';
import type { LineSource } from './slice-cut.ts';
import type { Slicer } from './slicer.ts';
import { type Loss, ValueCutter, type ValueCutterOptions } from './value-cutter.ts';

export interface FramingParts {
  readonly setup: Pick<ParseSetup, 'framing' | 'lineBytesMax'> & Partial<Pick<ParseSetup, 'isPortable'>>;
  readonly slicer: Pick<Slicer, 'scanValues' | 'rejectOversize'>;
  readonly delivered: Delivered;
  /** The piece that is reported for what comes out now. */
  readonly current: () => LineSource;
  /** Of the object only these bytes are there. */
  readonly part?: Pick<ValueCutterOptions, 'offset' | 'isInArray'>;
}

/** @returns What cuts one object. */
export function openFraming(parts: FramingParts): ValueCutter {
  const { setup, slicer, delivered, current, part } = parts;
  const { done, left } = delivered;
  return new ValueCutter(
    {
      finder: openValueFinder(setup.isPortable ?? false),
      valueBytesMax: setup.lineBytesMax,
      tokens: setup.framing!.tokens,
      ...part,
    },
    {
      async values(lines, start, end) {
        let row = 0;
        for (const { start: rangeStart, end: rangeEnd, only } of workWithin(start, end, done, left)) {
          const first = rowAt(lines, rangeStart, row);
          const damaged = lines.judge(row, first);
          if (damaged < first) return damaged;
          row = rowAt(lines, rangeEnd, first);
          if (row === first) continue;
          const range = { lines, first, end: row, rangeStart, rangeEnd, only };
          const reached = await slicer.scanValues(current(), range);
          if (reached < row) return reached;
        }
        return lines.judge(row, lines.count);
      },
      loss(loss, start, end) {
        if (workWithin(start, end, done, []).length > 0)
          slicer.rejectOversize(rejectOf(loss, current().piece), start, end);
      },
    },
  );
}

/** The first value from `row` on that lies at or behind this offset. */
function rowAt(lines: ValueLines, offset: number, row: number): number {
  let at = row;
  while (at < lines.count && lines.offsetOf(at) < offset) at++;
  return at;
}

const LOSSES = {
  damaged: [
    'INVALID_JSON',
    'is not valid JSON; nothing is known of what follows up to where the next value begins',
  ],
  'too-long': ['RECORD_TOO_LARGE', 'is too long'],
  'no-array': ['FRAMING', 'has no array where --framing points'],
} as const;

function rejectOf({ kind, objectOffset, length, data }: Loss, piece: number): RejectedLine {
  const [code, what] = LOSSES[kind];
  const subject = kind === 'no-array' ? 'The document' : 'The value';
  const rest =
    data.byteLength < length ? `: ${length} bytes, of which data holds the first ${data.byteLength}` : '';
  return { piece, code, message: `${subject} ${what}${rest}`, objectOffset, length, data };
}
