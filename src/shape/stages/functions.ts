/**
 * Functions: stages that are functions of the user's.
 * Takes  a function of a record and where its line lies; it may be asynchronous. Gives  stages. They are no data: a run is told of them by the
 *        module that exports their pipe.
 */
import type { StagePlace } from '../stage.ts';
import { functionStage, isPromise, type Stage } from './stage-call.ts';

/** @typeParam Value The record as the function knows it. */
type Work<Value, Result> = (value: Value, place: StagePlace) => Result | PromiseLike<Result>;

/** Gives a record another value. Null and undefined drop it; a Uint8Array goes out as it is; an array is one record. */
export function map<Value = unknown>(fn: Work<Value, unknown>): Stage {
  return functionStage('map', fn as Work<unknown, unknown>, (result) => [result]);
}

/** Makes a record of each value that the function gives. */
export function flatMap<Value = unknown>(fn: Work<Value, Iterable<unknown> | null | undefined>): Stage {
  return functionStage('flatMap', fn as Work<unknown, Iterable<unknown> | null | undefined>, (results) => [
    ...(results ?? []),
  ]);
}

/** Shows a copy of each record to a function. */
export function tap<Value = unknown>(fn: Work<Value, unknown>): Stage {
  const show = <Shown>(shown: Shown, copy: unknown, place: StagePlace): Shown | Promise<Shown> => {
    const result = fn(copy as Value, place);
    return isPromise(result) ? Promise.resolve(result).then(() => shown) : shown;
  };
  return functionStage(
    'tap',
    (value, place) => show(value, structuredClone(value), place),
    (value) => [value],
    ({ text }, place) => show(text, JSON.parse(text), place),
  );
}
