/**
 * Limited listing: the objects of a run that has a `--limit`.
 * Takes  a listing as it would be without the limit; which lines an earlier process found to be the first ones, if any did.
 * Gives  the objects that hold the first lines, the last of them cut behind its last line; then it ends, whatever else is there.
 * Owns   the moment in which the lines are found: before the first object is given, and kept before that, so that every process of the run
 *        has the same ones.
 */
import { versionName } from '../aws/etag.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import { contentReader } from '../source/content.ts';
import type { DownloadStats } from '../source/download.ts';
import type { SourceObject } from '../source/object.ts';
import type { ListRequest, RangeReader, Source } from '../source/source.ts';
import { findFirstLines } from './first-lines.ts';
import { FirstValues, type ValueFraming } from './first-values.ts';

/** Which lines are the first ones, and who remembers them. */
export interface LimitKeeper {
  readonly lines: number;
  /** What an earlier process, or reading, has found. */
  known(): FirstLines | null;
  /** Ends when they will be known to the next one. */
  keep(found: FirstLines): Promise<void>;
  /** Told of the lines while they are sought, chunk by chunk; each is valid until it returns. */
  readonly onContent?: (object: SourceObject, bytes: Uint8Array) => void;
}

/** @param known Of an earlier process. @param told What is found is known to the next process when `onFound` ends. */
export function keepFirstLines(
  lines: number,
  known: FirstLines | null,
  told: {
    readonly onFound?: (found: FirstLines) => void | Promise<void>;
    readonly onContent?: LimitKeeper['onContent'];
  } = {},
): LimitKeeper {
  let kept = known;
  return {
    lines,
    known: () => kept,
    keep: async (found) => {
      kept = found;
      await told.onFound?.(found);
    },
    ...(told.onContent && { onContent: told.onContent }),
  };
}

export interface LimitedListing {
  readonly source: Source;
  readonly reader: RangeReader;
  /** What is asked of the source; anew with every call. */
  readonly request: () => ListRequest & { readonly signal: AbortSignal };
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  /** Null: lines are lines. */
  readonly framing: ValueFraming | null;
  readonly stats: DownloadStats;
  /** Told of an object that held first lines in another version, before it is given. */
  readonly onOther: (object: SourceObject) => void;
}

export async function* listFirst(given: LimitedListing, keeper: LimitKeeper): AsyncGenerator<SourceObject> {
  const known = keeper.known();
  if (known !== null) {
    yield* within(given, given.request(), known);
    return;
  }
  const { stdin } = given.request();
  const lines = stdin && new LinesAgain(stdin);
  const found = await find(given, keeper, lines?.first());
  await keeper.keep(found);
  yield* within(given, { ...given.request(), ...(lines && { stdin: lines.again() }) }, found);
}

async function find(
  { source, reader, compression, framing, stats, request }: LimitedListing,
  { lines, onContent }: LimitKeeper,
  stdin: AsyncIterable<string> | undefined,
): Promise<FirstLines> {
  // What this listing leaves out, the next one leaves out again, and says so.
  const { tally: _, onArchived: _archived, onFiltered: _filtered, ...rest } = request();
  const asked = { ...inOrder(rest), ...(stdin && { stdin }), onUnreadable: () => {} };
  const read = contentReader({ reader, compression, stats, signal: asked.signal });
  const openFinder = framing === null ? undefined : (wanted: number) => new FirstValues(framing, wanted);
  return await findFirstLines(lines, { objects: source.list(asked), read, onContent, openFinder });
}

async function* within(
  { source, onOther }: LimitedListing,
  request: ReturnType<LimitedListing['request']>,
  firstLines: FirstLines,
): AsyncGenerator<SourceObject> {
  let left = firstLines.objectCount;
  if (left === 0) return;
  const { tally, signal } = request;
  for await (const object of source.list(inOrder(request))) {
    const found = await findIn(firstLines, object, source, signal);
    if (found === 'absent') {
      if (tally !== undefined) tally.listed--;
      if (tally !== undefined) tally.listedBytes -= object.size;
      continue;
    }
    if (found === 'other') onOther(object);
    const cut = firstLines.cutOf(object);
    yield cut === null ? object : { ...object, cut };
    if (--left === 0) return;
  }
}

/** Where the listing names no version, the source is asked for it: without one no object is known again. */
async function findIn(
  firstLines: FirstLines,
  object: SourceObject,
  source: Source,
  signal: AbortSignal,
): Promise<ReturnType<FirstLines['find']>> {
  const found = firstLines.find(object);
  if (object.etag !== '' || found !== 'other') return found;
  const { etag, lastModifiedMs } = await source.find(object, signal);
  object.etag = versionName(etag, lastModifiedMs);
  return firstLines.find(object);
}

/** The first lines are those of the objects that are listed first. */
function inOrder<Request extends ListRequest>({ requestsMax: _, ...request }: Request) {
  return request;
}

/** Lines that can be read once and are wanted twice: those of standard input. */
class LinesAgain {
  readonly #lines: AsyncIterable<string>;
  readonly #read: string[] = [];

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines;
  }

  async *first(): AsyncGenerator<string> {
    for await (const line of this.#lines) {
      this.#read.push(line);
      yield line;
    }
  }

  /** Those that were read the first time. */
  async *again(): AsyncGenerator<string> {
    yield* this.#read;
  }
}
