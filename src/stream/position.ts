/**
 * Position: where in a stream a reader begins, and where it is.
 * Gives  start positions as Kinesis knows them; checkpoints, plain data that survive JSON, from which a reader goes on.
 * Owns   the check of a checkpoint that comes from a file.
 */
import { MillraceError } from '../base/errors.ts';

/** Where reading begins in every shard that has no position of its own. */
export type StartPosition =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly timestampMs: number };

/** Where reading begins in one shard. `FINISHED`: it was read to its end. */
export type ShardPosition =
  | StartPosition
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly sequenceNumber: string }
  | { readonly type: 'FINISHED' };

/** Every shard that a reader knows. Shards that it does not know came later: they are read from their beginning. */
export interface StreamCheckpoint {
  readonly version: 1;
  /** Name of the stream. */
  readonly stream: string;
  readonly shards: Readonly<Record<string, ShardPosition>>;
}

const TYPES = new Set([
  'TRIM_HORIZON',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'AFTER_SEQUENCE_NUMBER',
  'FINISHED',
]);

function isPosition(value: unknown): value is ShardPosition {
  if (value === null || typeof value !== 'object') return false;
  const { type, timestampMs, sequenceNumber } = value as Record<string, unknown>;
  if (typeof type !== 'string' || !TYPES.has(type)) return false;
  if (type === 'AT_TIMESTAMP') return typeof timestampMs === 'number' && Number.isFinite(timestampMs);
  return (
    !type.endsWith('_SEQUENCE_NUMBER') ||
    (typeof sequenceNumber === 'string' && /^\d{1,129}$/.test(sequenceNumber))
  );
}

/**
 * A checkpoint that was read from somewhere.
 * @throws {MillraceError} MILLRACE_STREAM when it is not one, or belongs to another stream.
 */
export function checkCheckpoint(value: unknown, streamName: string): StreamCheckpoint {
  const { version, stream, shards } = (value ?? {}) as Record<string, unknown>;
  const isMap = shards !== null && typeof shards === 'object' && Object.values(shards).every(isPosition);
  if (version !== 1 || !isMap) {
    throw new MillraceError(
      'MILLRACE_STREAM',
      'Cannot go on from the checkpoint: it is not one that this version wrote',
    );
  }
  if (stream !== streamName) {
    throw new MillraceError(
      'MILLRACE_STREAM',
      `Cannot go on from the checkpoint: it is of stream ${stream}, not ${streamName}`,
    );
  }
  return value as StreamCheckpoint;
}
