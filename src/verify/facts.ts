/**
 * Verify facts: what `verify` takes from the journal of a run.
 * Takes  a journal file. Gives  the run's identity, its stream, its beginning, its dead-letter file, and what it did with each object.
 * Owns   12 to 20 bytes for each object of the run (src/journal/settled-set.ts).
 */
import type { StreamBirth } from '../aws/stream-birth.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import { lookInto, unreadable } from '../journal/look.ts';
import { JournalState } from '../journal/state.ts';
import type { SourceObject } from '../source/object.ts';

export interface RunFacts {
  readonly identity: Readonly<Record<string, unknown>>;
  readonly run: string;
  /** Of the journal. */
  readonly path: string;
  /** The stream that the run put to. */
  readonly stream: StreamBirth;
  /** Before this time, in milliseconds since 1970, the run had put nothing. */
  readonly startedAtMs: number;
  /** Whether a process of the run paid for its requests, which is not part of its identity. */
  readonly requestPayer: boolean;
  /** Where the run's dead letters are, as it says itself; null in journals of older programs. */
  readonly deadLetter: string | null;
  /** Of its `--limit`, once it has found them. */
  readonly firstLines: FirstLines | null;
  /** Whether the run could not carry an object of this name to its end. */
  hasFailed(object: { readonly bucket: string; readonly key: string }): boolean;
  /** Whether the run knows this object in another version. */
  isNewer(object: SourceObject): boolean;
}

/** @throws {MillraceError} MILLRACE_JOURNAL when it cannot be read. */
export async function readRunFacts(path: string): Promise<RunFacts> {
  const state = new JournalState();
  await lookInto(path, (entry, atMs) => state.apply(entry, atMs));
  if (state.header === null) throw unreadable(path, 'its first line is damaged');
  return {
    identity: state.header.identity,
    run: state.header.run,
    path,
    stream: state.stream,
    startedAtMs: state.createdAtMs,
    requestPayer: state.requestPayer,
    deadLetter: state.deadLetter,
    firstLines: state.firstLines,
    hasFailed: (object) => state.hasFailed(object),
    // Without an ETag in the listing nothing tells two versions apart before they are read.
    isNewer: (object) => object.etag !== '' && state.lookup(object).kind === 'changed',
  };
}
