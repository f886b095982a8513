/**
 * Stream birth: what tells a stream from its successor. One that was deleted and made again has the same name and ARN, and nothing
 * of what was put before.
 * Takes  what DescribeStreamSummary says. Gives plain data for the journal, the comparison of two of them, and its words.
 * Never  takes two streams for different ones where the service does not say enough.
 */

export interface StreamBirth {
  /** Milliseconds since 1970, or null where the service did not say. */
  readonly createdAtMs: number | null;
  /** Null where the service gives none: so far it reserves the field. */
  readonly streamId: string | null;
}

export const UNKNOWN_BIRTH: StreamBirth = { createdAtMs: null, streamId: null };

const SECOND_MS = 1_000;

export function birthOf(summary: { StreamCreationTimestamp?: Date; StreamId?: string }): StreamBirth {
  const createdAtMs = summary.StreamCreationTimestamp?.getTime();
  return {
    createdAtMs: createdAtMs !== undefined && Number.isSafeInteger(createdAtMs) ? createdAtMs : null,
    streamId: summary.StreamId ?? null,
  };
}

/** False only where both are known and differ. An id decides before a time does. */
export function isSameStream(before: StreamBirth, now: StreamBirth): boolean {
  if (before.streamId !== null && now.streamId !== null) return before.streamId === now.streamId;
  const [first, second] = [before.createdAtMs, now.createdAtMs];
  if (first === null || second === null) return true;
  // One protocol may give seconds where another one gives milliseconds.
  const isRounded = first % SECOND_MS === 0 || second % SECOND_MS === 0;
  return isRounded ? Math.abs(first - second) < SECOND_MS : first === second;
}

/** What is known of either: a later answer may say more, or less. */
export function mergeBirths(before: StreamBirth, now: StreamBirth): StreamBirth {
  return {
    createdAtMs: now.createdAtMs ?? before.createdAtMs,
    streamId: now.streamId ?? before.streamId,
  };
}

/** One clause for people. @param name Of the stream. */
export function describeSuccessor(name: string, before: StreamBirth, now: StreamBirth): string {
  const gone = 'with what was put to it';
  return `stream ${name} was deleted and made again: the one of ${told(before)} is gone ${gone}, this one is of ${told(now)}`;
}

function told({ createdAtMs, streamId }: StreamBirth): string {
  const time = createdAtMs === null ? 'an unknown time' : new Date(createdAtMs).toISOString();
  return streamId === null ? time : `${time} (${streamId})`;
}
