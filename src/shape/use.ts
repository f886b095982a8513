/**
 * Use: a stage that somebody else wrote, as a module of JavaScript or TypeScript.
 * Takes  the module's place and the name of its export: a function of a record, an object with `record`, and `open` and `close` if it
 *        needs them, or a stage or pipe of `millrace/stages`.
 * Gives  the stage at work; where a module cannot be loaded, the file, the line and the reason.
 * Never  keeps a module from doing what Node lets it do: it is the user's own code.
 */

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OptionsError } from '../base/errors.ts';
import type { StageRoom } from './open-stage.ts';
import type { RunningStage, StagePlace, StageResult, StageSpec } from './stage.ts';
import { OPEN, type Stage } from './stage-call.ts';

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

/** @throws {OptionsError} When the module cannot be loaded, or has no such export. */
export async function openModule(
  { module, name }: Pick<Extract<StageSpec, { kind: 'use' }>, 'module' | 'name'>,
  label: string,
  room: StageRoom,
): Promise<RunningStage> {
  const exported = await load(module, name);
  const open = (exported as Partial<Stage>)[OPEN];
  if (open !== undefined) return open(label, room);
  if (typeof exported === 'function') {
    const run = exported as Transform['record'];
    return { label, run: (value, place) => run(value, place) };
  }
  const transform = exported as Transform;
  await transform.open?.({ label });
  return {
    label,
    run: (value, place) => transform.record(value, place),
    ...(transform.close && { close: () => transform.close!() }),
  };
}

async function load(module: string, name: string): Promise<unknown> {
  const url = isAbsolute(module) ? pathToFileURL(module).href : module;
  let names: Readonly<Record<string, unknown>>;
  try {
    names = (await import(url)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new OptionsError([
      `Cannot load --transform ${module}: ${error instanceof Error ? error.message : error}.`,
    ]);
  }
  const exported = names[name];
  const isObject = typeof exported === 'object' && exported !== null;
  if (
    typeof exported === 'function' ||
    (isObject && typeof (exported as Partial<Transform>).record === 'function')
  )
    return exported;
  const what = name === 'default' ? 'a default export' : `an export named ${name}`;
  throw new OptionsError([
    `Expected --transform ${module} to have ${what} that is a function, or an object with a function record.`,
  ]);
}
