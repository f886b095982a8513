import { expect, it } from 'vitest';
import { decodeCbor } from '../../../src/aws/cbor.ts';
import { PutAnswer } from '../../../src/embedded/kinesis/put-answer.ts';
import { Shard } from '../../../src/embedded/kinesis/stream-store.ts';

const failure = { code: 'InternalFailure', message: `${'é'.repeat(400)}"` };

it.each(['cbor', 'json'] as const)(
  'writes counters that grow, jump and carry, and failures of any length, in %s',
  (wire) => {
    const [one, two] = [new Shard(0, 0n, 9n, [], 1), new Shard(1, 10n, 19n, [], 1)];
    const counters = [1, 2, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 5, 99_999_999_999_999];
    const out = new PutAnswer(wire, counters.length * 2 + 1, 1);
    for (const counter of counters) {
      out.stored(one, counter);
      out.stored(two, counter);
    }
    out.failed(failure);
    const bytes = out.end();
    expect(wire === 'cbor' ? decodeCbor(bytes) : JSON.parse(bytes.toString())).toEqual({
      FailedRecordCount: 1,
      Records: [
        ...counters.flatMap((counter) =>
          [one, two].map((shard) => ({
            SequenceNumber: shard.sequenceNumber(counter),
            ShardId: shard.shardId,
          })),
        ),
        { ErrorCode: failure.code, ErrorMessage: failure.message },
      ],
    });
  },
);
