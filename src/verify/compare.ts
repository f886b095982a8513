/**
 * Compare: two multisets of records, the source's and the stream's, and where they differ.
 * Takes  both sides, readable several times; a key.
 * Gives  counts and examples of what is missing, duplicated, unexpected, altered; or a failure where the source does not hold still.
 * Owns   the order of the passes and the memory: two bucket tables, then one record table of at most `memoryBytesMax`.
 * Never  keeps records. See docs/VERIFY.md for the arithmetic.
 *
 * First pass: both sides into buckets. Equal sums end it. Otherwise, round by round over the unequal buckets: the source fills
 * the table, the stream takes from it, and if anything is left the source is read once more to name it.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { BUCKET_BITS, type BucketRound, hasBucket, unequalRounds } from '../digest/buckets.ts';
import { createDigester, type Digester, sumsEqual } from '../digest/digest.ts';
import { bucketOf } from '../digest/digest-portable.ts';
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { outputOf } from '../ring/slices.ts';
import { RECORD_BYTES, RecordTable } from './record-table.ts';
import type { ComparisonReport, SourcePlace, StreamPlace } from './report.ts';
import type {
  DigestSpec,
  Locate,
  ObjectPlace,
  SideDigest,
  SourceSide,
  StreamExtent,
  StreamSide,
} from './sides.ts';

export interface CompareOptions {
  readonly source: SourceSide;
  readonly stream: StreamSide;
  /** 16 secret random bytes. */
  readonly digestKey: Uint8Array;
  /** Of each kind. Default 10. */
  readonly examplesMax?: number;
  /** Of the record table. Default 512 MiB: 33 million records of unequal buckets a round. */
  readonly memoryBytesMax?: number;
  /** 1 to 24. Default 16. */
  readonly bucketBits?: number;
  readonly kind?: 'native' | 'portable';
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: ComparePhase) => void;
  /** Asked about each line whose record is missing: whether somebody knows what became of it. Then it counts as `excused`. */
  readonly isExcused?: (place: SourcePlace & ObjectPlace) => boolean;
}

export type ComparePhase =
  | { readonly name: 'digest' }
  | {
      readonly name: 'locate';
      readonly round: number;
      readonly rounds: number;
      readonly step: 'source' | 'stream' | 'name';
    };

export type Comparison = Pick<
  ComparisonReport,
  | 'source'
  | 'streamRecords'
  | 'missing'
  | 'duplicated'
  | 'foreign'
  | 'altered'
  | 'examples'
  | 'outsideHashRange'
  | 'undecodable'
> & {
  /** Lines that are accounted for in another way; they are not in `missing`. */
  readonly excused: number;
};

/** Unexpected records whose positional keys are kept, to see which missing line they are. A few hundred bytes each. */
const POSITIONAL_KEYS_MAX = 10_000;
/** 11 characters of base64url, a colon, the line's offset: the key of a record without a key of its own. */
const POSITIONAL_KEY = /^[\w-]{11}:\d{1,16}(\.\d{1,5})?$/;

export async function compare(options: CompareOptions): Promise<Comparison> {
  const bucketBits = options.bucketBits ?? BUCKET_BITS;
  const spec = { key: options.digestKey, bucketBits };
  const signal = options.signal ?? new AbortController().signal;
  options.onPhase?.({ name: 'digest' });
  const [source, stream] = await together(signal, (either) => [
    options.source.digest?.(spec, either) ?? digestSource(options, spec, either),
    options.stream.digest(spec, either),
  ]);
  const search = new Search(options, spec, signal);
  if (!sumsEqual(source.sums, stream.sums)) {
    const recordsMax = Math.max(1, Math.floor((options.memoryBytesMax ?? 512 * 1024 * 1024) / RECORD_BYTES));
    const rounds = unequalRounds(source.buckets, stream.buckets, recordsMax);
    for (const [i, round] of rounds.entries()) await search.run(round, i + 1, rounds.length);
  }
  return { ...totals(source, stream), ...search.result() };
}

/** Both results; or the first failure, when the other side has been stopped and has ended. */
async function together<One, Other>(
  signal: AbortSignal,
  start: (either: AbortSignal) => [Promise<One>, Promise<Other>],
): Promise<[One, Other]> {
  const stop = new AbortController();
  const sides = start(AbortSignal.any([signal, stop.signal]));
  try {
    return await Promise.all(sides);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(sides);
    throw error;
  }
}

function totals(source: SideDigest, stream: SideDigest & StreamExtent) {
  const { shards, outsideHashRange, undecodable } = stream;
  return {
    source: { records: source.sums.count, bytes: source.sums.bytes },
    streamRecords: { records: stream.sums.count, bytes: stream.sums.bytes, shards },
    outsideHashRange,
    undecodable,
  };
}

async function digestSource(
  options: CompareOptions,
  spec: DigestSpec,
  signal: AbortSignal,
): Promise<SideDigest> {
  const digester = createDigester(spec.key, { bucketBits: spec.bucketBits, kind: options.kind });
  await options.source.scan((frames) => digester.addFrames(frames), signal);
  return { sums: digester.sums(), buckets: digester.buckets };
}

/** The second pass: what differs, by name. */
class Search {
  readonly #options: CompareOptions;
  readonly #examplesMax: number;
  readonly #signal: AbortSignal;
  readonly #bucketBits: number;
  /** Only its key is used. */
  readonly #digester: Digester;
  #hashes = new Uint32Array(4 * 4096);
  readonly #missing: SourcePlace[] = [];
  readonly #duplicated: StreamPlace[] = [];
  readonly #unexpected: StreamPlace[] = [];
  readonly #altered: (SourcePlace & StreamPlace)[] = [];
  /** Unexpected records with positional keys, of all rounds: a line and its altered copy lie in different buckets. */
  readonly #unexpectedByKey = new Map<string, StreamPlace>();
  readonly #missingByKey = new Map<string, SourcePlace>();
  #counts = { missing: 0, duplicated: 0, foreign: 0 };
  #alteredCount = 0;
  #excusedCount = 0;

  constructor(options: CompareOptions, spec: DigestSpec, signal: AbortSignal) {
    this.#options = options;
    this.#examplesMax = options.examplesMax ?? 10;
    this.#signal = signal;
    this.#bucketBits = spec.bucketBits;
    this.#digester = createDigester(spec.key, { kind: options.kind });
  }

  async run(round: BucketRound, number: number, rounds: number): Promise<void> {
    const { onPhase, source, stream } = this.#options;
    const phase = (step: 'source' | 'stream' | 'name') =>
      onPhase?.({ name: 'locate', round: number, rounds, step });
    const table = new RecordTable(round.sourceRecords);
    phase('source');
    let added = 0;
    await source.scan((frames) => {
      this.#forEach(frames, round, (_, aLow, bLow, bHigh) => {
        // The table has room for what the first pass counted; beyond that only the number matters.
        if (++added <= round.sourceRecords) table.add(aLow, bLow, bHigh);
      });
    }, this.#signal);
    if (added !== round.sourceRecords) throw changedFailure(added, round);
    phase('stream');
    await stream.scan((frames, locate) => this.#take(frames, locate, round, table), this.#signal);
    const missing = table.leftCount();
    this.#counts.missing += missing;
    if (missing === 0) return;
    phase('name');
    await source.scan((frames, object) => this.#name(frames, object, round, table), this.#signal);
  }

  #take(frames: Uint8Array, locate: Locate, round: BucketRound, table: RecordTable): void {
    this.#forEach(frames, round, (at, aLow, bLow, bHigh) => {
      const verdict = table.take(aLow, bLow, bHigh);
      if (verdict === 'due') return;
      const isUnexpected = verdict === 'unknown';
      this.#counts[isUnexpected ? 'foreign' : 'duplicated'] += 1;
      const examples = isUnexpected ? this.#unexpected : this.#duplicated;
      const key =
        isUnexpected && this.#unexpectedByKey.size < POSITIONAL_KEYS_MAX ? positionalKeyAt(frames, at) : null;
      if (examples.length >= this.#examplesMax && key === null) return;
      const place = locate(viewOf(frames).getUint32(at + FRAME.SLICE, true));
      if (examples.length < this.#examplesMax) examples.push(place);
      if (key !== null) this.#unexpectedByKey.set(key, place);
    });
  }

  #name(frames: Uint8Array, object: ObjectPlace, round: BucketRound, table: RecordTable): void {
    this.#forEach(frames, round, (at, aLow, bLow, bHigh) => {
      // What is left of a record is named at its first places: equal lines cannot be told apart.
      if (table.take(aLow, bLow, bHigh) !== 'due') return;
      const view = viewOf(frames);
      const output = outputOf(view.getUint32(at + FRAME.SLICE, true));
      const place = {
        bucket: object.bucket,
        key: object.key,
        offset: Number(view.getBigUint64(at + FRAME.LINE_OFFSET, true)),
        ...(output > 0 && { output }),
        length: view.getUint32(at + FRAME.DATA_BYTES, true),
      };
      const { isExcused } = this.#options;
      if (isExcused?.({ ...place, ...object })) {
        this.#excusedCount += 1;
        this.#counts.missing -= 1;
        return;
      }
      if (this.#missing.length < this.#examplesMax) this.#missing.push(place);
      const key = this.#missingByKey.size < POSITIONAL_KEYS_MAX ? positionalKeyAt(frames, at) : null;
      if (key !== null) this.#missingByKey.set(key, place);
    });
  }

  /** Calls `each` for every record of the round's buckets, with the frame's place in `frames`. */
  #forEach(
    frames: Uint8Array,
    round: BucketRound,
    each: (at: number, aLow: number, bLow: number, bHigh: number) => void,
  ): void {
    // A frame is at least as long as its header, so this many hashes are enough.
    const wordsMax = 4 * Math.ceil(frames.length / FRAME.HEADER_BYTES);
    if (this.#hashes.length < wordsMax) this.#hashes = new Uint32Array(wordsMax);
    const hashes = this.#hashes;
    this.#digester.hashFrames(frames, new Uint8Array(hashes.buffer));
    const view = viewOf(frames);
    let word = 0;
    for (let at = 0; at < frames.length; at += view.getUint32(at, true)) {
      if (view.getUint8(at + FRAME.KIND) !== FRAME_KIND.RECORD) continue;
      if (hasBucket(round.bitmap, bucketOf(hashes[word + 1]!, this.#bucketBits))) {
        each(at, hashes[word]!, hashes[word + 2]!, hashes[word + 3]!);
      }
      word += 4;
    }
  }

  result() {
    for (const [key, place] of this.#missingByKey) {
      const found = this.#unexpectedByKey.get(key);
      if (!found) continue;
      this.#alteredCount += 1;
      if (this.#altered.length < this.#examplesMax) this.#altered.push({ ...place, ...found });
    }
    return {
      ...this.#counts,
      altered: this.#alteredCount,
      excused: this.#excusedCount,
      examples: {
        missing: this.#missing,
        duplicated: this.#duplicated,
        foreign: this.#unexpected,
        altered: this.#altered,
      },
    };
  }
}

/** Nobody would miss what is not there the second time: no verdict may rest on it. */
function changedFailure(added: number, { sourceRecords, bucketCount }: BucketRound): MillraceError {
  const seen = `${sourceRecords} records the first time and ${added} the second time, in ${bucketCount} buckets`;
  const message = `The source changed while it was read: ${seen}; verify again when nobody writes to it`;
  return new MillraceError('MILLRACE_SOURCE', message, { exitCode: EXIT.resumable });
}

const views = new WeakMap<Uint8Array, DataView>();
function viewOf(frames: Uint8Array): DataView {
  let view = views.get(frames);
  if (!view) {
    view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    views.set(frames, view);
  }
  return view;
}

function positionalKeyAt(frames: Uint8Array, at: number): string | null {
  const keyBytes = viewOf(frames).getUint16(at + FRAME.KEY_BYTES, true);
  // 11 characters, a colon, 16 digits at most, and behind a point the number of an output.
  if (keyBytes < 13 || keyBytes > 34) return null;
  const start = frames.byteOffset + at + FRAME.HEADER_BYTES;
  const key = Buffer.from(frames.buffer, start, keyBytes).toString('latin1');
  return POSITIONAL_KEY.test(key) ? key : null;
}
