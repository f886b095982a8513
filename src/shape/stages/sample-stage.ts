/**
 * Sample stage: `--sample` as a stage.
 * Takes  a share of all lines. Gives  the stage; the same at work, which goes by where a line lies: the same lines in every run.
 */

import { sampleBelow } from '../prefix/program.ts';
import { sampleNumber, sampleSeed } from '../prefix/sample.ts';
import type { RunningStage, StagePlace, StageSpec } from '../stage.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

/** Keeps a share of the lines. @param percent Over 0 and below 100. */
export function sample(percent: number): Stage {
  return dataStage(specOf('sample', percent), openSample);
}

export function openSample({ percent }: Extract<StageSpec, { kind: 'sample' }>, label: string): RunningStage {
  const below = sampleBelow(percent / 100);
  let seeded: { readonly coordinate: string; readonly seed: number } | null = null;
  const seedOf = ({ coordinate, bucket, key }: StagePlace): number => {
    const at = coordinate ?? `${bucket}/${key}`;
    if (seeded?.coordinate !== at) seeded = { coordinate: at, seed: sampleSeed(Buffer.from(at)) };
    return seeded.seed;
  };
  return textStage(label, (record, place) =>
    sampleNumber(seedOf(place), place.offset) < below ? record.text : null,
  );
}
