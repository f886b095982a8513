/** The native put codec gives the results of the portable one, byte for byte, for everything: bodies, answers good and bad. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Wire } from '../../../src/aws/wire.ts';
import { anyRecords, framesOf } from '../frames.ts';
import { answerBody, anyAnswer } from './answers.ts';
import { nativePut, portablePut as portable } from './put-codecs.ts';

const ARN = 'arn:aws:kinesis:eu-central-1:123456789012:stream/clicks';
const WIRES: readonly Wire[] = ['cbor', 'json'];

// Where the addon is not built there is nothing to compare: the run then lists this suite as skipped.
describe.skipIf(!nativePut)('the native put codec (skipped where there is no addon)', () => {
  const codec = nativePut!;

  it('encodes and aggregates to the same bytes', () => {
    fc.assert(
      fc.property(
        anyRecords,
        fc.constantFrom(...WIRES),
        fc.integer({ min: 100, max: 20_000 }),
        fc.integer({ min: 500, max: 40_000 }),
        fc.integer({ min: 0, max: 12 }),
        (records, wire, aggregateBytesMax, requestBytesMax, runsMax) => {
          const frames = framesOf(records);
          const results = [portable, codec].map((side) => {
            const out = Buffer.alloc(side.encodedBytesMax(frames, records.length, wire));
            const counts = new Uint32Array(500);
            const runs = new Uint32Array(2 * runsMax);
            const sums = new Uint32Array(0);
            const bytes = side.encode(frames, records.length, wire, ARN, out);
            const plain = Buffer.from(out.subarray(0, bytes));
            const result = side.encodeAggregated(
              frames,
              records.length,
              wire,
              ARN,
              '42',
              aggregateBytesMax,
              requestBytesMax,
              out,
              counts,
              runs,
              sums,
            );
            return {
              plain,
              result,
              counts,
              runs: runs.subarray(0, 2 * result.sliceRuns),
              aggregated: Buffer.from(out.subarray(0, result.bytes)),
            };
          });
          expect(results[1]!.plain.equals(results[0]!.plain)).toBe(true);
          expect(results[1]!.aggregated.equals(results[0]!.aggregated)).toBe(true);
          expect(results[1]).toEqual(results[0]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('reads answers as the portable one does, with any fields, definite or indefinite', () => {
    fc.assert(
      fc.property(anyAnswer, fc.constantFrom(null, 'shardId-000000000001'), (answer, expected) => {
        const body = answerBody(answer);
        const results = [portable, codec].map((side) => {
          const verdicts = new Uint8Array(answer.records.length);
          return {
            verdict: side.readPutResult(body, answer.wire, verdicts.length, expected, verdicts),
            verdicts,
          };
        });
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 300 },
    );
  });

  it('reads cut, flipped and random answers as the portable one does: an error, or the same verdicts', () => {
    const damage = fc.record({
      cut: fc.option(fc.nat(4000)),
      flips: fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    });
    const seen = { refused: 0, read: 0 };
    fc.assert(
      fc.property(anyAnswer, damage, (answer, { cut, flips }) => {
        const whole = Buffer.from(answerBody(answer));
        for (const [at, value] of flips) whole[at % whole.length] = value;
        // Exactly as long as it is, so that a sanitizer build sees a read past its end.
        const body = Uint8Array.from(
          whole.subarray(0, cut === null ? whole.length : cut % (whole.length + 1)),
        );
        const results = [portable, codec].map((side) => {
          const verdicts = new Uint8Array(answer.records.length);
          try {
            return {
              verdict: side.readPutResult(body, answer.wire, verdicts.length, null, verdicts),
              verdicts,
            };
          } catch (error) {
            return (error as Error).message;
          }
        });
        expect(results[1]).toEqual(results[0]);
        if (typeof results[0] === 'string') seen.refused++;
        else seen.read++;
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.refused, seen.read)).toBeGreaterThan(50);
  });

  it('survives random bytes that begin like an answer', () => {
    const start = Buffer.from('a16752656372', 'hex');
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.boolean(),
        fc.constantFrom(...WIRES),
        (noise, isLike, wire) => {
          const body = isLike ? Buffer.concat([start, noise]) : noise;
          expect(() => codec.readPutResult(body, wire, 1, null, new Uint8Array(1))).toThrow(RangeError);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
