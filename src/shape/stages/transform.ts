/**
 * Transform: what `millrace/transform` gives to modules of `--transform`: their types, and nothing that costs.
 *
 * `export default defineTransform({ record: (value, source) => ({ ...value, from: source.key }) })`
 */
import type { StagePlace } from '../stage.ts';
import type { Transform, TransformContext } from './use.ts';

export type { StagePlace, Transform, TransformContext };

/**
 * Types a transform: an object with `record`, and `open` and `close` where it needs them, or `record` alone.
 * @returns What it was given.
 */
export function defineTransform<const Given extends Transform | Transform['record']>(
  transform: Given,
): Given {
  return transform;
}
