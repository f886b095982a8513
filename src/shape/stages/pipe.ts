/**
 * Pipe: stages one after the other, as one function.
 * Takes  stages and pipes. Gives  a function of a record, which plain code and tests call; the way to the whole pipe at work in a thread.
 * Owns   how records pass: each on its own, one as many, text beside value as long as no function has made another value of it.
 */
import { OptionsError } from '../../base/errors.ts';
import { Carried } from '../carried.ts';
import type { RunningStage, StagePlace, TextResult } from '../stage.ts';
import { StageFailure } from '../stage-failure.ts';
import type { StageRoom } from './open-stage.ts';
import { assertLast } from './spec-reader.ts';
import { callOf, isPromise, OPEN, type OpenStage, type Stage } from './stage-call.ts';

export interface Pipe {
  /**
   * @returns Undefined where the record is dropped, its new value, or an array: each of its elements is a record. A promise only where a
   * stage waits for something.
   */
  (value: unknown, place?: Partial<StagePlace>): unknown;
  readonly stages: readonly Stage[];
  readonly [OPEN]: OpenStage;
}

/** @throws {OptionsError} For what is no stage, and for a stage behind `format`. */
export function pipe(...parts: readonly (Stage | Pipe)[]): Pipe {
  const stages = parts.flatMap((part, i) => {
    if (typeof part !== 'function' || part[OPEN] === undefined) throw noStage(part, i + 1);
    return 'stages' in part ? part.stages : [part];
  });
  assertLast(stages.map(({ kind }) => kind));
  const openAll = (_: string, room: StageRoom) =>
    allOf(stages.map((stage, i) => stage[OPEN](`${i + 1} ${stage.kind}`, room)));
  const call = callOf('pipe', openAll, (opened, value, place) =>
    then(pass(opened, 0, [Carried.ofValue(value)], place), (records) => resultOf(records, true)),
  );
  const open: OpenStage = (label, room) => then(openAll(label, room), (opened) => atWork(opened, label));
  return Object.assign(call, { stages, [OPEN]: open });
}

function noStage(part: unknown, position: number): OptionsError {
  const what = typeof part === 'function' ? 'a function: map(fn) makes a stage of it' : JSON.stringify(part);
  return new OptionsError([
    `Expected part ${position} of the pipe to be a stage like drop('/user/mail'), but received ${what}.`,
  ]);
}

/** A record on its way, bytes that pass all stages behind, or text that a stage has made. */
type Passing = Carried | Uint8Array | MadeText;

class MadeText {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

function atWork(stages: readonly RunningStage[], label: string): RunningStage {
  const closing = stages.filter((stage) => stage.close !== undefined);
  const stage: RunningStage = {
    label,
    run: (value, place) =>
      then(pass(stages, 0, [Carried.ofValue(value)], place), (records) => resultOf(records, false)),
    async close() {
      for (const { close } of closing) await close!();
    },
  };
  if (stages.some(({ runText }) => runText === undefined)) return stage;
  return {
    ...stage,
    runText: (record, place) =>
      then(pass(stages, 0, [Carried.ofText(record.text)], place), ([passed]) => {
        if (passed === undefined) return null;
        return passed instanceof Carried ? passed.text : passed instanceof MadeText ? passed.bytes : passed;
      }),
  };
}

/** All records through the stages from one on. */
function pass(
  stages: readonly RunningStage[],
  from: number,
  records: readonly Passing[],
  place: StagePlace,
): readonly Passing[] | Promise<readonly Passing[]> {
  let passing = records;
  for (const [i, stage] of stages.entries()) {
    if (i < from) continue;
    const lists = eachOf(passing, (record) =>
      record instanceof Carried ? step(stage, record, place) : [record],
    );
    if (lists.some((list) => list instanceof Promise))
      return Promise.all(lists).then((settled) => pass(stages, i + 1, settled.flat(), place));
    passing = (lists as readonly (readonly Passing[])[]).flat();
  }
  return passing;
}

/** Where one throws, nobody waits for the others any more. */
function eachOf<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Result | Promise<Result>,
): (Result | Promise<Result>)[] {
  const results: (Result | Promise<Result>)[] = [];
  try {
    for (const item of items) results.push(work(item));
  } catch (error) {
    for (const result of results) if (result instanceof Promise) result.catch(() => {});
    throw error;
  }
  return results;
}

function step(
  stage: RunningStage,
  record: Carried,
  place: StagePlace,
): readonly Passing[] | Promise<readonly Passing[]> {
  try {
    if (stage.runText === undefined) {
      const result = stage.run(record.value, place);
      if (!isPromise(result)) return passingOf(result);
      return Promise.resolve(result).then(passingOf, (error: unknown) => Promise.reject(named(error, stage)));
    }
    const result = stage.runText(record, place);
    if (!isPromise(result)) return madeOf(result, record);
    return Promise.resolve(result).then(
      (made) => madeOf(made, record),
      (error: unknown) => Promise.reject(named(error, stage)),
    );
  } catch (error) {
    throw named(error, stage);
  }
}

function madeOf(result: TextResult, record: Carried): readonly Passing[] {
  if (result === null) return [];
  if (typeof result !== 'string') return [new MadeText(result)];
  return [result === record.text ? record : Carried.ofText(result)];
}

function passingOf(result: unknown): readonly Passing[] {
  return (Array.isArray(result) ? (result as unknown[]) : [result])
    .filter((one) => one !== undefined && one !== null)
    .map((one) => (one instanceof Uint8Array ? one : Carried.ofValue(one)));
}

function named(error: unknown, { label }: RunningStage): unknown {
  return StageFailure.is(error) ? new StageFailure(`${label}: ${error.message}`, error.code) : error;
}

/** @param isPlain Made text comes as text. */
function resultOf(records: readonly Passing[], isPlain: boolean): unknown {
  const values = records.map((record) => {
    if (record instanceof MadeText) return isPlain ? new TextDecoder().decode(record.bytes) : record.bytes;
    if (!(record instanceof Carried)) return record;
    return record.value === null && !isPlain ? Buffer.from('null') : record.value;
  });
  if (values.length === 0) return undefined;
  return values.length === 1 && !Array.isArray(values[0]) ? values[0] : values;
}

function allOf<Value>(
  values: readonly (Value | Promise<Value>)[],
): readonly Value[] | Promise<readonly Value[]> {
  return values.some((value) => value instanceof Promise)
    ? Promise.all(values)
    : (values as readonly Value[]);
}

function then<Value, Result>(
  value: Value | Promise<Value>,
  work: (value: Value) => Result,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(work) : work(value);
}
