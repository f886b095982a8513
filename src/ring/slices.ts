/**
 * Slices: the shared memory in which every slice of the source is counted until it is journaled.
 * A slice is a run of whole lines of one object, at most SLICE_BYTES_MAX of them after inflation, or one line.
 * Takes  from a parser: the slices that it opens. From publishers: acknowledged records. From the main thread: slices that are done.
 * Gives  a parser the number of its next slice, once the window has room for it.
 * Owns   the numbers of slices (16 bits, they go into every frame), and the window: how many bytes of the source may be read and
 *        not yet be journaled. What a kill repeats is never more than that.
 * Never  waits itself: see wait.ts. Each parser has numbers and a share of the window of its own, so that the task which is due in
 *        order mode can always go on: its parser has no other open slices but those of tasks that were due before.
 *
 * | int32 cells            | only writer       | meaning                                                                        |
 * |------------------------|-------------------|--------------------------------------------------------------------------------|
 * | 0 to 65,535            | publishers (add)  | records acknowledged, by slice; the main thread sets it to 0 with the slice's end |
 * | then 16                | main              | [0] bytes of a parser's share of the window, [1] bytes of a slice              |
 * | then 32 a parser       | see CELL          |                                                                                |
 * | then its numbers       | main              | ring of the numbers given back                                                 |
 */

/** Slices that may be open at once. */
export const SLICE_COUNT_MAX = 65_536;
/** Largest slice, but for one of a single line. */
export const SLICE_BYTES_MAX = 256 * 1024;
/** A frame's slice is the low half of its SLICE; the high half says which of its line's outputs it is. */
export const SLICE_MASK = 0xffff;

const CONTROL_CELL = SLICE_COUNT_MAX;
const CONTROL = { SHARE_BYTES: 0, SLICE_BYTES: 1 } as const;
const PARSERS_CELL = CONTROL_CELL + 16;
const PARSER_STRIDE = 32;
/** RETURNED, OPEN: numbers that came back, bytes of open slices. WAITING: 1 while the parser waits for the window. */
const CELL = { RETURNED: 0, OPEN_BYTES: 16, WAITING: 17 } as const;
/** Of a window of this size nobody ever waits. */
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

/** The counters of acknowledged records, as publishers see them. */
export function acknowledgedOf(slices: SharedArrayBuffer): Int32Array {
  return new Int32Array(slices, 0, SLICE_COUNT_MAX);
}

/** What a parser waits for: the cell that moves when something was given back, and whether it may go on. */
export interface SliceGate {
  readonly cells: Int32Array;
  readonly returnedCell: number;
  readonly waitingCell: number;
  /** Whether a slice of so many bytes may be opened now. */
  mayOpen(bytes: number): boolean;
}

/** A parser's side. */
export class SliceLender implements SliceGate {
  readonly cells: Int32Array;
  readonly returnedCell: number;
  readonly waitingCell: number;
  readonly #openCell: number;
  readonly #ringCell: number;
  readonly #count: number;
  readonly #free: number[];
  #taken = 0;

  constructor(slices: SharedArrayBuffer, parserIndex: number, parserCount: number) {
    this.cells = new Int32Array(slices);
    this.#count = numbersOf(parserCount);
    const base = PARSERS_CELL + parserIndex * PARSER_STRIDE;
    this.returnedCell = base + CELL.RETURNED;
    this.waitingCell = base + CELL.WAITING;
    this.#openCell = base + CELL.OPEN_BYTES;
    this.#ringCell = PARSERS_CELL + parserCount * PARSER_STRIDE + parserIndex * this.#count;
    const first = parserIndex * this.#count;
    this.#free = Array.from({ length: this.#count }, (_, i) => first + this.#count - 1 - i);
  }

  /** How large the next slice should be. */
  get sliceBytes(): number {
    return Atomics.load(this.cells, CONTROL_CELL + CONTROL.SLICE_BYTES);
  }

  /** A parser with nothing open may always open one slice, however large: else one long line would stand for ever. */
  mayOpen(bytes: number): boolean {
    this.#takeReturned();
    const openBytes = Atomics.load(this.cells, this.#openCell);
    const shareBytes = Atomics.load(this.cells, CONTROL_CELL + CONTROL.SHARE_BYTES);
    return this.#free.length > 0 && (openBytes === 0 || openBytes + bytes <= shareBytes);
  }

  /** Opens a slice: `mayOpen` has said that it can be. @returns Its number. */
  open(bytes: number): number {
    Atomics.add(this.cells, this.#openCell, bytes);
    return this.#free.pop()!;
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
  readonly acknowledged: Int32Array;
  readonly #cells: Int32Array;
  readonly #parserCount: number;
  readonly #count: number;

  constructor(parserCount: number) {
    this.memory = createSlices(parserCount);
    this.acknowledged = acknowledgedOf(this.memory);
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
      Atomics.notify(this.#cells, this.#parserCell(parser) + CELL.RETURNED);
  }

  /** Ends a slice: nobody counts in it any more. Its number and its bytes are the parser's again. */
  giveBack(slice: number, bytes: number): void {
    const parser = Math.floor(slice / this.#count);
    const base = this.#parserCell(parser);
    const ringCell = PARSERS_CELL + this.#parserCount * PARSER_STRIDE + parser * this.#count;
    const returned = Atomics.load(this.#cells, base + CELL.RETURNED);
    Atomics.store(this.acknowledged, slice, 0);
    this.#cells[ringCell + ((returned >>> 0) % this.#count)] = slice;
    Atomics.sub(this.#cells, base + CELL.OPEN_BYTES, bytes);
    // Stored last: a parser that sees it sees the number and the room as well.
    Atomics.store(this.#cells, base + CELL.RETURNED, (returned + 1) | 0);
    Atomics.notify(this.#cells, base + CELL.RETURNED);
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
