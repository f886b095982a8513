/**
 * Edit stages: drop, set, rename and hash as stages: every character that they do not name stays as it is.
 * Takes  JSON Pointers, and what belongs to them. Gives  stages; the same at work.
 */
import { Editor } from '../prefix/edit.ts';
import type { RunningStage, StageSpec } from '../stage.ts';
import { refuseWithoutKey } from './hash-key.ts';
import type { StageRoom } from './open-stage.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

type EditSpec = Extract<StageSpec, { kind: 'drop' | 'set' | 'rename' | 'hash' }>;

/** Takes a member out, like `--drop`. */
export function drop(pointer: string): Stage {
  return dataStage(specOf('drop', pointer), openEdit);
}

/** Gives a member this value, like `--set`: adds it where its object is there. @param value What JSON can hold. */
export function set(pointer: string, value: unknown): Stage {
  return dataStage(specOf('set', { [pointer]: value }), openEdit);
}

/** Gives a member this name, like `--rename`. */
export function rename(pointer: string, name: string): Stage {
  return dataStage(specOf('rename', { [pointer]: name }), openEdit);
}

/** Puts a keyed hash in place of a value, like `--hash`. The key is that of the run; of a plain call the variable MILLRACE_HASH_KEY. */
export function hash(pointer: string): Stage {
  return dataStage(specOf('hash', pointer), openEdit);
}

/** @throws {OptionsError} When there is no key for a hash. */
export function openEdit(spec: EditSpec, label: string, room: StageRoom): RunningStage {
  const hashKey = spec.kind === 'hash' ? (room.hashKey ?? refuseWithoutKey()) : null;
  const editor = new Editor({ edits: [spec], hashKey });
  return textStage(label, ({ text }) => editor.apply(text));
}
