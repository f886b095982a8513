/**
 * Left out by: which stage of a run leaves a line out.
 * Takes  lines of which no record and no dead letter has come. Gives  the stage's label, and why.
 * Owns   stages of its own: they are asked once more, about these lines alone.
 */
import { Guard } from '../scan/guard.ts';
import { Pipeline } from '../shape/pipeline.ts';
import { createLineShaper } from '../shape/prefix/line-shaper.ts';
import { VERDICTS } from '../shape/prefix/where.ts';
import { openStages } from '../shape/stages/open-stage.ts';
import { type Stages, TRANSFORM_TIMEOUT_MS } from '../shape/stages.ts';
import type { SourceObject } from '../source/object.ts';
import { coordinateOf } from './parse-pool.ts';

export interface LeftOut {
  readonly stage: string;
  readonly reason: string;
}

export interface LeftOutBy {
  /** @param text As the scanner takes it. @returns Null: no stage leaves it out. */
  ask(text: string, object: SourceObject, offset: number): Promise<LeftOut | null>;
  close(): Promise<void>;
}

/** What the verdicts of a condition mean for a line that it leaves out. */
const WHY: Readonly<Record<(typeof VERDICTS)[number], string>> = {
  match: '',
  'no match': 'the condition is not true for it',
  missing: 'it lacks a field that the condition asks for',
  error: 'the condition has no answer for it',
};

export async function openLeftOutBy(stages: Stages): Promise<LeftOutBy> {
  const { where, timeoutMs = TRANSFORM_TIMEOUT_MS } = stages;
  const shaper = createLineShaper(stages);
  const running = await openStages(stages);
  const pipeline = new Pipeline(running, { guard: new Guard({ lineCpuMsMax: timeoutMs }), timeoutMs });
  return {
    async ask(text, object, offset) {
      const { bucket, key, lastModifiedMs } = object;
      const coordinate = coordinateOf(object);
      if (!shaper.isSampled(Buffer.from(coordinate), offset))
        return { stage: 'sample', reason: 'it is not one of the lines that the sample takes' };
      const place = { bucket, key, modifiedMs: lastModifiedMs || null };
      const value = parsedOf(text);
      if (value === undefined) return null;
      const shaped = shaper.shape(text, value, place, offset);
      if (where !== null && shaped.kind !== 'kept')
        return { stage: 'where', reason: WHY[VERDICTS[shaper.verdictOf(text, place, offset)]!] };
      const left = shaped.kind === 'kept' ? shaped.text : text;
      await pipeline.run({
        count: 1,
        textAt: () => left,
        valueAt: () => JSON.parse(left) as unknown,
        placeAt: () => ({ ...place, offset, coordinate }),
      });
      const found = pipeline.takeFigures().find(({ dropped }) => dropped > 0);
      return found === undefined ? null : { stage: found.label, reason: 'it gives nothing for it' };
    },
    close: () => pipeline.close(),
  };
}

/** Undefined where it is not JSON. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
