/**
 * Slices: the shared memory in which every slice of the source is counted until it is journaled.
 * A slice is a run of whole lines of one object, at most SLICE_BYTES_MAX of them after inflation, or one line.
 * Takes  from a parser: the slices that it opens. From publishers: acknowledged records. From the main thread: slices that are done.
 * Gives  a parser the number of its next slice, once the window has room for it; the main thread those that are settled.
 * Owns   the numbers of slices (16 bits, they go into every frame), and the window: how many bytes of the source may be read and
 *        not yet be journaled. What a kill repeats is never more than that.
 * Never  waits itself: see wait.ts. Each parser has numbers and a share of the window of its own, so that the task which is due in
 *        order mode can always go on: its parser has no other open slices but those of tasks that were due before.
 *
 * | int32 cells            | only writer       | meaning                                                                        |
 * |------------------------|-------------------|--------------------------------------------------------------------------------|
 * | 0 to 65,535            | publishers, main  | by slice: records acknowledged or refused less those expected, once its receipt is there |
 * | then 2,048             | publishers, main  | a bit a slice: the publisher that brought its counter to 0 has set it          |
 * | then 16                | main              | [0] bytes of a parser's share of the window, [1] bytes of a slice              |
 * |                        | publishers (add)  | [2] rings: a bit was set                                                       |
 * | then 32 a parser       | see CELL          |                                                                                |
 * | then its numbers       | main              | ring of the numbers given back                                                 |
 */

import { Bell, type SliceGate, wake } from './wait.ts';

/** Slices that may be open at once. */
export const SLICE_COUNT_MAX = 65_536;
/** Largest slice, except one of a single line. */
export const SLICE_BYTES_MAX = 1024 * 1024;
/** A frame's slice is the low half of its SLICE; the high half says which of its line's outputs it is. */
export const SLICE_MASK = 0xffff;

/** A frame has 16 bits for the number of an output. */
export const OUTPUTS_PER_LINE_MAX = 65_536;

/** The other half of a frame's slice. */
export function outputOf(slice: number): number {
  return slice >>> 16;
}

const SETTLED_CELL = SLICE_COUNT_MAX;
const SETTLED_CELLS = SLICE_COUNT_MAX / 32;
const CONTROL_CELL = SETTLED_CELL + SETTLED_CELLS;
const CONTROL = { SHARE_BYTES: 0, SLICE_BYTES: 1, RINGS: 2 } as const;
const PARSERS_CELL = CONTROL_CELL + 16;
const PARSER_STRIDE = 32;
/** RETURNED, OPEN: numbers that came back, bytes of open slices. WAITING: 1 while the parser waits for the window. */
const CELL = { RETURNED: 0, OPEN_BYTES: 16, WAITING: 17 } as const;
/** With a window of this size nobody ever waits. */
const UNBOUNDED_BYTES = 2 ** 31 - 1;

/** A power of two, so that the count of what was given back may run over. */
function numbersOf(parserCount: number): number {
  return 2 ** Math.floor(Math.log2(SLICE_COUNT_MAX / parserCount));
}

/** Shared memory for the slices of `parserCount` parsers, with a window that has no bound. */
export function createSlices(parserCount: number): SharedArrayBuffer {
  const cells = PARSERS_CELL + parserCount * (PARSER_STRIDE + numbersOf(parserCount));
  const memory = new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
  const view = new Int32Array(memory);
  view[CONTROL_CELL + CONTROL.SHARE_BYTES] = UNBOUNDED_BYTES;
  view[CONTROL_CELL + CONTROL.SLICE_BYTES] = SLICE_BYTES_MAX;
  return memory;
}

/**
 * Where publishers count. `acknowledged` has a counter a slice: it grows from 0 until the receipt is there, from below 0 afterwards, and
 * whoever brings it back to 0 knows that the slice is settled. A publisher then sets the slice's bit in `settled`, and rings `bell`.
 */
export interface SliceCounters {
  readonly acknowledged: Int32Array;
  readonly settled: Int32Array;
  readonly bell: Bell;
}

/** The counters, as publishers see them. */
export function countersOf(slices: SharedArrayBuffer): SliceCounters {
  return {
    acknowledged: new Int32Array(slices, 0, SLICE_COUNT_MAX),
    settled: new Int32Array(slices, SETTLED_CELL * Int32Array.BYTES_PER_ELEMENT, SETTLED_CELLS),
    bell: new Bell(new Int32Array(slices), CONTROL_CELL + CONTROL.RINGS),
  };
}

/** A publisher counts acknowledged records of a slice; the native twin is src/native/acknowledge.cc. @returns Whether that settles it. */
export function addAcknowledged(
  { acknowledged, settled }: Pick<SliceCounters, 'acknowledged' | 'settled'>,
  slice: number,
  count: number,
): boolean {
  if (Atomics.add(acknowledged, slice, count) !== -count) return false;
  Atomics.or(settled, slice >>> 5, 1 << (slice & 31));
  return true;
}

/** A parser's side. */
export class SliceLender implements SliceGate {
  readonly cells: Int32Array;
  readonly returnedCell: number;
  readonly waitingCell: number;
  readonly #openCell: number;
  readonly #ringCell: number;
  readonly #count: number;
  /** Numbers that were open and are not; all from `#unused` to `#end` never were. A list of all of them would be a tenth of this thread's start. */
  readonly #free: number[] = [];
  readonly #end: number;
  #unused: number;
  #taken = 0;

  constructor(slices: SharedArrayBuffer, parserIndex: number, parserCount: number) {
    this.cells = new Int32Array(slices);
    this.#count = numbersOf(parserCount);
    const base = PARSERS_CELL + parserIndex * PARSER_STRIDE;
    this.returnedCell = base + CELL.RETURNED;
    this.waitingCell = base + CELL.WAITING;
    this.#openCell = base + CELL.OPEN_BYTES;
    this.#ringCell = PARSERS_CELL + parserCount * PARSER_STRIDE + parserIndex * this.#count;
    this.#unused = parserIndex * this.#count;
    this.#end = this.#unused + this.#count;
  }

  /** How large the next slice should be. */
  get sliceBytes(): number {
    return Atomics.load(this.cells, CONTROL_CELL + CONTROL.SLICE_BYTES);
  }

  /** A parser with nothing open may always open one slice, however large: else one long line would wait for ever. */
  mayOpen(bytes: number): boolean {
    this.#takeReturned();
    const openBytes = Atomics.load(this.cells, this.#openCell);
    const shareBytes = Atomics.load(this.cells, CONTROL_CELL + CONTROL.SHARE_BYTES);
    const isAnyFree = this.#free.length > 0 || this.#unused < this.#end;
    return isAnyFree && (openBytes === 0 || openBytes + bytes <= shareBytes);
  }

  /** Opens a slice: `mayOpen` has said that it can be. @returns Its number. */
  open(bytes: number): number {
    Atomics.add(this.cells, this.#openCell, bytes);
    return this.#free.pop() ?? this.#unused++;
  }

  #takeReturned(): void {
    const returned = Atomics.load(this.cells, this.returnedCell);
    for (; this.#taken !== returned; this.#taken = (this.#taken + 1) | 0)
      this.#free.push(this.cells[this.#ringCell + ((this.#taken >>> 0) % this.#count)]!);
  }
}

/** The main thread's side. */
export class SliceOwner {
  readonly memory: SharedArrayBuffer;
  /** Rung when a publisher has settled a slice. */
  readonly bell: Bell;
  readonly #acknowledged: Int32Array;
  readonly #settled: Int32Array;
  readonly #cells: Int32Array;
  /** Words of `settled` in which a bit may ever be set: a slice is settled by a publisher only when its receipt is there. */
  readonly #words: number[] = [];
  readonly #hasWord = new Uint8Array(SETTLED_CELLS);
  readonly #parserCount: number;
  readonly #count: number;

  constructor(parserCount: number) {
    this.memory = createSlices(parserCount);
    const { acknowledged, settled, bell } = countersOf(this.memory);
    this.#acknowledged = acknowledged;
    this.#settled = settled;
    this.bell = bell;
    this.#cells = new Int32Array(this.memory);
    this.#parserCount = parserCount;
    this.#count = numbersOf(parserCount);
  }

  /** Bytes of all open slices. */
  get openBytes(): number {
    return this.#sum(CELL.OPEN_BYTES);
  }

  /** Parsers that wait for the window now. */
  get waitingCount(): number {
    return this.#sum(CELL.WAITING);
  }

  /** Sets the window of all parsers together, and the size of the slices that are opened from now on. */
  setWindow(windowBytes: number, sliceBytes: number): void {
    const shareBytes = Math.min(UNBOUNDED_BYTES, Math.ceil(windowBytes / this.#parserCount));
    const before = Atomics.exchange(this.#cells, CONTROL_CELL + CONTROL.SHARE_BYTES, shareBytes);
    Atomics.store(this.#cells, CONTROL_CELL + CONTROL.SLICE_BYTES, sliceBytes);
    if (shareBytes <= before) return;
    for (let parser = 0; parser < this.#parserCount; parser++)
      wake(this.#cells, this.#parserCell(parser) + CELL.RETURNED);
  }

  /** The receipt of a slice is there. @returns Whether all its records are acknowledged already; else `takeSettled` or `refuse` says so. */
  expect(slice: number, records: number): boolean {
    const word = slice >>> 5;
    if (this.#hasWord[word] === 0) {
      this.#hasWord[word] = 1;
      this.#words.push(word);
    }
    return Atomics.sub(this.#acknowledged, slice, records) === records;
  }

  /** One of the expected records will never be acknowledged. @returns Whether that settles the slice. */
  refuse(slice: number): boolean {
    return Atomics.add(this.#acknowledged, slice, 1) === -1;
  }

  /** Records of an expected slice that are neither acknowledged nor refused. */
  missing(slice: number): number {
    return -Atomics.load(this.#acknowledged, slice);
  }

  /** Slices that publishers have settled since the last call, once each. */
  takeSettled(): number[] {
    const slices: number[] = [];
    const settled = this.#settled;
    for (const word of this.#words) {
      if (settled[word] === 0) continue;
      let bits = Atomics.exchange(settled, word, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        slices.push(word * 32 + bit);
        bits &= bits - 1;
      }
    }
    return slices;
  }

  /** Ends a slice: nobody counts in it from here on. Its number and its bytes are the parser's again. */
  giveBack(slice: number, bytes: number): void {
    const parser = Math.floor(slice / this.#count);
    const base = this.#parserCell(parser);
    const ringCell = PARSERS_CELL + this.#parserCount * PARSER_STRIDE + parser * this.#count;
    const returned = Atomics.load(this.#cells, base + CELL.RETURNED);
    Atomics.store(this.#acknowledged, slice, 0);
    this.#cells[ringCell + ((returned >>> 0) % this.#count)] = slice;
    Atomics.sub(this.#cells, base + CELL.OPEN_BYTES, bytes);
    // Stored last: a parser that sees it sees the number and the room as well.
    Atomics.store(this.#cells, base + CELL.RETURNED, (returned + 1) | 0);
    wake(this.#cells, base + CELL.RETURNED);
  }

  #parserCell(parser: number): number {
    return PARSERS_CELL + parser * PARSER_STRIDE;
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let parser = 0; parser < this.#parserCount; parser++)
      sum += Atomics.load(this.#cells, this.#parserCell(parser) + cell);
    return sum;
  }
}
