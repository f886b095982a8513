/**
 * Stages: what `millrace/stages` gives to programs: stages to call, to put into a pipe, and to name to a run.
 *
 * `export default pipe(where('record.level == "error"'), drop('/user/mail'), format('[{/ts}] {/message}'))`
 */

export type { StagePlace, StageSpec } from '../stage.ts';
export { StageFailure } from '../stage-failure.ts';
export { coerce } from './coerce.ts';
export { drop, hash, rename, set } from './edit-stages.ts';
export type { EnrichOptions } from './enrich-spec.ts';
export { enrich } from './enrich-stage.ts';
export { type EnrichWithOptions, enrichWith } from './enrich-with.ts';
export { format } from './format.ts';
export { flatMap, map, tap } from './functions.ts';
export {
  type AskService,
  type Lookup,
  LookupError,
  type LookupKey,
  type LookupOptions,
} from './lookup.ts';
export { pick } from './pick.ts';
export { type Pipe, pipe } from './pipe.ts';
export { sample } from './sample-stage.ts';
export type { Stage } from './stage-call.ts';
export { use } from './use-stage.ts';
export { where } from './where-stage.ts';
