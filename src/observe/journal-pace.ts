/**
 * Journal pace: how fast a run is, according to its journal.
 * Takes  every entry, in order.
 * Gives  the pace of the last process over its last minute, so that pauses between processes do not count; how many stored bytes are
 *        done.
 * Owns   which entries count: pulses, which say what was acknowledged; in journals without them, what is journaled as safe.
 */
import type { JournalEntry } from '../journal/entries.ts';
import type { JournalState, PartialObject } from '../journal/state.ts';

const WINDOW_MS = 60_000;
const SAMPLE_MS = 1000;

interface Sample {
  readonly atMs: number;
  readonly records: number;
  readonly bytes: number;
  /** Stored bytes that are done; in pulses, by this process alone. */
  readonly done: number;
}

/** A second's. */
export interface JournalRate {
  readonly records: number;
  readonly bytes: number;
  /** Stored bytes that are done. */
  readonly done: number;
}

export class JournalPace {
  readonly #parts = new DoneParts();
  #samples: Sample[] = [];
  /** Of the last process's last pulse. */
  #pulsedBytes: number | null = null;

  /** Takes an entry that the state knows already. */
  take(entry: JournalEntry, atMs: number, state: JournalState): void {
    this.#parts.take(entry, state);
    if (entry.kind === 'start') {
      this.#samples = [];
      this.#pulsedBytes = null;
    }
    const { records, bytes } = state.totals.tally;
    if (entry.kind === 'pulse') {
      if (this.#pulsedBytes === null)
        this.#samples = [{ atMs: state.startedAtMs, records: 0, bytes: 0, done: 0 }];
      this.#pulsedBytes = entry.done;
      const done = entry.done - (entry.before?.done ?? 0);
      this.#keep({ atMs, records: entry.records, bytes: entry.bytes, done });
    } else if (this.#pulsedBytes === null) this.#keep({ atMs, records, bytes, done: this.#parts.bytes });
  }

  get doneBytes(): number {
    return Math.max(this.#pulsedBytes ?? 0, this.#parts.bytes);
  }

  /** Null where no time has passed to tell it from. */
  get rate(): JournalRate | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    const seconds = (last.atMs - first.atMs) / 1000;
    return {
      records: (last.records - first.records) / seconds,
      bytes: (last.bytes - first.bytes) / seconds,
      done: (last.done - first.done) / seconds,
    };
  }

  /** At most one sample a second, none older than the window but the last one before it. */
  #keep(sample: Sample): void {
    const samples = this.#samples;
    const last = samples.at(-1);
    const before = samples.at(-2);
    if (last !== undefined && before !== undefined && sample.atMs - before.atMs < SAMPLE_MS)
      samples[samples.length - 1] = sample;
    else samples.push(sample);
    while (samples.length > 2 && samples[1]!.atMs <= sample.atMs - WINDOW_MS) samples.shift();
  }
}

/** Follows how many stored bytes are journaled as done, so that one huge plain object has a rate before it ends. */
class DoneParts {
  bytes = 0;
  #partBytes = 0;
  readonly #perObject = new Map<number, number>();

  take(entry: JournalEntry, state: JournalState): void {
    if (entry.kind === 'start') this.#begin(state);
    if (entry.kind === 'segment') this.#add(state.partial(entry.id)!, entry.end - entry.start);
    // Closed objects count whole in the totals.
    if ((entry.kind === 'object-done' || entry.kind === 'object-failed') && entry.id !== undefined) {
      this.#partBytes -= this.#perObject.get(entry.id) ?? 0;
      this.#perObject.delete(entry.id);
    }
    this.bytes = state.totals.objectBytesDone + this.#partBytes;
  }

  /** What the process before had given up is on its way again. */
  #begin(state: JournalState): void {
    this.#perObject.clear();
    this.#partBytes = 0;
    for (const object of state.partials)
      this.#add(
        object,
        object.done.reduce((sum, [start, end]) => sum + (end - start), 0),
      );
  }

  /** A compressed object's ranges count decompressed bytes: how many stored bytes those are cannot be known. */
  #add({ id, format }: PartialObject, bytes: number): void {
    if (format !== 'plain') return;
    this.#partBytes += bytes;
    this.#perObject.set(id, (this.#perObject.get(id) ?? 0) + bytes);
  }
}
