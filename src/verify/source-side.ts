/**
 * Source side: the records of the sources, as `verify` compares them.
 * Takes  sources and record options.
 * Gives  the digest of every valid record, taken in the parser threads; or every valid record as frames, each time it is asked.
 *        Beside it, of the first reading: what was rejected, what was left out, and how many lines there are.
 * Owns   one pass at a time (src/run/pass.ts). Lines go through the same code as in a backfill, so what a backfill rejects is expected to be
 *        absent here as well.
 */

import { SourceLines } from '../accounting/source-lines.ts';
import { addBuckets } from '../digest/buckets.ts';
import { bucketTableBytes } from '../digest/digest.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import type { RecordOptions } from '../options/records.ts';
import { type Budget, planBudget } from '../run/budget.ts';
import { keepFirstLines, type LimitKeeper } from '../run/limited-listing.ts';
import { bytesOfTables } from '../run/open-tables.ts';
import { Pass } from '../run/pass.ts';
import { stdinLines } from '../run/stdin-lines.ts';
import type { RecordRules } from '../scan/scanner.ts';
import type { Stages } from '../shape/stages.ts';
import type { SourceObject } from '../source/object.ts';
import type { Source } from '../source/source.ts';
import type { DigestSpec, ObjectPlace, SideDigest, SourceSide } from './sides.ts';

export interface SourceSideOptions {
  readonly sources: readonly string[];
  readonly options: RecordOptions;
  readonly source: Source;
  readonly rules: RecordRules;
  readonly schema: { readonly text: string; readonly name: string } | null;
  readonly stages?: Stages | null;
  /** Of the journal's run, where it has a `--limit` and has found them. */
  readonly firstLines?: FirstLines | null;
  /** Told of what the first reading finds. */
  readonly observer: SourceObserver;
  /** Something that the user should know, one line; it may be repeated with every scan. */
  readonly onNotice?: (text: string) => void;
}

export interface SourceObserver {
  /** What a backfill would write a dead letter for. */
  onDeadLetter(deadLetter: DeadLetter): void;
  onArchived(object: SourceObject): void;
  onFiltered(object: ObjectPlace): void;
  /** An object that is going to be read. */
  onObject(object: SourceObject): void;
}

/** Lines of the first reading, as two counters see them. */
export interface SourceTally {
  /** By line ends. */
  readonly counted: number;
  /** By the scanner. */
  readonly records: number;
  readonly blank: number;
  readonly filtered: number;
  readonly added: number;
  readonly rejected: number;
  /** Objects in which not every byte was counted. */
  readonly uneven: readonly ObjectPlace[];
}

/** How far the last reading has come. */
export interface SourceProgress {
  readonly records: number;
  /** Stored bytes. */
  readonly bytes: { readonly listed: number; readonly downloaded: number };
}

/** @returns The side; `tally` is null before its digest. */
export function createSourceSide(
  given: SourceSideOptions,
): SourceSide & { progress(): SourceProgress; tally(): SourceTally | null } {
  const { options, rules } = given;
  const budget = planBudget({
    memoryBytes: options.memoryBytes,
    downloads: options.downloads,
    parsers: options.parsers,
    publishers: 1,
    recordBytesMax: rules.recordBytesMax,
    isOrdered: false,
    framing: options.framing,
    tableBytes: bytesOfTables(given.stages ?? null),
  });
  let last: Scan | null = null;
  let tally: SourceTally | null = null;
  /** Of the SOURCE `-`: standard input gives them once, and every reading needs them. */
  let lines: readonly string[] | undefined;
  const { limitLines } = options;
  const { firstLines = null } = given;
  /** Every reading is of the same lines: those of the run, or those that the first reading finds. */
  const known = firstLines?.facts.lines === limitLines ? firstLines : null;
  const limit = limitLines === null ? null : keepFirstLines(limitLines, known);
  const run = async (purpose: Purpose, signal: AbortSignal) => {
    if (given.sources.includes('-')) lines ??= await allOf(stdinLines(signal));
    const scan = new Scan(given, budget, purpose, lines, limit);
    last = scan;
    await scan.run(signal);
    return scan;
  };
  return {
    tally: () => tally,
    progress: () => last?.progress() ?? { records: 0, bytes: { listed: 0, downloaded: 0 } },
    async scan(onFrames, signal) {
      await run({ kind: 'frames', onFrames }, signal);
    },
    async digest(spec, signal) {
      const bytes = bucketTableBytes(spec.bucketBits);
      const tables = Array.from({ length: options.parsers }, () => new SharedArrayBuffer(bytes));
      const scan = await run({ kind: 'digest', spec, tables }, signal);
      tally = scan.tally;
      const buckets = new Uint8Array(bytes);
      for (const table of tables) addBuckets(buckets, new Uint8Array(table));
      return { sums: scan.sums, buckets };
    },
  };
}

/** What becomes of the records. */
type Purpose =
  | { readonly kind: 'frames'; readonly onFrames: (frames: Uint8Array, object: ObjectPlace) => void }
  /** `tables`: of buckets, one a parser. */
  | { readonly kind: 'digest'; readonly spec: DigestSpec; readonly tables: readonly SharedArrayBuffer[] };

async function allOf(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

async function* again(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** One pass over the sources. */
class Scan {
  readonly #pass: Pass;
  readonly #sourceLines = new SourceLines();
  #objectDeadLetters = 0;

  constructor(
    { options, rules, schema, stages, source, sources, observer, onNotice }: SourceSideOptions,
    budget: Budget,
    purpose: Purpose,
    lines: readonly string[] | undefined,
    limit: LimitKeeper | null,
  ) {
    const isDigest = purpose.kind === 'digest';
    this.#pass = new Pass({
      sources,
      ...(lines && { stdin: again(lines) }),
      ...{ options, source, budget, rules, schema, stages: stages ?? null, limit },
      sourceLines: this.#sourceLines,
      parserCount: options.parsers,
      digest: isDigest ? { tables: purpose.tables, key: purpose.spec.key } : null,
      onDeadLetter: (deadLetter) => {
        if (deadLetter.offset === null) this.#objectDeadLetters++;
        if (isDigest) observer.onDeadLetter(deadLetter);
      },
      onFrames: (frames, object) => {
        if (!isDigest) purpose.onFrames(frames, object);
      },
      ...(isDigest && {
        onArchived: (object) => observer.onArchived(object),
        onFiltered: (object) => observer.onFiltered(object),
        onObject: (object) => observer.onObject(object),
      }),
      ...(onNotice && { onNotice }),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#pass.run(signal);
  }

  /** Of all records that were scanned. */
  get sums(): SideDigest['sums'] {
    const { records: count, bytes, sumA, sumB } = this.#pass.accounting.counts.tally;
    return { count, bytes, sumA, sumB };
  }

  get tally(): SourceTally {
    const { accounting } = this.#pass;
    const { records, blank, filtered, added, rejected } = accounting.counts.tally;
    const uneven: ObjectPlace[] = [];
    for (const object of this.#sourceLines.uneven) if (!accounting.hasFailed(object)) uneven.push(object);
    // Dead letters about whole objects are not lines.
    return {
      counted: this.#sourceLines.lines,
      records,
      blank,
      filtered,
      added,
      rejected: rejected - this.#objectDeadLetters,
      uneven,
    };
  }

  progress(): SourceProgress {
    const { accounting, reading } = this.#pass;
    const { records } = accounting.counts.tally;
    return { records, bytes: { listed: reading.listTally.listedBytes, downloaded: reading.stats.bytes } };
  }
}
