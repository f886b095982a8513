/**
 * Open stage: a stage at work, made from what a run says of it.
 * Takes  a stage as data, its label, and what the stages of a thread share.
 * Gives  the stage, ready to be asked about records.
 * Owns   which file is behind which kind. Each is loaded only where a run has such a stage.
 */
import type { RunningStage, StageSpec } from './stage.ts';

/** What the stages of one thread share. */
export interface StageRoom {
  /** Secret: the key of `hash`. Null where nothing is hashed. */
  readonly hashKey: Uint8Array | null;
}

/** @throws {MillraceError} When the stage cannot be opened. */
export async function openStage(spec: StageSpec, label: string, _room: StageRoom): Promise<RunningStage> {
  switch (spec.kind) {
    case 'use': {
      const { openModule } = await import('./use.ts');
      return openModule(spec, label);
    }
    default:
      throw new RangeError(`There is no stage ${spec.kind}`);
  }
}
