/**
 * Settling: the clock of the accounting. It looks what is settled, commits it, gives the slices back, and sets the window.
 * Takes  the accounting, the journal, what the publishers have counted.
 * Gives  commits: one runs at a time, and what settles meanwhile shares the next.
 * Owns   the times: how often is looked, and how long something settled waits for its entry. Looking costs about a hundredth of
 *        the thread's time, more only where tens of thousands of small objects are open.
 * Never  decides what is settled: see accounting.ts.
 */
import { faultPoint } from '../base/fault-points.ts';
import type { Journal } from '../journal/journal.ts';
import type { SliceReceipt } from '../parse/setup.ts';
import type { LeftRecords } from '../publish/setup.ts';
import type { Accounting } from './accounting.ts';
import { type Capacity, WindowPolicy, type WindowState } from './window.ts';

/** What the publishers have counted so far. */
export interface StreamCounts {
  readonly shardCount: number;
  readonly heldShards: number;
  readonly records: number;
  /** Data plus key bytes. */
  readonly bytes: number;
}

export interface SettlingOptions {
  readonly accounting: Accounting;
  /** Null: nothing is kept, and a slice ends when it is settled. */
  readonly journal: Journal | null;
  readonly parserCount: number;
  readonly publisherCount: number;
  /** What the stream takes in a second. */
  readonly capacity: () => Capacity;
  readonly counts: () => StreamCounts;
  readonly onFailure: (error: unknown) => void;
  readonly nowMs: () => number;
}

const LOOK_MS = 5;
/** A look is followed by this many times its own length of something else, but no longer than this: a busy machine stretches it. */
const LOOK_SHARE = 100;
const LOOK_MS_MAX = 50;
const WINDOW_MS = 100;
/** With the commit that follows at once, also on a slow disk, what is told from outside is not older than a second. */
const PULSE_MS = 500;
/** Settled bytes that are committed at once, whatever their age; less where the window is small. */
const COMMIT_BYTES = 8 * 1024 * 1024;
const COMMIT_WINDOW_SHARE = 0.25;

export class Settling {
  readonly #options: SettlingOptions;
  readonly #policy: WindowPolicy;
  /** What earlier processes have seen acknowledged. */
  readonly #before: { readonly records: number; readonly bytes: number };
  #window: WindowState;
  #timer: NodeJS.Timeout | null = null;
  #windowAtMs = 0;
  #pulseAtMs: number;
  /** Since when something waits to be committed, or null. */
  #waitingSinceMs: number | null = null;
  #committing: Promise<void> | null = null;

  constructor(options: SettlingOptions) {
    this.#options = options;
    this.#policy = new WindowPolicy(options);
    const { records = 0, bytes = 0 } = options.journal?.state.acknowledged ?? {};
    this.#before = { records, bytes };
    this.#pulseAtMs = options.nowMs();
    this.#window = this.#updateWindow(options.nowMs());
  }

  start(): void {
    this.#timer = setTimeout(() => this.#turn(), LOOK_MS);
  }

  /** Looks no more, and waits for the commit that runs. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#committing;
  }

  /** After `stop`: writes entries of everything that is settled, and of what is left of the rest. The journal's end commits them. */
  writeRest(left: ReadonlyMap<number, LeftRecords>): void {
    const { accounting, journal } = this.#options;
    accounting.settle();
    accounting.writeEntries();
    accounting.leave(left);
    if (journal !== null) this.#pulse(journal, this.#options.nowMs());
  }

  #turn(): void {
    const startMs = this.#options.nowMs();
    try {
      this.#look(startMs);
    } catch (error) {
      this.#options.onFailure(error);
    }
    if (this.#timer === null) return;
    const tookMs = this.#options.nowMs() - startMs;
    this.#timer = setTimeout(
      () => this.#turn(),
      Math.max(LOOK_MS, Math.min(LOOK_MS_MAX, tookMs * LOOK_SHARE)),
    );
  }

  #look(nowMs: number): void {
    const { accounting, journal } = this.#options;
    if (accounting.settle()) faultPoint('engine.settled');
    if (nowMs - this.#windowAtMs >= WINDOW_MS) this.#window = this.#updateWindow(nowMs);
    if (journal === null) {
      accounting.release(accounting.writeEntries());
      return;
    }
    // A pulse is committed at once, so that its time is the entry's.
    const isPulseDue = nowMs - this.#pulseAtMs >= PULSE_MS && this.#committing === null;
    if (isPulseDue) this.#pulse(journal, nowMs);
    if (accounting.hasUnwritten || journal.hasPending) this.#waitingSinceMs ??= nowMs;
    if (this.#waitingSinceMs === null || this.#committing !== null) return;
    const bytesMin = Math.min(COMMIT_BYTES, this.#window.windowBytes * COMMIT_WINDOW_SHARE);
    const isDue = nowMs - this.#waitingSinceMs >= this.#window.commitMs;
    if (isPulseDue || isDue || accounting.unwrittenBytes >= bytesMin) this.#commit(journal);
  }

  /** The window gets room when the journal has what is settled, not before: so a kill never repeats more than the window. */
  #commit(journal: Journal): void {
    const { accounting, onFailure } = this.#options;
    this.#waitingSinceMs = null;
    const written: readonly SliceReceipt[] = accounting.writeEntries();
    this.#committing = journal
      .commit()
      .then(() => accounting.release(written))
      .catch(onFailure)
      .finally(() => {
        this.#committing = null;
      });
  }

  /** What is acknowledged, for those who look from outside. */
  #pulse(journal: Journal, nowMs: number): void {
    this.#pulseAtMs = nowMs;
    const { records, bytes } = this.#options.counts();
    const { doneBytes, doneBytesBefore } = this.#options.accounting;
    const before = { ...this.#before, done: Math.floor(doneBytesBefore) };
    const hasBefore = before.records + before.done > 0;
    const pulse = { kind: 'pulse', records, bytes, done: Math.floor(doneBytes) } as const;
    journal.append(hasBefore ? { ...pulse, before } : pulse);
  }

  #updateWindow(nowMs: number): WindowState {
    const { accounting, capacity, counts } = this.#options;
    const { shardCount, heldShards } = counts();
    const { settledBytes, settledRecords } = accounting.counts;
    this.#windowAtMs = nowMs;
    const state = this.#policy.update({
      nowMs,
      capacity: capacity(),
      shardCount,
      heldShards,
      settledBytes,
      settledRecords,
    });
    accounting.slices.setWindow(state.windowBytes, state.sliceBytes);
    return state;
  }
}
