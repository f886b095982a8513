/**
 * Enrich stage: a row of a lookup table into each record.
 * Takes  options (enrich-spec.ts). Gives  the stage, which loads its table by itself where there is no run that has done it.
 */
import { openEnrich } from './enrich.ts';
import { type EnrichOptions, enrichSpec } from './enrich-spec.ts';
import { dataStage, type Stage } from './stage-call.ts';

/** Puts a row of a lookup table into each record. */
export function enrich(options: EnrichOptions): Stage {
  return dataStage(enrichSpec(options), openEnrich);
}
