/**
 * Value cutter: makes lines of an object whose records are values of JSON, and not lines (`--framing`).
 * Takes  the bytes of one object, in runs; what a scanner says of the values.
 * Gives  whole values, as lines with their places; a loss for whatever is none, or is too long to be kept.
 * Owns   where values begin and end. A scanner judges them; at the first that is no JSON the cutter takes the rest back, and the damage
 *        reaches from there over the first wrong byte to where lost-bytes.ts says. So nothing depends on how the bytes come.
 * Never  keeps more than a value that is not whole, and what may be shown of a loss.
 */
import { KIB } from '../base/limits.ts';
import { CUT_STATE, type CutEnd, type CutState, type ValueFinder, ValueLines } from '../scan/values.ts';
import { JsonWalk } from './json-walk.ts';
import { LostBytes } from './lost-bytes.ts';

/** Bytes that are no records. */
export interface Loss {
  /** `no-array`: a document without an array at the pointer. */
  readonly kind: 'damaged' | 'too-long' | 'no-array';
  readonly objectOffset: number;
  readonly length: number;
  /** All of them, or their beginning where they are too long to be kept. */
  readonly data: Uint8Array;
}

export interface ValueTarget {
  /**
   * Values, which stand for [start, end) of the object.
   * @returns The first that is no JSON: those before it are dealt with, those from it on are forgotten. Their number where there is none.
   */
  values(lines: ValueLines, start: number, end: number): number | Promise<number>;
  /** It stands for [start, end). */
  loss(loss: Loss, start: number, end: number): void;
}

export interface ValueCutterOptions {
  readonly finder: ValueFinder;
  /** Longest value that is kept. */
  readonly valueBytesMax: number;
  /** Names and indexes that lead to an array whose elements are the values, or null: they lie side by side. */
  readonly tokens: readonly string[] | null;
  /** The bytes are a part of an object, from this offset on. */
  readonly offset?: number;
  /** They begin with elements of the array, what stands in front of it is not there. */
  readonly isInArray?: boolean;
}

/** Bytes at hand: those of the object from `base` on; what comes before `from` is dealt with. */
interface Run {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly end: number;
  readonly base: number;
  /** The object ends with it. */
  readonly isLast: boolean;
}

/** Looked at in one go, so that it is still in the cache when it is scanned. */
const WINDOW_BYTES = 256 * KIB;
/** Behind damage there may be more. */
const WINDOW_BYTES_LEAST = 4 * KIB;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];

export class ValueCutter {
  readonly #options: ValueCutterOptions;
  readonly #target: ValueTarget;
  readonly #lost: LostBytes;
  /** Around an array; and in a value that is too long. */
  readonly #around: JsonWalk;
  readonly #inside: JsonWalk;
  #lines = new ValueLines(0, 0);
  /** The beginning of a value that is not whole, and how much of it there has to be before it is looked at again. */
  #held = new Uint8Array(0);
  #heldBytes = 0;
  #retryBytes = 0;
  /** Offset in the object of the first byte that is held, or else of the next one. */
  #offset = 0;
  #reached = 0;
  /** `find`: values. `around`: an array. `inside`: a value that is too long. `lost`: up to the end of damage. */
  #phase: 'find' | 'around' | 'inside' | 'lost';
  #state: CutState = CUT_STATE.SIDE_BY_SIDE;
  #windowBytes = WINDOW_BYTES;
  /** Offset of the loss, or of the document, at hand. */
  #start = 0;
  /** The document at hand has an array at the pointer. */
  #hasArray = false;
  /** Spaces between the last line end and what comes next; -1 where something else stands there. */
  #indent = 0;

  constructor(options: ValueCutterOptions, target: ValueTarget) {
    const { tokens, valueBytesMax: depthMax, offset = 0, isInArray = false } = options;
    this.#options = options;
    this.#target = target;
    this.#lost = new LostBytes(depthMax);
    this.#around = new JsonWalk({ depthMax, tokens });
    this.#inside = new JsonWalk({ depthMax });
    this.#phase = tokens === null || isInArray ? 'find' : 'around';
    this.#offset = offset;
    this.#reached = offset;
    if (!isInArray) return;
    this.#hasArray = true;
    this.#state = CUT_STATE.BEGUN;
    this.#around.beginInArray();
  }

  /** Offset behind the last value, or loss, that was given. */
  get reached(): number {
    return this.#reached;
  }

  /** Takes the next bytes of the object. @returns How many: all. */
  async write(chunk: Uint8Array): Promise<number> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#heldBytes > 0) {
        at = await this.#complete(chunk, at);
        continue;
      }
      const base = this.#offset - at;
      const next = await this.#take({ bytes: chunk, from: at, end: chunk.length, base, isLast: false });
      this.#offset = base + next;
      this.#hold(chunk, next, chunk.length);
      break;
    }
    return chunk.length;
  }

  /** No more bytes will come, and the object does not end here: its whole values leave, what was begun is dropped. */
  async endWithin(): Promise<void> {
    await this.#take({ bytes: this.#held, from: 0, end: this.#heldBytes, base: this.#offset, isLast: false });
  }

  /** The object ends here. */
  async end(): Promise<void> {
    const run = { bytes: this.#held, from: 0, end: this.#heldBytes, base: this.#offset, isLast: true };
    await this.#take(run);
    const end = this.#offset + this.#heldBytes;
    if (this.#phase === 'lost') this.#lose('damaged', end);
    else if (this.#phase === 'inside') this.#lose(this.#inside.isCompleteAtEnd ? 'too-long' : 'damaged', end);
    else if (this.#phase === 'around' && !this.#around.isFresh)
      this.#endDocument(end, !this.#around.isCompleteAtEnd);
  }

  /** Goes on with what is held and a part of the chunk. @returns Index of the chunk up to which it is used. */
  async #complete(chunk: Uint8Array, at: number): Promise<number> {
    const before = this.#heldBytes;
    const wanted = Math.max(this.#retryBytes - before, WINDOW_BYTES_LEAST);
    const end = Math.min(chunk.length, at + wanted);
    this.#hold(chunk, at, end);
    if (this.#heldBytes < this.#retryBytes) return end;
    const run = { bytes: this.#held, from: 0, end: this.#heldBytes, base: this.#offset, isLast: false };
    const next = await this.#take(run);
    this.#offset += next;
    if (next >= before) {
      // What is left lies in the chunk, too.
      this.#heldBytes = 0;
      return at + (next - before);
    }
    this.#held.copyWithin(0, next, this.#heldBytes);
    this.#heldBytes -= next;
    this.#retryBytes = 2 * this.#heldBytes;
    return end;
  }

  #hold(chunk: Uint8Array, from: number, end: number): void {
    const bytes = end - from;
    if (bytes === 0) return;
    const heldBytes = this.#heldBytes + bytes;
    if (this.#held.length < heldBytes) {
      const grown = new Uint8Array(Math.max(2 * this.#held.length, heldBytes, WINDOW_BYTES_LEAST));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(chunk.subarray(from, end), this.#heldBytes);
    if (this.#heldBytes === 0) this.#retryBytes = 0;
    this.#heldBytes = heldBytes;
  }

  /** Takes what it can. @returns Index behind it: the rest is to be held. */
  async #take(run: Run): Promise<number> {
    const { bytes, from, end, base, isLast } = run;
    let at = from;
    if (base + at === 0) {
      const mark = bytes.subarray(at, Math.min(at + 3, end));
      const isMark = BYTE_ORDER_MARK.every((byte, i) => i >= mark.length || mark[i] === byte);
      if (isMark && mark.length === 3) at += 3;
      else if (isMark && !isLast) return at;
    }
    while (at < end) {
      const step = this.#step(run, at);
      const next = typeof step === 'number' ? step : await step;
      if (next < 0) {
        at = ~next;
        break;
      }
      at = next;
    }
    this.#indent = this.#indentOf(run, at);
    return at;
  }

  /** @returns Index of what comes next; ~index where more bytes are needed from there on. */
  #step(run: Run, at: number): number | Promise<number> {
    switch (this.#phase) {
      case 'find':
        return this.#find(run, at);
      case 'around':
        return this.#walkAround(run, at);
      case 'inside':
        return this.#walkInside(run, at);
      default:
        return this.#seekEnd(run, at);
    }
  }

  async #find(run: Run, at: number): Promise<number> {
    const { bytes, end, base, isLast } = run;
    const { valueBytesMax, finder } = this.#options;
    const windowEnd = Math.min(end, at + Math.min(this.#windowBytes, valueBytesMax + 1));
    const lines = this.#room(windowEnd - at);
    const place = { objectOffset: base, state: this.#state, isLast: isLast && windowEnd === end };
    const found = finder.find(bytes, at, windowEnd, place, lines);
    if (lines.count > 0) {
      if (lines.behind(0) - 1 > valueBytesMax) return this.#enter(run, lines.offsetOf(0) - base);
      const judged = await this.#target.values(lines, this.#reached, base + found.next);
      if (judged < lines.count) {
        this.#reached = lines.offsetOf(judged);
        return this.#damageAt(run, this.#reached - base);
      }
      this.#reached = base + found.next;
      this.#windowBytes = Math.min(WINDOW_BYTES, 2 * this.#windowBytes);
    }
    this.#state = found.state;
    return this.#behind(run, at, windowEnd, found);
  }

  /** What comes behind the values of a window. */
  #behind(run: Run, at: number, windowEnd: number, { stop, next }: CutEnd): number {
    if (stop === 'full') return next;
    if (stop === 'closed') return this.#leaveArray(run, next);
    if (stop === 'stray') return this.#beginLoss(run, next, next);
    if (stop === 'broken') return this.#damageAt(run, next);
    if (next === windowEnd) return next;
    if (windowEnd - next > this.#options.valueBytesMax) return this.#enter(run, next);
    if (windowEnd === run.end && run.isLast) return this.#damageAt(run, next);
    // Behind damage this value may be damaged, too, and never end.
    if (this.#windowBytes < WINDOW_BYTES) {
      const wrongAt = this.#wrongAt(run.bytes, next, windowEnd);
      if (wrongAt !== null) return this.#beginLoss(run, next, wrongAt);
    }
    if (windowEnd === run.end) return ~next;
    if (next === at) this.#windowBytes *= 2;
    return next;
  }

  /** @returns Index of the first byte that no value from `start` on could have, or null. */
  #wrongAt(bytes: Uint8Array, start: number, end: number): number | null {
    this.#inside.begin();
    const { state, at } = this.#inside.walk(bytes, start, end);
    return state === 'wrong' ? at : null;
  }

  /** The value at `start` is damaged: what was found behind it is forgotten. */
  #damageAt(run: Run, start: number): number {
    return this.#beginLoss(run, start, this.#wrongAt(run.bytes, start, run.end) ?? run.end);
  }

  #beginLoss(run: Run, start: number, wrongAt: number): number {
    this.#startAt(run, start);
    this.#lost.add(run.bytes, start, wrongAt);
    this.#phase = 'lost';
    this.#windowBytes = WINDOW_BYTES_LEAST;
    return wrongAt;
  }

  #startAt(run: Run, start: number): void {
    this.#start = run.base + start;
    this.#lost.begin(run.bytes[start]!, Math.max(0, this.#indentOf(run, start)));
  }

  #seekEnd({ bytes, end, base }: Run, at: number): number {
    const next = this.#lost.seek(bytes, at, end);
    if (next < 0) return end;
    this.#lose('damaged', base + next);
    return next;
  }

  /** A value that is too long to be kept. */
  #enter(run: Run, start: number): number {
    this.#startAt(run, start);
    this.#inside.begin();
    this.#phase = 'inside';
    return start;
  }

  #walkInside({ bytes, end, base }: Run, at: number): number {
    const { state, at: next } = this.#inside.walk(bytes, at, end);
    this.#lost.add(bytes, at, next);
    if (state === 'wrong') this.#phase = 'lost';
    else if (state === 'ended') this.#lose('too-long', base + next);
    return next;
  }

  #walkAround(run: Run, at: number): number {
    const { bytes, end, base } = run;
    if (this.#around.isFresh) {
      const start = firstOf(bytes, at, end);
      if (start === end) return end;
      if (start > at) return start;
      this.#startAt(run, start);
    }
    const { state, at: next } = this.#around.walk(bytes, at, end);
    this.#lost.add(bytes, at, next);
    if (state === 'wrong') {
      this.#phase = 'lost';
      this.#hasArray = false;
    } else if (state === 'ended') {
      this.#endDocument(base + next, false);
    } else if (state === 'array') {
      this.#hasArray = true;
      this.#phase = 'find';
      this.#state = CUT_STATE.BEGUN;
    }
    return next;
  }

  /** @param at Index of its closing bracket. */
  #leaveArray(run: Run, at: number): number {
    this.#startAt(run, at);
    this.#lost.add(run.bytes, at, at + 1);
    this.#phase = 'around';
    if (this.#around.leaveArray()) this.#endDocument(run.base + at + 1, false);
    return at + 1;
  }

  #endDocument(end: number, isDamaged: boolean): void {
    if (isDamaged) this.#lose('damaged', end);
    else if (!this.#hasArray) this.#lose('no-array', end);
    this.#hasArray = false;
    this.#around.begin();
  }

  /** @param end Offset where values are looked for again. */
  #lose(kind: Loss['kind'], end: number): void {
    this.#target.loss({ kind, objectOffset: this.#start, ...this.#lost.take() }, this.#reached, end);
    this.#reached = end;
    const isInArray = this.#hasArray;
    this.#phase = this.#options.tokens === null || isInArray ? 'find' : 'around';
    // Behind damage nobody knows what comes next in an array: anything may.
    const behind = kind === 'too-long' ? CUT_STATE.BEHIND_ELEMENT : CUT_STATE.BEGUN;
    this.#state = isInArray ? behind : CUT_STATE.SIDE_BY_SIDE;
    if (this.#phase === 'around') this.#around.begin();
  }

  /** Spaces in front of bytes[at], where it is the first of its line; -1 where it is not. */
  #indentOf({ bytes, from }: Run, at: number): number {
    let first = at;
    while (first > from && (bytes[first - 1] === 0x20 || bytes[first - 1] === 0x09)) first--;
    if (first === from) return this.#indent < 0 ? -1 : this.#indent + (at - first);
    return bytes[first - 1] === NEWLINE ? at - first : -1;
  }

  /** Empty room for the values of so many bytes: in the worst case two of each three are values, of two bytes each. */
  #room(bytes: number): ValueLines {
    if (this.#lines.bytes.length < bytes + bytes / 2 + 1) {
      const roomBytes = Math.max(bytes, Math.min(WINDOW_BYTES, this.#options.valueBytesMax + 1));
      this.#lines = new ValueLines(
        Math.ceil(1.5 * roomBytes) + 1,
        Math.ceil(roomBytes / VALUE_BYTES_USUAL_LEAST),
      );
    }
    return this.#lines;
  }
}

/** Of shorter ones fewer than a window holds fit into the rows of one go. */
const VALUE_BYTES_USUAL_LEAST = 16;

function firstOf(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (
    at < end &&
    (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d || bytes[at] === NEWLINE)
  )
    at++;
  return at;
}
