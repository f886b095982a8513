/** Notices: what publishers tell the main thread, in words for users. */
import type { PublishNotice } from '../publish/setup.ts';

/** @returns Null: nothing that a user should know. */
export function wordsOf(notice: PublishNotice): string | null {
  switch (notice.kind) {
    case 'reshard':
      return `the stream was resharded: ${notice.shardCount} open shards now`;
    case 'breaker':
      return `the service fails (${notice.reason}); sending stops until it answers again`;
    case 'refresh-failed':
      return `the stream's shards could not be listed (${notice.reason}); asking again`;
    default:
      return null;
  }
}
