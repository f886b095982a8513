/**
 * Stage call: a stage as a function that plain code and tests call: `drop('/user/mail')(record)`.
 * Takes  how the stage is opened. Gives  the function; for whoever runs it in a thread, the way to the stage at work.
 * Owns   what a plain call gives: the record's new value, or undefined where it is dropped. A call never changes what it is given.
 */
import { Carried } from '../carried.ts';
import type { RunningStage, StagePlace, StageRecord, StageSpec, TextResult } from '../stage.ts';
import { hashKeyOfVariable } from './hash-key.ts';
import type { StageRoom } from './open-stage.ts';

/** Known in every copy of this code: a module of the user's may bring its own. */
export const OPEN = Symbol.for('millrace.stage');

/** A stage, ready to be called, and to be put into a pipe. */
export interface Stage {
  /** @param place Where the record's line lies; what is left out is empty. @returns A promise only where the stage waits for something. */
  (value: unknown, place?: Partial<StagePlace>): unknown;
  readonly kind: string;
  /** The stage as plain data, or null: it holds a function, and can be named to a run only by the module that exports it. */
  readonly spec: StageSpec | null;
  readonly [OPEN]: OpenStage;
}

/** @param label What reports and dead letters call it. */
export type OpenStage = (label: string, room: StageRoom) => RunningStage | Promise<RunningStage>;

/** A stage that is plain data. */
export function dataStage<Spec extends StageSpec>(
  spec: Spec,
  open: (spec: Spec, label: string, room: StageRoom) => RunningStage | Promise<RunningStage>,
): Stage {
  const openIt: OpenStage = (label, room) => open(spec, label, room);
  return Object.assign(callOf(spec.kind, openIt, callPlainly), { kind: spec.kind, spec, [OPEN]: openIt });
}

/**
 * A stage that holds a function.
 * @param many What the function gives, as a list of records. @param runText In its place, where bytes are to stay.
 */
export function functionStage<Result>(
  kind: string,
  fn: (value: unknown, place: StagePlace) => Result | PromiseLike<Result>,
  many: (result: Result) => readonly unknown[],
  runText?: NonNullable<RunningStage['runText']>,
): Stage {
  const run: RunningStage['run'] = (value, place) => {
    const result = fn(value, place);
    return isPromise(result) ? Promise.resolve(result).then(many) : many(result);
  };
  const open: OpenStage = (label) => ({ label, run, ...(runText && { runText }) });
  const call = (value: unknown, place?: Partial<StagePlace>) => fn(value, wholePlace(place));
  return Object.assign(call, { kind, spec: null, [OPEN]: open });
}

/** Promises of other libraries, too. */
export function isPromise<Value>(result: Value | PromiseLike<Value>): result is PromiseLike<Value> {
  return typeof (result as Partial<PromiseLike<Value>> | null | undefined)?.then === 'function';
}

/** What stages find that are called outside of a run. */
const PLAIN_ROOM: StageRoom = {
  get hashKey() {
    return hashKeyOfVariable();
  },
};

/** A function that opens what it calls with its first call. */
export function callOf<Opened>(
  label: string,
  open: (label: string, room: StageRoom) => Opened | Promise<Opened>,
  run: (opened: Opened, value: unknown, place: StagePlace) => unknown,
): (value: unknown, place?: Partial<StagePlace>) => unknown {
  let opened: Opened | Promise<Opened> | null = null;
  return (value, place) => {
    opened ??= open(label, PLAIN_ROOM);
    if (opened instanceof Promise) return opened.then((stage) => run(stage, value, wholePlace(place)));
    return run(opened, value, wholePlace(place));
  };
}

function wholePlace(place: Partial<StagePlace> = {}): StagePlace {
  return { bucket: '', key: '', modifiedMs: null, offset: 0, ...place };
}

function callPlainly(stage: RunningStage, value: unknown, place: StagePlace): unknown {
  if (stage.runText === undefined) return stage.run(value, place);
  const record = Carried.ofValue(value);
  const result = stage.runText(record, place);
  if (isPromise(result)) return Promise.resolve(result).then((made) => plainOf(made, record, value));
  return plainOf(result, record, value);
}

function plainOf(result: TextResult, record: StageRecord, value: unknown): unknown {
  if (result === null) return undefined;
  if (typeof result !== 'string') return new TextDecoder().decode(result);
  return result === record.text ? value : JSON.parse(result);
}

/** A stage that works on the text of records. */
export function textStage(
  label: string,
  runText: (record: StageRecord, place: StagePlace) => TextResult,
): RunningStage {
  const run: RunningStage['run'] = (value, place) => {
    const record = Carried.ofValue(value);
    const result = runText(record, place);
    return typeof result === 'string' ? [result === record.text ? value : JSON.parse(result)] : result;
  };
  return { label, run, runText };
}
