/**
 * Negotiate wire: whether records go as CBOR, found out before the first one is sent.
 * Takes  where the service is, and credentials. Gives  the encoding; a notice where it is not the one that was wanted.
 * Owns   how often an endpoint that does not answer is asked again: as often as any other call of the start.
 * Never  puts a record: an endpoint that reads CBOR refuses the request for being empty, any other for its form.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isPassing } from '../../aws/call-fault.ts';
import type { CredentialProvider } from '../../aws/credentials.ts';
import { type KinesisCaller, type KinesisService, openKinesisCaller } from '../../aws/kinesis-call.ts';
import { KinesisCallError } from '../../aws/kinesis-error.ts';
import { settleWire, type Wire } from '../../aws/wire.ts';
import { openPutCodec } from './open-put-codec.ts';
import { explain } from './stream-probe.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** Between attempts without an answer. */
const WAITS_MS = [100, 200, 400] as const;

/** @param stream Name or ARN. @throws {MillraceError} MILLRACE_STREAM where there is no answer that tells. */
export async function negotiateWire(
  credentials: CredentialProvider,
  service: KinesisService,
  stream: string,
  notices: string[],
): Promise<Wire> {
  const codec = openPutCodec();
  const callers: KinesisCaller[] = [];
  const askOnce = (wire: Wire) => {
    const caller = openKinesisCaller({ service, credentials, wire, requestTimeoutMs: REQUEST_TIMEOUT_MS });
    callers.push(caller);
    const none = new Uint8Array(0);
    const out = new Uint8Array(codec.encodedBytesMax(none, 0, wire));
    return caller.call('PutRecords', out.subarray(0, codec.encode(none, 0, wire, stream, out)));
  };
  try {
    const { wire } = await settleWire((asked) => untilAnswered(() => askOnce(asked)));
    if (wire === 'json')
      notices.push('the endpoint does not understand CBOR, so records go as JSON: slower, same result');
    return wire;
  } catch (error) {
    throw explain(error, stream, 'kinesis:PutRecords');
  } finally {
    for (const caller of callers) caller.close();
  }
}

/** Whatever the answer is: what it says is for others. */
async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (const waitMs of WAITS_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof KinesisCallError) || error.statusCode !== null || !isPassing(error)) throw error;
      await wait(waitMs);
    }
  }
  return ask();
}
