/**
 * Use: a stage that somebody else wrote, as a module of JavaScript or TypeScript.
 * Takes  the module's place and the name of its export: a function of a record, an object with `record`, and `open` and `close` if it
 *        needs them, or a stage or pipe of `millrace/stages`.
 * Gives  the stage at work; where a module cannot be loaded, the file, the line and the reason.
 * Never  keeps a module from doing what Node lets it do: it is the user's own code.
 */

import { MillraceError, OptionsError } from '../../base/errors.ts';
import { EXIT } from '../../base/exit-code.ts';
import type { RunningStage, StagePlace, StageResult, StageSpec } from '../stage.ts';
import { type LoadedModule, ModuleLoader } from './module-loader.ts';
import type { StageRoom } from './open-stage.ts';
import type { Pipe } from './pipe.ts';
import { OPEN, type Stage } from './stage-call.ts';

type UseSpec = Extract<StageSpec, { kind: 'use' }>;

/** What `open` is told. */
export interface TransformContext {
  /** The stage's name in reports and dead letters. */
  readonly label: string;
}

/** What a module of `--transform` exports, if it is no plain function. */
export interface Transform {
  /** Once in each thread, before its first record. */
  open?(context: TransformContext): void | Promise<void>;
  /** Nothing, one record, an array of records, or bytes that go out as they are. */
  record(value: unknown, source: StagePlace): StageResult | Promise<StageResult>;
  /** Once in each thread, behind its last record. */
  close?(): void | Promise<void>;
}

/** @throws {OptionsError} When the module cannot be loaded, has no such export, or is not the one that was looked at before. */
export async function openModule(spec: UseSpec, label: string, room: StageRoom): Promise<RunningStage> {
  const { exported, hash } = await loadTransform(spec, room.modules ?? new ModuleLoader());
  if (spec.hash !== '' && hash !== spec.hash)
    throw new OptionsError([`Cannot use --transform ${spec.module}: it was changed while the run began.`]);
  if (spec.part !== undefined) return openPart(spec, exported, label, room);
  const open = (exported as Partial<Stage>)[OPEN];
  if (open !== undefined) return open(label, room);
  if (typeof exported === 'function') {
    const run = exported as Transform['record'];
    return { label, run: (value, place) => run(value, place) };
  }
  const transform = exported as Transform;
  try {
    await transform.open?.({ label });
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const message = `Stage ${label} cannot be opened: ${why}; run the same command again to go on from the journal`;
    throw new MillraceError('MILLRACE_WORKER', message, { exitCode: EXIT.resumable, cause: error });
  }
  return {
    label,
    run: (value, place) => transform.record(value, place),
    ...(transform.close && { close: () => transform.close!() }),
  };
}

/** One stage of a pipe. */
function openPart(
  { module, part }: UseSpec,
  exported: unknown,
  label: string,
  room: StageRoom,
): RunningStage | Promise<RunningStage> {
  const stage = stagesIn(exported)?.[part!.index];
  if (stage?.kind === part!.kind) return stage[OPEN](label, room);
  throw new OptionsError([
    `Expected the pipe of ${module} to have the same stages each time that it is loaded, but it has not.`,
  ]);
}

/** The stages of an export that is a stage or pipe of `millrace/stages`, or null. */
export function stagesIn(exported: unknown): readonly Stage[] | null {
  if ((exported as Partial<Stage>)[OPEN] === undefined) return null;
  return (exported as Partial<Pipe>).stages ?? [exported as Stage];
}

/** Loads a module and looks at its export. @throws {OptionsError} */
export async function loadTransform(
  { module, name }: Pick<UseSpec, 'module' | 'name'>,
  loader: ModuleLoader,
): Promise<LoadedModule> {
  const loaded = await loader.load(module, name);
  const { exported } = loaded;
  const isObject = typeof exported === 'object' && exported !== null;
  const isTransform = isObject && typeof (exported as Partial<Transform>).record === 'function';
  if (typeof exported === 'function' || isTransform) return loaded;
  const what = name === 'default' ? 'a default export' : `an export named ${name}`;
  throw new OptionsError([
    `Expected --transform ${module} to have ${what} that is a function, or an object with a function record.`,
  ]);
}
