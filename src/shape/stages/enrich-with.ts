/**
 * Enrich with: what a service of the user's knows about each record, as a function to call or as a stage that puts it in.
 * Takes  a function that asks the service about many keys; how carefully it is called (lookup.ts); where key and answer stand (join.ts).
 * Gives  a function of a key, or where `on` and `into` are given, a stage.
 * Owns   nothing. As every stage with a function it is no data: a run is told of it by the module that exports it.
 */
import { OptionsError } from '../../base/errors.ts';
import { Carried } from '../carried.ts';
import { Join } from './join.ts';
import { isMember, type JoinSpec, ON_MISSING } from './join-spec.ts';
import { type AskService, createLookup, type Lookup, type LookupKey, type LookupOptions } from './lookup.ts';
import { functionStage, type Stage } from './stage-call.ts';

export interface EnrichWithOptions extends LookupOptions {
  /** JSON Pointer to the key in the record: a text, a number or a boolean. Integers beyond 2^53 are asked for as texts. */
  readonly on: string;
  /** JSON Pointer to where the answer goes. */
  readonly into: string;
  /** What becomes of a record without an answer: `into` is null there, or it is dropped, or it is a dead letter. Default `null`. */
  readonly onMissing?: JoinSpec['onMissing'];
}

/**
 * @param ask Asks the service about many keys at once.
 * @throws {OptionsError} For what cannot work, all of it at once.
 */
export function enrichWith<Key extends LookupKey = LookupKey, Answer = unknown>(
  ask: AskService<Key, Answer>,
  options: EnrichWithOptions,
): Stage;
export function enrichWith<Key extends LookupKey = LookupKey, Answer = unknown>(
  ask: AskService<Key, Answer>,
  options?: LookupOptions,
): Lookup<Key, Answer>;
export function enrichWith(
  ask: AskService,
  options: LookupOptions & Partial<EnrichWithOptions> = {},
): Stage | Lookup<LookupKey, unknown> {
  const { on, into, onMissing = 'null', ...care } = options;
  if (on === undefined && into === undefined) return createLookup(ask, care);
  const problems: string[] = [];
  const expected = (name: string, what: string, received: unknown) =>
    problems.push(
      `Expected \`${name}\` of enrichWith to be ${what}, but received ${JSON.stringify(received)}.`,
    );
  if (!isMember(on)) expected('on', 'a JSON Pointer like /user/id', on);
  if (!isMember(into)) expected('into', 'a JSON Pointer like /user/profile', into);
  if (!ON_MISSING.includes(onMissing)) expected('onMissing', ON_MISSING.join(', '), onMissing);
  if (problems.length > 0) throw new OptionsError(problems);
  return stageOf(createLookup(ask, care), { on: on!, into: into!, onMissing });
}

function stageOf(lookup: Lookup<LookupKey, unknown>, spec: JoinSpec): Stage {
  const join = new Join(spec, 'the service');
  const enriched = async ({ text }: { readonly text: string }): Promise<string | null> => {
    const key = join.keyIn(text);
    const answer = key === null ? null : await lookup(typeof key === 'bigint' ? integerOf(key) : key);
    return join.outcome(text, answer === null ? undefined : JSON.stringify(answer));
  };
  const call = async (value: unknown): Promise<unknown> => {
    const result = await enriched(Carried.ofValue(value));
    return result === null ? undefined : JSON.parse(result);
  };
  return functionStage('enrichWith', call, (record) => (record === undefined ? [] : [record]), enriched);
}

function integerOf(key: bigint): number | string {
  const number = Number(key);
  return Number.isSafeInteger(number) ? number : String(key);
}
