/**
 * Settling: from settled slices to the disk. It listens for the bell of the publishers, commits what is settled, gives the slices back,
 * and sets the window.
 * Takes  the accounting, the journal, what the publishers have counted.
 * Gives  commits: one runs at a time, and what settles meanwhile shares the next.
 * Owns   the times: how long something settled waits for its entry, when the window is set and a pulse is written.
 * Never  decides what is settled (see accounting.ts). It looks for it when it is told to; the clock only says what is due.
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
  /** Appends what else belongs into the journal, before each commit. */
  readonly onCommit: () => void;
  readonly onFailure: (error: unknown) => void;
  readonly nowMs: () => number;
}

/** How soon the clock is read again where something is due and a commit runs. */
const TICK_MS = 50;
/** With the commit that follows at once, what is seen from outside is at most a second old, even on a slow disk. */
const PULSE_MS = 500;
/**
 * Settled bytes that are committed at once, whatever their age; less where the window is small. The other half of it is what parsers go on with
 * meanwhile.
 */
const COMMIT_BYTES = 32 * 1024 * 1024;
const COMMIT_WINDOW_SHARE = 0.5;

export class Settling {
  readonly #options: SettlingOptions;
  readonly #policy: WindowPolicy;
  /** What earlier processes have seen acknowledged. */
  readonly #before: { readonly records: number; readonly bytes: number };
  #window: WindowState;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isListening = false;
  #windowDueMs = 0;
  #pulseAtMs: number;
  /** Since when something has been waiting to be committed, or null. */
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
    this.#isListening = true;
    this.#arm();
    void this.#listen();
  }

  /** More is known: what was settled by that needs no bell. */
  look(): void {
    if (!this.#isListening) return;
    this.#guarded(() => this.#commitIfDue(this.#options.nowMs()));
    this.#arm();
  }

  /** Listens no more, and waits for the commit that runs. */
  async stop(): Promise<void> {
    this.#isListening = false;
    this.#options.accounting.slices.bell.ring();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#committing;
  }

  /** After `stop`: writes entries of everything that is settled, and of what is left of the rest. The journal's end commits them. */
  writeRest(left: ReadonlyMap<number, LeftRecords>): void {
    const { accounting, journal } = this.#options;
    accounting.takeSettled();
    accounting.writeEntries();
    accounting.leave(left);
    if (journal !== null) this.#pulse(journal, this.#options.nowMs());
  }

  async #listen(): Promise<void> {
    const { accounting } = this.#options;
    const { bell } = accounting.slices;
    while (this.#isListening) {
      const lastSeen = bell.count();
      this.#guarded(() => {
        if (!accounting.takeSettled()) return;
        faultPoint('engine.settled');
        this.look();
      });
      await bell.rung(lastSeen);
    }
  }

  /** Sets the timer for what is due next, unless the one that runs ends as early. */
  #arm(): void {
    const nowMs = this.#options.nowMs();
    const atMs = Math.max(nowMs + 1, this.#nextDueMs(nowMs));
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#tick(), atMs - nowMs);
  }

  #nextDueMs(nowMs: number): number {
    const { journal } = this.#options;
    const pulseDueMs = journal === null ? Number.POSITIVE_INFINITY : this.#pulseAtMs + PULSE_MS;
    const isCommitting = this.#committing !== null;
    const commitDueMs = (this.#waitingSinceMs ?? Number.POSITIVE_INFINITY) + this.#window.commitMs;
    const writeDueMs = Math.min(pulseDueMs, commitDueMs);
    return Math.min(this.#windowDueMs, isCommitting ? Math.max(writeDueMs, nowMs + TICK_MS) : writeDueMs);
  }

  #tick(): void {
    this.#timer = null;
    this.#guarded(() => this.#takeTime(this.#options.nowMs()));
    if (this.#isListening) this.#arm();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  /** Does what is due by time. */
  #takeTime(nowMs: number): void {
    const { journal } = this.#options;
    if (nowMs >= this.#windowDueMs) this.#window = this.#updateWindow(nowMs);
    if (journal !== null && nowMs - this.#pulseAtMs >= PULSE_MS && this.#committing === null) {
      this.#pulse(journal, nowMs);
      // At once, so that its time is the entry's.
      this.#commit(journal);
    }
    this.#commitIfDue(nowMs);
  }

  #commitIfDue(nowMs: number): void {
    const { accounting, journal } = this.#options;
    if (journal === null) {
      accounting.release(accounting.writeEntries());
      return;
    }
    if (accounting.hasUnwritten || journal.hasPending) this.#waitingSinceMs ??= nowMs;
    if (this.#waitingSinceMs === null || this.#committing !== null) return;
    const bytesMin = Math.min(COMMIT_BYTES, this.#window.windowBytes * COMMIT_WINDOW_SHARE);
    const isDue = nowMs - this.#waitingSinceMs >= this.#window.commitMs;
    if (isDue || accounting.unwrittenBytes >= bytesMin) this.#commit(journal);
  }

  /** The window gets room when the journal has what is settled, not before: so a kill never repeats more than the window. */
  #commit(journal: Journal): void {
    const { accounting, onFailure } = this.#options;
    this.#waitingSinceMs = null;
    this.#options.onCommit();
    const written: readonly SliceReceipt[] = accounting.writeEntries();
    this.#committing = journal
      .commit()
      .then(() => accounting.release(written))
      .catch(onFailure)
      .finally(() => {
        this.#committing = null;
        // What has settled meanwhile may be due.
        this.look();
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
    const state = this.#policy.update({
      nowMs,
      capacity: capacity(),
      shardCount,
      heldShards,
      settledBytes,
      settledRecords,
    });
    accounting.slices.setWindow(state.windowBytes, state.sliceBytes);
    this.#windowDueMs = nowMs + state.lookMs;
    return state;
  }
}
