/**
 * Lookup: asks a service of the user's, with the care that a service needs from thousands of records at once.
 * Takes  a function that is given keys and gives their answers; keys one by one.
 * Gives  to each who asks an answer of his own, made anew from JSON, or null where the service knows none.
 * Owns   what is gathered into one call (what is asked in one turn of the event loop), how many calls are out, what is tried again and when,
 *        and the answers that are kept. Retries and circuit breaker are cockatiel's, the bound of what is kept is lru-cache's.
 * Never  asks for a key twice at the same time, and keeps no failure.
 */
import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  halfJitterGenerator,
  handleAll,
  type IPolicy,
  noJitterGenerator,
  retry,
  TaskCancelledError,
  wrap,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { OptionsError } from '../../base/errors.ts';
import { MIB } from '../../base/limits.ts';
import { whenLate } from '../../base/patience.ts';

export type LookupKey = string | number | boolean;

/**
 * A call to the service.
 * @param keys Each once, at most `batch` of them.
 * @param context Its `signal` is aborted when the call takes too long: give it to `fetch`.
 * @returns A map, or an array with the answer to the first key first. Null and undefined: there is none. An Error in the array: this key
 * has failed, the others have not. What it throws is tried again.
 */
export type AskService<Key extends LookupKey = LookupKey, Answer = unknown> = (
  keys: readonly Key[],
  context: { readonly signal: AbortSignal },
) => Answers<Key, Answer> | Promise<Answers<Key, Answer>>;

export type Answers<Key, Answer> =
  | readonly (Answer | Error | null | undefined)[]
  | ReadonlyMap<Key, Answer | Error | null | undefined>;

export interface LookupOptions {
  /** Keys in a call at most. Default 100. */
  readonly batch?: number;
  /** Calls at once, of each parser thread. Default 4. */
  readonly concurrency?: number;
  /** Longest time of a call. Default 2,000. */
  readonly timeoutMs?: number;
  /** How often a call that failed is tried again, after waits that grow from a tenth of a second to two. Default 5. */
  readonly retries?: number;
  /** Answers kept in each parser thread, the last used ones; 0: none. Default 10,000. */
  readonly cache?: number;
}

/** @returns The answer, or null where there is none. Rejects with a LookupError. */
export type Lookup<Key extends LookupKey, Answer> = (key: Key) => Promise<Answer | null>;

/** A key for which the service gave no answer. */
export class LookupError extends Error {
  override readonly name = 'LookupError';
}

const DEFAULTS = { batch: 100, concurrency: 4, timeoutMs: 2000, retries: 5, cache: 10_000 };
const LEAST = { batch: 1, concurrency: 1, timeoutMs: 1, retries: 0, cache: 0 };
/** What one timer of Node takes: it rings at once where it is given more. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** Of each wait half is left to chance. All of them together outlast the time for which a service is left alone at first. */
const RETRY = { initialDelay: 100, maxDelay: 2000, generator: halfJitterGenerator };
/** Calls that fail in a row before the service is left alone. */
const FAILURES_MAX = 5;
/** For so long; twice as long with each probe that fails. */
const OPEN = { initialDelay: 1000, maxDelay: 10_000, generator: noJitterGenerator };
/** Characters of JSON that are kept, of all answers. */
const CACHE_CHARS_MAX = 32 * MIB;

/** @throws {OptionsError} */
export function createLookup<Key extends LookupKey, Answer>(
  ask: AskService<Key, Answer>,
  options: LookupOptions = {},
): Lookup<Key, Answer> {
  const asking = new Asking(ask as unknown as AskService, checked(ask, options));
  return (key) => asking.answerTo(key) as Promise<Answer | null>;
}

function checked(ask: unknown, options: LookupOptions): Required<LookupOptions> {
  const problems = typeof ask === 'function' ? [] : ['Expected enrichWith to be given a function.'];
  const all = { ...DEFAULTS, ...options };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const most = name === 'timeoutMs' ? TIMEOUT_MS_MAX : Number.MAX_SAFE_INTEGER;
    if (Number.isSafeInteger(all[name]) && all[name] >= LEAST[name] && all[name] <= most) continue;
    const until = most === TIMEOUT_MS_MAX ? `to ${most}` : 'on';
    const expected = `a whole number from ${LEAST[name]} ${until}`;
    problems.push(`Expected ${name} of enrichWith to be ${expected}, but received ${String(all[name])}.`);
  }
  if (problems.length > 0) throw new OptionsError(problems);
  return all;
}

interface Question {
  readonly key: LookupKey;
  /** The answer as JSON. */
  readonly settled: PromiseWithResolvers<string>;
}

class Asking {
  readonly #ask: AskService;
  readonly #options: Required<LookupOptions>;
  readonly #policy: IPolicy;
  readonly #kept: LRUCache<LookupKey, string> | null;
  /** Asked, and not answered yet. */
  readonly #open = new Map<LookupKey, Question>();
  #gathered: Question[] = [];
  #isScheduled = false;

  constructor(ask: AskService, options: Required<LookupOptions>) {
    this.#ask = ask;
    this.#options = options;
    this.#policy = policyOf(options);
    const { cache } = options;
    this.#kept =
      cache === 0
        ? null
        : new LRUCache({ max: cache, maxSize: CACHE_CHARS_MAX, sizeCalculation: (json) => json.length });
  }

  async answerTo(key: LookupKey): Promise<unknown> {
    return JSON.parse(this.#kept?.get(key) ?? (await this.#question(key).settled.promise));
  }

  #question(key: LookupKey): Question {
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const question = { key, settled: Promise.withResolvers<string>() };
    this.#open.set(key, question);
    this.#gathered.push(question);
    if (this.#gathered.length >= this.#options.batch) this.#send();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      // Behind all that is ready to run: stages in front of this one may be asynchronous themselves.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#send();
      });
    }
    return question;
  }

  #send(): void {
    const questions = this.#gathered;
    if (questions.length === 0) return;
    this.#gathered = [];
    const keys = questions.map(({ key }) => key);
    this.#policy
      .execute(() => inTime(async (signal) => this.#ask(keys, { signal }), this.#options.timeoutMs))
      .then((answers) => this.#settle(questions, answers))
      .catch((error: unknown) => {
        for (const question of questions) this.#fail(question, failureOf(error, this.#options));
      });
  }

  #settle(questions: readonly Question[], answers: Answers<LookupKey, unknown>): void {
    if (!(answers instanceof Map) && !(Array.isArray(answers) && answers.length === questions.length)) {
      const received = Array.isArray(answers) ? `${answers.length} answers` : typeof answers;
      throw new LookupError(
        `expected a Map, or an array of ${questions.length} answers, from the service's function, but received ${received}`,
      );
    }
    for (const [i, question] of questions.entries()) {
      const answer: unknown = answers instanceof Map ? answers.get(question.key) : answers[i];
      if (answer instanceof Error) this.#fail(question, failureOf(answer, this.#options));
      else this.#answer(question, answer);
    }
  }

  #answer(question: Question, answer: unknown): void {
    let json: string;
    try {
      json = JSON.stringify(answer ?? null) ?? 'null';
    } catch (error) {
      this.#fail(question, new LookupError('JSON cannot hold the answer of the service', { cause: error }));
      return;
    }
    this.#open.delete(question.key);
    this.#kept?.set(question.key, json);
    question.settled.resolve(json);
  }

  #fail({ key, settled }: Question, error: LookupError): void {
    this.#open.delete(key);
    settled.reject(error);
  }
}

/** Each try takes a place among the calls and asks the breaker. Waits between tries take no place. */
function policyOf({ concurrency, retries }: Required<LookupOptions>): IPolicy {
  return wrap(
    retry(handleAll, { maxAttempts: retries, backoff: new ExponentialBackoff(RETRY) }),
    bulkhead(concurrency, Number.POSITIVE_INFINITY),
    circuitBreaker(handleAll, {
      halfOpenAfter: new ExponentialBackoff(OPEN),
      breaker: new ConsecutiveBreaker(FAILURES_MAX),
    }),
  );
}

/** A call that takes longer than it may has failed, whatever it still does. @throws {TaskCancelledError} */
async function inTime<Answer>(
  call: (signal: AbortSignal) => Promise<Answer>,
  timeoutMs: number,
): Promise<Answer> {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const stop = whenLate(timeoutMs, () => {
    late.reject(new TaskCancelledError());
    controller.abort();
  });
  try {
    return await Promise.race([call(controller.signal), late.promise]);
  } finally {
    stop();
  }
}

function failureOf(error: unknown, { timeoutMs }: Required<LookupOptions>): LookupError {
  if (error instanceof LookupError) return error;
  const why =
    error instanceof BrokenCircuitError
      ? `its last ${FAILURES_MAX} calls failed, and it is left alone for a while`
      : error instanceof TaskCancelledError
        ? `it took longer than ${timeoutMs} ms`
        : error instanceof Error
          ? error.message.split('\n', 1)[0]
          : String(error);
  return new LookupError(`no answer from the service: ${why}`, { cause: error });
}
