/**
 * First lines: which part of the sources `--limit` leaves to a run.
 * Takes  the objects that hold the first lines, in listing order, and where the last of them ends.
 * Gives  for each listed object whether it is one of them; the same as journal entries, for the next process of the run.
 * Owns   12 bytes for each of these objects (settled-set.ts). Objects that come later, wherever they would be listed, are none of them.
 */
import { objectUri } from '../base/object-uri.ts';
import { formatCount } from '../base/quantity.ts';
import type { LimitEntry, ObjectCut, PinnedObject, WithinEntry } from './entries.ts';
import { FINGERPRINT_BYTES, SettledSet } from './settled-set.ts';

export interface FirstLinesFacts {
  /** As many were asked for. */
  readonly lines: number;
  /** As many there are. */
  readonly taken: number;
  /** Something lies behind them. */
  readonly more: boolean;
  /** The object that holds lines beyond the last one, and where its first ones end. Null: the last object is taken to its end. */
  readonly cut: ObjectCut | null;
}

/** Objects in one entry: it takes 16 bytes for each. */
const OBJECTS_PER_ENTRY = 1_000;

export class FirstLines {
  readonly facts: FirstLinesFacts;
  readonly #objects = new SettledSet();

  constructor(facts: FirstLinesFacts) {
    this.facts = facts;
  }

  /** Of a journal, which may end before it has named all of them. */
  get objectCount(): number {
    return this.#objects.size;
  }

  add(object: PinnedObject): void {
    this.#objects.add(object);
  }

  addWithin({ objects }: WithinEntry): void {
    this.#objects.addFingerprints(Buffer.from(objects, 'base64'));
  }

  /** `exact`: it is one of them; `other`: one of them was another version of it; `absent`: its lines are not wanted. */
  find(object: PinnedObject): 'exact' | 'other' | 'absent' {
    return this.#objects.find(object);
  }

  /** @returns Where the object's first lines end, or null: all of its lines are wanted. */
  cutOf({ bucket, key }: PinnedObject): ObjectCut | null {
    const { cut } = this.facts;
    return cut !== null && cut.bucket === bucket && cut.key === key ? cut : null;
  }

  /** One line for people. */
  get description(): string {
    const { taken, more, cut } = this.facts;
    const where = cut === null ? '' : `, up to byte ${formatCount(cut.offset)} of ${objectUri(cut)}`;
    const rest = more ? '' : '; nothing lies behind them';
    const objects = this.objectCount === 1 ? 'one object' : `${formatCount(this.objectCount)} objects`;
    const lines = taken === 1 ? 'the first line lies' : `the first ${formatCount(taken)} lines lie`;
    return `${lines} in ${objects}${where}${rest}`;
  }

  /** The first one says how many objects follow: a journal that ends before knows that it does. */
  entries(): (LimitEntry | WithinEntry)[] {
    const bytes = this.#objects.fingerprints();
    const within: WithinEntry[] = [];
    for (let at = 0; at < bytes.length; at += OBJECTS_PER_ENTRY * FINGERPRINT_BYTES) {
      const part = bytes.subarray(at, at + OBJECTS_PER_ENTRY * FINGERPRINT_BYTES);
      within.push({ kind: 'within', objects: part.toString('base64') });
    }
    return [{ kind: 'limit', ...this.facts, objects: this.objectCount }, ...within];
  }
}
