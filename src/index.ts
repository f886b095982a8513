/**
 * The library: what the commands are made of, for programs that embed it.
 *
 * `await backfill({ sources: 's3://bucket/prefix', stream: 'events', downloads: 32 }, { signal, onProgress })`
 */

export {
  ERROR_CODES,
  type ErrorCode,
  MillraceError,
  OptionsError,
  REJECT_CODES,
  type RejectCode,
} from './base/errors.ts';
export type { BackfillReport } from './observe/report.ts';
export { type RunStatus, readStatus } from './observe/status.ts';
export { type BackfillOptions, type BackfillSettings, backfillOptions } from './options/backfill.ts';
export { backfill } from './run/backfill.ts';
export type { BackfillHooks } from './run/hooks.ts';
export type { Progress } from './run/report.ts';
export { type ReadStreamOptions, readStream, type StreamReader } from './stream/read-stream.ts';
export type { StreamBatch, StreamRecord } from './stream/stream-batch.ts';
