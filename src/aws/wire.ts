/**
 * Wire: finds out whether an endpoint reads CBOR, with a request that is asked in CBOR first.
 * Takes  a way to ask in either encoding. Gives  the encoding that the endpoint understands, and how the request ended in it.
 * Owns   what counts as a refusal of CBOR. A service that fails for a moment refuses nothing: it is asked again, and JSON is chosen only
 *        where JSON is understood.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { KinesisCallError } from './kinesis-error.ts';

export type Wire = 'cbor' | 'json';

/** What endpoints that do not know CBOR say. */
const REFUSALS: ReadonlySet<string> = new Set([
  'SerializationException',
  'UnsupportedMediaTypeException',
  'UnknownOperationException',
]);
/** Waits between attempts in CBOR that end without a clear word. */
const WAITS_MS = [100, 200, 400] as const;

/** How a request ended. */
type Outcome<Answer> = { readonly answer: Answer } | { readonly error: KinesisCallError };

/**
 * | verdict    | what came                                                          |
 * |------------|--------------------------------------------------------------------|
 * | understood | an answer, or an error that only a reader of the request can give   |
 * | refused    | an error about the encoding, or one without a code                 |
 * | unclear    | 5xx, with a code or without, and what proxies say by themselves    |
 */
function verdictOf(outcome: Outcome<unknown>): 'understood' | 'refused' | 'unclear' {
  if ('answer' in outcome) return 'understood';
  const { awsCode, statusCode } = outcome.error;
  if (awsCode !== null && REFUSALS.has(awsCode)) return 'refused';
  if (statusCode! >= 500 || (awsCode === null && [403, 407, 408, 429].includes(statusCode!)))
    return 'unclear';
  return awsCode === null ? 'refused' : 'understood';
}

/**
 * @param ask One request that repeats nothing when it is sent again.
 * @throws {KinesisCallError} Where no answer came, or none that is understood in either encoding.
 */
export async function settleWire<Answer>(
  ask: (wire: Wire) => Promise<Answer>,
  signal?: AbortSignal,
): Promise<{ readonly wire: Wire; readonly outcome: Outcome<Answer> }> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await outcomeOf(ask('cbor'));
    const verdict = verdictOf(outcome);
    if (verdict === 'understood') return { wire: 'cbor', outcome };
    const waitMs = verdict === 'unclear' ? WAITS_MS[attempt] : undefined;
    if (waitMs !== undefined) {
      await wait(waitMs, undefined, signal && { signal });
      continue;
    }
    const inJson = await outcomeOf(ask('json'));
    if (verdict === 'refused' || verdictOf(inJson) === 'understood') return { wire: 'json', outcome: inJson };
    throw (outcome as { error: KinesisCallError }).error;
  }
}

/** @throws Whatever says nothing about the encoding: no answer at all, a fault of ours. */
async function outcomeOf<Answer>(asked: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { answer: await asked };
  } catch (error) {
    if (!(error instanceof KinesisCallError) || error.statusCode === null) throw error;
    return { error };
  }
}
