/**
 * Pass: one reading of sources whose records go to no stream: `verify` compares them, `preview` shows them.
 * Takes  what is read and how. Lines go through the same threads and stages as in a run.
 * Gives  records as frames, or their digest in tables of buckets; accounts in which a record is settled when it is scanned.
 * Owns   its reading, and the watch over the threads.
 * Never  writes a journal or a dead-letter file.
 */
import { Accounting } from '../accounting/accounting.ts';
import type { MillraceError } from '../base/errors.ts';
import { DIGEST_KEY_BYTES } from '../digest/digest.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import { framingOf } from '../options/framing.ts';
import { type ParseSetup, type RejectedLine, releaseWaiting, waitingBytesOf } from '../parse/setup.ts';
import { HANG_MS } from '../ring/heartbeat.ts';
import { scannerReason } from '../scan/open.ts';
import type { SourceObject } from '../source/object.ts';
import { hangFailure } from './failures.ts';
import { HangWatch } from './hang-watch.ts';
import { Reading, type ReadingOptions } from './reading.ts';
import { RunMemory } from './run-memory.ts';

/** What of a reading does not follow from its being a pass. */
type Read = Pick<
  ReadingOptions,
  | 'sources'
  | 'stdin'
  | 'options'
  | 'source'
  | 'budget'
  | 'sourceLines'
  | 'limit'
  | 'onArchived'
  | 'onFiltered'
  | 'onObject'
  | 'onNotice'
>;

export interface PassOptions extends Read, Pick<ParseSetup, 'rules' | 'schema' | 'stages'> {
  readonly parserCount: number;
  /** Records go into these tables, one a parser, by this key, and line ends are counted. Null: records come as frames. */
  readonly digest: { readonly tables: readonly SharedArrayBuffer[]; readonly key: Uint8Array } | null;
  readonly onDeadLetter: (deadLetter: DeadLetter) => void;
  readonly onFrames: (frames: Uint8Array, object: SourceObject) => void;
}

const LISTEN_INTERVAL_MS = 250;

export class Pass {
  readonly accounting: Accounting;
  readonly reading: Reading;
  readonly #parserCount: number;
  readonly #memory: RunMemory;
  readonly #failed = Promise.withResolvers<never>();

  constructor({ rules, schema, stages, parserCount, digest, onDeadLetter, onFrames, ...read }: PassOptions) {
    const { budget } = read;
    this.#parserCount = parserCount;
    const { laneCapacityBytes } = budget;
    this.#memory = new RunMemory({ parserCount, publisherCount: 1, laneCapacityBytes });
    this.accounting = new Accounting({
      journal: null,
      parserCount,
      onDeadLetter,
      digestOf: () => ({ sumA: 0n, sumB: 0n }),
      // Nobody has to acknowledge a record: it is settled when it is scanned.
      isDryRun: true,
    });
    this.reading = new Reading({
      ...read,
      accounting: this.accounting,
      deadLetters: null,
      journal: null,
      setup: {
        rules,
        ...this.#memory.ofParsers,
        starts: new BigUint64Array(2),
        slices: this.accounting.slices.memory,
        isOrdered: false,
        isCollecting: digest === null,
        isCounting: digest !== null,
        ...(digest && { buckets: digest.tables }),
        schema,
        stages: stages ?? null,
        framing: framingOf(read.options.framing),
        isPortable: scannerReason() !== null,
        lineBytesMax: budget.lineBytesMax,
        windowBytes: budget.windowBytes,
        digestKey: digest?.key ?? new Uint8Array(DIGEST_KEY_BYTES),
      },
      onRejected: (lines) => this.#release(lines),
      onFrames: (frames, object) => {
        onFrames(frames, object);
        releaseWaiting(this.#memory.parseShared, frames.byteLength);
      },
      onFound: () => this.accounting.release(this.accounting.writeEntries()),
      onFailure: (error: MillraceError) => this.#failed.reject(error),
      onListed: () => {},
    });
  }

  /** @throws {MillraceError} When the sources cannot be read, or a thread fails or hangs. @throws The signal's reason. */
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
      this.reading.abort(new Error('The pass has ended'));
      await this.reading.close();
    }
  }

  /** Ends the pass when a parser hangs. */
  #listen(): NodeJS.Timeout {
    const watch = new HangWatch(this.#memory.heartbeats);
    return setInterval(() => {
      const hanging = watch.look();
      if (hanging !== null) this.#failed.reject(hangFailure(hanging, this.#parserCount, HANG_MS));
    }, LISTEN_INTERVAL_MS);
  }

  async #readAll(): Promise<void> {
    await this.reading.download();
    await this.reading.idle();
  }

  #release(lines: readonly RejectedLine[]): void {
    releaseWaiting(this.#memory.parseShared, waitingBytesOf(lines));
  }
}
