/**
 * Verify: says whether every record of the source is on the stream, unaltered, and if not, which are not.
 * Takes  the source as the engine reads it, a stream, a key.
 * Gives  a report; a failure on the way is part of it.
 * Owns   the verdict: what counts as a difference, and what the reader has to know besides.
 */
import { randomBytes } from 'node:crypto';
import { codeOf } from '../aws/call-fault.ts';
import { MillraceError, type WireError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { heapReason } from '../base/thread-heap.ts';
import { DIGEST_KEY_BYTES } from '../digest/digest.ts';
import { openStreamClient, retentionHoursOf } from '../stream/client.ts';
import { streamNameOf } from '../stream/list-shards.ts';
import { type CompareOptions, type ComparePhase, type Comparison, compare } from './compare.ts';
import type { ComparisonReport } from './report.ts';
import type { SourceSide } from './sides.ts';
import { createStreamSide, type StreamSideOptions } from './stream-side.ts';

export interface VerifyOptions extends Omit<StreamSideOptions, 'untilMs'> {
  readonly source: SourceSide;
  /** Milliseconds since the epoch. Default: now, and a second for what was put just before to be readable. */
  readonly untilMs?: number;
  /** When the records were put at the earliest, as the journal knows; used for the warning that retention has cut them off. */
  readonly putFromMs?: number;
  /** Duplicated and unexpected records are differences, too. Default false. */
  readonly isStrict?: boolean;
  /** Of each kind of example. Default 10. */
  readonly examplesMax?: number;
  /** Of the second pass. Default 512 MiB. */
  readonly memoryBytesMax?: number;
  /** Default: drawn at random. */
  readonly digestKey?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: ComparePhase) => void;
  readonly isExcused?: CompareOptions['isExcused'];
}

const READABLE_AFTER_MS = 1000;
const HOUR_MS = 3_600_000;

/** @see Comparison.excused */
export type ComparedReport = ComparisonReport & Pick<Comparison, 'excused'>;

/** What a report says before anything was read. */
const NOTHING: Comparison = {
  source: { records: 0, bytes: 0 },
  streamRecords: { records: 0, bytes: 0, shards: 0 },
  ...{ missing: 0, duplicated: 0, foreign: 0, altered: 0, outsideHashRange: 0, undecodable: 0 },
  excused: 0,
  examples: { missing: [], duplicated: [], foreign: [], altered: [] },
};

/** Compares source and stream. Never throws: what went wrong is in the report. */
export async function verify(options: VerifyOptions): Promise<ComparedReport> {
  const startedAtMs = performance.now();
  const warnings: string[] = [];
  let comparison = NOTHING;
  let error: WireError | null = null;
  try {
    const nowMs = Date.now();
    warnings.push(...(await retentionWarnings(options, nowMs)));
    const stream = createStreamSide({ ...options, untilMs: options.untilMs ?? nowMs + READABLE_AFTER_MS });
    comparison = await compare({
      source: options.source,
      stream,
      digestKey: options.digestKey ?? randomBytes(DIGEST_KEY_BYTES),
      ...(options.examplesMax !== undefined && { examplesMax: options.examplesMax }),
      ...(options.memoryBytesMax !== undefined && { memoryBytesMax: options.memoryBytesMax }),
      ...(options.decoder && { kind: options.decoder }),
      ...(options.signal && { signal: options.signal }),
      ...(options.onPhase && { onPhase: options.onPhase }),
      ...(options.isExcused && { isExcused: options.isExcused }),
    });
    warnings.push(...warningsOf(comparison));
  } catch (failure) {
    error = wireOf(failure, options.signal);
  }
  const { missing, duplicated, foreign } = comparison;
  const isDifferent = missing > 0 || (options.isStrict === true && duplicated + foreign > 0);
  return {
    status: error ? 'failed' : isDifferent ? 'differ' : 'match',
    error,
    ...comparison,
    warnings,
    durationMs: Math.round(performance.now() - startedAtMs),
  };
}

function wireOf(failure: unknown, signal: AbortSignal | undefined): WireError {
  if (failure instanceof MillraceError) return failure.toWire();
  if (signal?.aborted) {
    const reason: unknown = signal.reason;
    if (reason instanceof MillraceError) return reason.toWire();
    return new MillraceError('MILLRACE_INTERRUPTED', 'Verifying was stopped before its end', {
      exitCode: EXIT.SIGINT,
    }).toWire();
  }
  const why = failure instanceof Error ? (heapReason(failure) ?? failure.message) : String(failure);
  const message = `Cannot verify: ${why}`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: EXIT.resumable }).toWire();
}

function warningsOf({ source, outsideHashRange, undecodable }: Comparison): string[] {
  const warnings: string[] = [];
  if (source.records === 0)
    warnings.push('There is no record in the source that could be missing on the stream: nothing is proved.');
  if (outsideHashRange > 0) {
    warnings.push(
      `${outsideHashRange} records lie in aggregates that reach beyond their shard's range: the Kinesis Client Library drops them, so they count as not seen.`,
    );
  }
  if (undecodable > 0) {
    warnings.push(
      `${undecodable} stream records start like KPL aggregates and are none; each was taken as one record.`,
    );
  }
  return warnings;
}

/** The sentence that retention deserves, or null. @param putFromMs When the first record was put. */
export function retentionWarning(putFromMs: number, retentionHours: number, nowMs: number): string | null {
  const ageHours = (nowMs - putFromMs) / HOUR_MS;
  if (ageHours <= retentionHours) return null;
  return (
    `The first records were put ${ageHours.toFixed(1)} hours ago and the stream keeps ${retentionHours}: ` +
    'what is older is gone from the stream and will be called missing.'
  );
}

async function retentionWarnings(options: VerifyOptions, nowMs: number): Promise<string[]> {
  const { start } = options;
  const putFromMs = options.putFromMs ?? (start?.type === 'AT_TIMESTAMP' ? start.timestampMs : undefined);
  if (putFromMs === undefined) return [];
  const client = openStreamClient(options.target);
  try {
    const retentionHours = await retentionHoursOf(client, options.stream, options.signal);
    const warning = retentionWarning(putFromMs, retentionHours, nowMs);
    return warning === null ? [] : [warning];
  } catch (error) {
    // The permission is not needed to verify; if the stream is not there, the reader says so, with advice.
    const reason = codeOf(error);
    return [
      `The retention period of stream ${streamNameOf(options.stream)} could not be read (${reason}), so it was not checked.`,
    ];
  } finally {
    client.close();
  }
}
