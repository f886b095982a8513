/**
 * Source side: the records of the sources, as `verify` compares them.
 * Takes  sources and record options.
 * Gives  the digest of every valid record, taken in the parser threads; or every valid record as frames, each time it is asked.
 *        Beside it, of the first reading: what was rejected, what was left out, and how many lines there are.
 * Owns   one reading at a time. Lines go through the same code as in a backfill, so what a backfill rejects is expected to be
 *        absent here as well.
 */

import { Accounting } from '../accounting/accounting.ts';
import { SourceLines } from '../accounting/source-lines.ts';
import type { MillraceError } from '../base/errors.ts';
import { addBuckets } from '../digest/buckets.ts';
import { bucketTableBytes, DIGEST_KEY_BYTES } from '../digest/digest.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import { framingOf } from '../options/framing.ts';
import type { RecordOptions } from '../options/records.ts';
import { createParseShared, type RejectedLine, releaseWaiting } from '../parse/setup.ts';
import { createHeartbeats, HANG_MS, HeartMonitor } from '../ring/heartbeat.ts';
import { laneBytes } from '../ring/layout.ts';
import { createDoorbells } from '../ring/wait.ts';
import { type Budget, planBudget } from '../run/budget.ts';
import { hangFailure } from '../run/failures.ts';
import type { LimitKeeper } from '../run/limited-listing.ts';
import { bytesOfTables } from '../run/open-tables.ts';
import { Reading, stdinLines } from '../run/reading.ts';
import { scannerReason } from '../scan/open.ts';
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

const LISTEN_INTERVAL_MS = 250;

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
  const limit = limitKeeper(options.limitLines, given.firstLines ?? null);
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

/** Every reading is of the same lines: those of the run, or those that the first reading finds. */
function limitKeeper(lines: number | null, known: FirstLines | null): LimitKeeper | null {
  if (lines === null) return null;
  let kept = known?.facts.lines === lines ? known : null;
  return {
    lines,
    known: () => kept,
    keep: async (found) => {
      kept = found;
    },
  };
}

/** One pass over the sources. */
class Scan {
  readonly #given: SourceSideOptions;
  readonly #purpose: Purpose;
  readonly #accounting: Accounting;
  readonly #sourceLines = new SourceLines();
  #objectDeadLetters = 0;
  readonly #shared = createParseShared();
  readonly #heartbeats: SharedArrayBuffer;
  readonly #reading: Reading;
  readonly #failed = Promise.withResolvers<never>();

  constructor(
    given: SourceSideOptions,
    budget: Budget,
    purpose: Purpose,
    lines: readonly string[] | undefined,
    limit: LimitKeeper | null,
  ) {
    this.#given = given;
    this.#purpose = purpose;
    const isDigest = purpose.kind === 'digest';
    const { options, rules, schema, stages, source, sources, observer } = given;
    this.#accounting = new Accounting({
      journal: null,
      parserCount: options.parsers,
      onDeadLetter: (deadLetter) => this.#takeDeadLetter(deadLetter),
      digestOf: () => ({ sumA: 0n, sumB: 0n }),
      // Nobody has to acknowledge a record: it is settled when it is scanned.
      isDryRun: true,
    });
    this.#heartbeats = createHeartbeats(options.parsers);
    this.#reading = new Reading({
      sources,
      ...(lines && { stdin: again(lines) }),
      options,
      source,
      budget,
      accounting: this.#accounting,
      sourceLines: this.#sourceLines,
      deadLetters: null,
      journal: null,
      setup: {
        rules,
        lanes: Array.from({ length: options.parsers }, () => [
          new SharedArrayBuffer(laneBytes(budget.laneCapacityBytes)),
        ]),
        starts: new BigUint64Array(2),
        doorbells: createDoorbells(1),
        control: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
        shared: this.#shared.buffer,
        heartbeats: this.#heartbeats,
        slices: this.#accounting.slices.memory,
        isOrdered: false,
        isCollecting: !isDigest,
        isCounting: isDigest,
        ...(isDigest && { buckets: purpose.tables }),
        schema,
        stages: stages ?? null,
        framing: framingOf(options.framing),
        isPortable: scannerReason() !== null,
        lineBytesMax: budget.lineBytesMax,
        windowBytes: budget.windowBytes,
        digestKey: isDigest ? purpose.spec.key : new Uint8Array(DIGEST_KEY_BYTES),
      },
      onRejected: (lines) => this.#takeRejected(lines),
      onFrames: (frames, object) => this.#takeFrames(frames, object),
      onFound: () => this.#accounting.release(this.#accounting.writeEntries()),
      onFailure: (error: MillraceError) => this.#failed.reject(error),
      onListed: () => {},
      limit,
      ...(isDigest && {
        onArchived: (object) => observer.onArchived(object),
        onFiltered: (object) => observer.onFiltered(object),
        onObject: (object) => observer.onObject(object),
      }),
      ...(given.onNotice && { onNotice: given.onNotice }),
    });
  }

  /** Of all records that were scanned. */
  get sums(): SideDigest['sums'] {
    const { records: count, bytes, sumA, sumB } = this.#accounting.counts.tally;
    return { count, bytes, sumA, sumB };
  }

  get tally(): SourceTally {
    const { records, blank, filtered, added, rejected } = this.#accounting.counts.tally;
    const uneven: ObjectPlace[] = [];
    for (const object of this.#sourceLines.uneven)
      if (!this.#accounting.hasFailed(object)) uneven.push(object);
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
    const { listedBytes: listed } = this.#reading.listTally;
    const { records } = this.#accounting.counts.tally;
    return { records, bytes: { listed, downloaded: this.#reading.stats.bytes } };
  }

  async run(signal: AbortSignal): Promise<void> {
    const listening = this.#listen();
    const onAbort = () => this.#failed.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await Promise.race([this.#readAll(), this.#failed.promise]);
    } finally {
      clearInterval(listening);
      signal.removeEventListener('abort', onAbort);
      this.#reading.abort(new Error('The scan has ended'));
      await this.#reading.close();
    }
  }

  /** Ends the scan when a parser hangs. */
  #listen(): NodeJS.Timeout {
    const monitor = new HeartMonitor(this.#heartbeats);
    return setInterval(() => {
      const hanging = monitor.findHanging(performance.now(), HANG_MS);
      if (hanging !== null) this.#failed.reject(hangFailure(hanging, this.#given.options.parsers, HANG_MS));
    }, LISTEN_INTERVAL_MS);
  }

  async #readAll(): Promise<void> {
    await this.#reading.download();
    await this.#reading.idle();
  }

  #takeDeadLetter(deadLetter: DeadLetter): void {
    if (deadLetter.offset === null) this.#objectDeadLetters++;
    if (this.#purpose.kind === 'digest') this.#given.observer.onDeadLetter(deadLetter);
  }

  #takeRejected(lines: readonly RejectedLine[]): void {
    releaseWaiting(
      this.#shared,
      lines.reduce((bytes, { data }) => bytes + data.byteLength, 0),
    );
  }

  #takeFrames(frames: Uint8Array, object: ObjectPlace): void {
    if (this.#purpose.kind === 'frames') this.#purpose.onFrames(frames, object);
    releaseWaiting(this.#shared, frames.byteLength);
  }
}
