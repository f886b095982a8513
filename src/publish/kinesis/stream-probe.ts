/**
 * Stream probe: what has to be known about the stream before the first record is sent.
 * Takes  the control plane and the stream's name or ARN.
 * Gives  its traits, its open shards, and errors that say what to do.
 * Owns   the control-plane calls DescribeStreamSummary and ListShards of the publishing side. Never puts a record.
 */
import type { StreamDescriptionSummary } from '@aws-sdk/client-kinesis';
import { codeOf, isForeignAnswer, isPassing, isTlsCode, isUnnamed, placeOf } from '../../aws/call-fault.ts';
import { HttpFailure } from '../../aws/http-exchange.ts';
import type { KinesisControl } from '../../aws/kinesis-control.ts';
import { KinesisCallError } from '../../aws/kinesis-error.ts';
import { birthOf, describeSuccessor, isSameStream } from '../../aws/stream-birth.ts';
import { MillraceError } from '../../base/errors.ts';
import { EXIT, type FailureExitCode } from '../../base/exit-code.ts';
import { KIB, KINESIS } from '../../base/limits.ts';
import { type ShardRange, sortShards } from '../../record/hash-range.ts';
import type { SinkFacts } from '../sink.ts';

/** What any stream takes. */
export const STREAM_TRAITS = {
  keyCharsMax: KINESIS.partitionKeyCharsMax,
  requestRecordsMax: KINESIS.putRecordsCountMax,
  requestBytesMax: KINESIS.putRecordsBytesMax,
  shardRate: {
    recordsPerSecond: KINESIS.shardRecordsPerSecond,
    bytesPerSecond: KINESIS.shardBytesPerSecond,
  },
} as const;

/**
 * Reads the stream's facts.
 * @throws {MillraceError} MILLRACE_STREAM, exit 2, when it cannot be written to.
 */
export async function probeStream(
  control: KinesisControl,
  stream: string,
  signal?: AbortSignal,
): Promise<SinkFacts> {
  const summary = await describe(control, stream, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw explain(error, stream, 'kinesis:DescribeStreamSummary');
  });
  if (summary.StreamStatus !== 'ACTIVE' && summary.StreamStatus !== 'UPDATING') {
    throw streamError(stream, `it is ${summary.StreamStatus}`, 'wait until it is ACTIVE');
  }
  return {
    name: summary.StreamName!,
    id: stream,
    arn: summary.StreamARN!,
    birth: birthOf(summary),
    retentionHours: summary.RetentionPeriodHours ?? 24,
    traits: {
      ...STREAM_TRAITS,
      isOnDemand: summary.StreamModeDetails?.StreamMode === 'ON_DEMAND',
      isAutoDistributed: summary.RecordDistributionStrategy === 'AUTO',
      recordBytesMax: summary.MaxRecordSizeInKiB
        ? summary.MaxRecordSizeInKiB * KIB
        : KINESIS.recordBytesDefault,
    },
  };
}

/**
 * Asks whether a stream is still the one that records were put to: a successor of the same name has none of them.
 * @param advice What to do about it.
 * @throws {MillraceError} MILLRACE_STREAM, exit 2: it is another one, or is being deleted. @throws Those of the call, as they are.
 */
export async function assertSameStream(
  control: KinesisControl,
  before: Pick<SinkFacts, 'name' | 'id' | 'birth'>,
  advice: string,
  signal?: AbortSignal,
): Promise<void> {
  const summary = await describe(control, before.id, signal);
  const birth = birthOf(summary);
  if (!isSameStream(before.birth, birth)) {
    const why = describeSuccessor(before.name, before.birth, birth);
    throw new MillraceError('MILLRACE_STREAM', `Cannot call anything delivered: ${why}; ${advice}`);
  }
  if (summary.StreamStatus === 'DELETING')
    throw streamError(before.name, 'it is being deleted, with what was put to it', advice);
}

async function describe(
  control: KinesisControl,
  stream: string,
  signal: AbortSignal | undefined,
): Promise<StreamDescriptionSummary> {
  const summary = await control.describe(stream, signal);
  if (!summary?.StreamName || !summary.StreamARN)
    throw streamError(stream, 'the service described no stream', '');
  return summary;
}

/**
 * The open shards of a stream, sorted by hash key.
 * @param stream Name or ARN.
 * @throws {MillraceError} MILLRACE_STREAM when the service refuses. @throws {Error} While a reshard is between two states.
 */
export async function listOpenShards(
  control: KinesisControl,
  stream: string,
  signal?: AbortSignal,
): Promise<ShardRange[]> {
  const shards = await control
    .shards(stream, { ShardFilter: { Type: 'AT_LATEST' } }, signal)
    .catch((error: unknown) => {
      signal?.throwIfAborted();
      throw explain(error, stream, 'kinesis:ListShards');
    });
  // Closed shards have an end; a service that knows no filter returns them too.
  const open = shards.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
  return sortShards(
    open.map((shard) => ({
      shardId: shard.ShardId!,
      start: BigInt(shard.HashKeyRange!.StartingHashKey!),
      end: BigInt(shard.HashKeyRange!.EndingHashKey!),
    })),
  );
}

function streamError(
  stream: string,
  why: string,
  advice: string,
  exitCode: FailureExitCode = EXIT.refused,
  cause?: unknown,
): MillraceError {
  const message = `Cannot use stream ${stream}: ${why}${advice ? `; ${advice}` : ''}`;
  return new MillraceError('MILLRACE_STREAM', message, { exitCode, cause });
}

/** What a failed control-plane call means to the user. @param action The IAM action that the call needs. */
export function explain(error: unknown, stream: string, action: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = saidBy(error);
  const code = codeOf(error);
  const advice = ADVICE.get(code);
  if (advice) return streamError(stream, advice.why ?? `${code}: ${message}`, advice.help(action));
  if (message === 'Region is missing')
    return streamError(stream, 'no region', 'set AWS_REGION or use --region');
  const isUnreachable = code === 'ECONNREFUSED' || isUnnamed(code);
  if (/^the proxy /.test(message)) {
    const help = 'check HTTPS_PROXY, HTTP_PROXY and NO_PROXY';
    return streamError(
      stream,
      message,
      help,
      isPassing(error) && !isUnreachable ? EXIT.resumable : EXIT.refused,
    );
  }
  if (isUnreachable) {
    const place = placeOf(error);
    return streamError(
      stream,
      `the endpoint cannot be reached (${place === null ? code : `${code} ${place}`})`,
      'check --kinesis-endpoint-url and the network',
      EXIT.refused,
      error,
    );
  }
  if (isTlsCode(code)) {
    const help = 'check the endpoint; AWS_CA_BUNDLE names a file of the authorities that you trust';
    return streamError(stream, `${code}: ${message}`, help);
  }
  const exitCode = isPassing(error) ? EXIT.resumable : EXIT.refused;
  if (isForeignAnswer(error)) {
    const help = 'check --kinesis-endpoint-url, the network and its proxies';
    return streamError(stream, 'what answers at the endpoint is not Kinesis', help, exitCode, error);
  }
  const isCoded = !(error instanceof KinesisCallError) || code !== error.name;
  return streamError(stream, isCoded ? `${code}: ${message}` : message, '', exitCode);
}

/** What a message holds beside the code. */
function saidBy(error: unknown): string {
  // Of a call without an answer the connection has said it.
  const isOfSocket = error instanceof KinesisCallError && error.cause instanceof HttpFailure;
  const { message } = (isOfSocket ? error.cause : error) as { message?: string };
  return (message ?? String(error)).replace(/\s*\n\s*/g, ' ').trim();
}

/** Codes that say what to do. Without `why` the service's message says it. */
interface Advice {
  readonly why?: string;
  readonly help: (action: string) => string;
}
const CHECK: Advice = { help: () => 'check the credentials and the clock of this machine' };
const ADVICE: ReadonlyMap<string, Advice> = new Map<string, Advice>([
  [
    'ERR_INVALID_CHAR',
    {
      why: 'the credentials hold a character that cannot be sent',
      help: () => 'look for line ends in AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or the credentials file',
    },
  ],
  [
    'ResourceNotFoundException',
    { why: 'no such stream', help: () => 'check the name and the region (--region), or create it' },
  ],
  ['AccessDeniedException', { why: 'access denied', help: (action) => `allow ${action} on it` }],
  [
    'CredentialsProviderError',
    { why: 'no credentials found', help: () => 'set AWS_PROFILE or AWS_ACCESS_KEY_ID, or use --profile' },
  ],
  ['ExpiredTokenException', CHECK],
  ['UnrecognizedClientException', CHECK],
  ['InvalidSignatureException', CHECK],
]);
