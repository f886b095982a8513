import { describe, expect, it } from 'vitest';
import { KinesisCallError } from '../../src/aws/kinesis-error.ts';
import { settleWire, type Wire } from '../../src/aws/wire.ts';

const refusal = (awsCode: string | null, statusCode: number | null) =>
  new KinesisCallError({ operation: 'PutRecords', awsCode, message: 'said', statusCode, isAmbiguous: false });

/** An endpoint that answers in this order, with the encodings that it was asked in. */
function scripted(...answers: (KinesisCallError | 'answer')[]) {
  const asked: Wire[] = [];
  const ask = async (wire: Wire) => {
    asked.push(wire);
    const next = answers.shift()!;
    if (next instanceof Error) throw next;
    return next;
  };
  return { asked, ask };
}

describe('the encoding', () => {
  it.each([
    ['an answer', 'answer' as const],
    ['a refusal that only a reader can give', refusal('ValidationException', 400)],
    ['a throttle', refusal('LimitExceededException', 400)],
  ])('is CBOR after %s', async (_, first) => {
    const { ask, asked } = scripted(first);
    expect((await settleWire(ask)).wire).toBe('cbor');
    expect(asked).toEqual(['cbor']);
  });

  it.each([
    refusal('SerializationException', 400),
    refusal('UnknownOperationException', 400),
    refusal(null, 415),
    refusal(null, 404),
  ])('is JSON at once where CBOR is refused: %s', async (first) => {
    const { ask, asked } = scripted(first, 'answer');
    expect(await settleWire(ask)).toEqual({ wire: 'json', outcome: { answer: 'answer' } });
    expect(asked).toEqual(['cbor', 'json']);
  });

  it('is JSON where CBOR fails four times and JSON is understood', async () => {
    const { ask, asked } = scripted(
      ...[refusal(null, 500), refusal('InternalFailure', 500), refusal(null, 502), refusal(null, 500)],
      refusal('ValidationException', 400),
    );
    expect(await settleWire(ask)).toMatchObject({ wire: 'json', outcome: { error: { statusCode: 400 } } });
    expect(asked).toEqual(['cbor', 'cbor', 'cbor', 'cbor', 'json']);
  });

  it('stays CBOR where a failure passes', async () => {
    const { ask, asked } = scripted(refusal(null, 500), refusal(null, 429), 'answer');
    expect(await settleWire(ask)).toEqual({ wire: 'cbor', outcome: { answer: 'answer' } });
    expect(asked).toEqual(['cbor', 'cbor', 'cbor']);
  });

  it('is not known where everything fails, or nothing is answered', async () => {
    const failing = refusal(null, 500);
    await expect(settleWire(scripted(...Array(5).fill(failing)).ask)).rejects.toBe(failing);
    const silent = refusal(null, null);
    const { ask, asked } = scripted(silent);
    await expect(settleWire(ask)).rejects.toBe(silent);
    expect(asked).toEqual(['cbor']);
  });

  it('is not waited for after a signal', async () => {
    const { ask } = scripted(refusal(null, 500), refusal(null, 500));
    await expect(settleWire(ask, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});
