/**
 * Value count: how many values, and losses between them, a framing makes of an object: what LineCounter is to lines.
 * Takes  the bytes of an object, in runs. Gives  a count, and where each begins and ends.
 * Owns   its own reading of JSON, by a table of its own (value-table.ts), and the rule where damage ends (docs/CLI.md, "Framing").
 * Never  shares code with finders, cutter, walk and scanner: it is what `verify` holds them to.
 */
import type { LineCount } from './line-count.ts';
import { BETWEEN, NUMBER, TABLE } from './value-table.ts';

const [NEWLINE, QUOTE, OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT] = [0x0a, 0x22, 0x7b, 0x5b, 0x7d];

/** An open container of what is around an array. */
interface Level {
  readonly isObject: boolean;
  /** Where in it the reading stands: the last name, or the number of the element. */
  at: string | number;
}

export class ValueCounter {
  #count = 0;
  readonly #tokens: readonly string[] | null;
  readonly #depthMax: number;
  #state = NUMBER.value;
  /** Brackets that are open in the value at hand. */
  #open: number[] = [];
  #isName = false;
  /** Of the value or document at hand. */
  #first = 0;
  #start = 0;
  #indent = 0;
  /** Spaces since the last line end; -1: something else has come. */
  #spaces = 0;
  #isLost = false;
  #isLineStart = false;
  /** What is around an array: not within it, the containers that lead on, and whether there was one. */
  #isAround: boolean;
  #levels: Level[] = [];
  #hasArray = false;
  #text: string | null = null;
  #marks = 0;
  #isStart = true;
  /** Bytes of the object so far. */
  #seenBytes = 0;
  readonly #onEnd: ((start: number, end: number) => void) | undefined;

  /**
   * @param tokens As ParseSetup has them. @param depthMax More brackets than that are damage.
   * @param onEnd Told of each with its offsets: the end of damage is where values may begin again.
   */
  constructor(
    tokens: readonly string[] | null,
    depthMax: number,
    onEnd?: (start: number, end: number) => void,
  ) {
    this.#tokens = tokens;
    this.#depthMax = depthMax;
    this.#isAround = tokens !== null;
    this.#onEnd = onEnd;
  }

  add(bytes: Uint8Array): void {
    const from = this.#isStart ? this.#skipMark(bytes) : 0;
    this.#take(bytes, from, this.#seenBytes);
    this.#seenBytes += bytes.length;
  }

  /** @param isWhole The object has been read to its end. */
  count(isWhole: boolean): LineCount {
    return { newlines: this.#count, endsOpen: isWhole && this.#isOpen };
  }

  /** Offset of what has begun and is not counted, or null. What is around an array is it, too. */
  get openStart(): number | null {
    return this.#isOpen ? this.#start : null;
  }

  /** A value, or damage, has begun that is not counted. What is around an array is none: nobody knows what it holds. */
  get hasBegun(): boolean {
    return this.#isLost || (!this.#isAround && this.#isOpen);
  }

  /** What has begun is damage whose first wrong byte has come. */
  get isLost(): boolean {
    return this.#isLost;
  }

  get #isOpen(): boolean {
    return this.#isLost || this.#open.length > 0 || this.#levels.length > 0 || this.#isInScalar;
  }

  #take(bytes: Uint8Array, from: number, base: number): void {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#isLost) this.#pass(byte, base + at);
      if (!this.#isLost) this.#read(byte, base + at);
    }
  }

  get #isInScalar(): boolean {
    return !BETWEEN.has(this.#state);
  }

  /** A byte order mark in front of everything. */
  #skipMark(bytes: Uint8Array): number {
    let at = 0;
    for (; at < bytes.length && this.#marks < 3; at++, this.#marks++) {
      if (bytes[at] === [0xef, 0xbb, 0xbf][this.#marks]) continue;
      // It was none: its beginning counts.
      const seen = Uint8Array.of(0xef, 0xbb).subarray(0, this.#marks);
      this.#isStart = false;
      this.#take(seen, 0, 0);
      return at;
    }
    this.#isStart = this.#marks < 3;
    return at;
  }

  #pass(byte: number, offset: number): void {
    const isContainer = this.#first === OPEN_OBJECT || this.#first === OPEN_ARRAY;
    if (this.#isLineStart) {
      const isBracket = byte === OPEN_OBJECT || byte === OPEN_ARRAY;
      if (!isContainer || (isBracket && this.#spaces <= this.#indent)) {
        this.#isLost = false;
        this.#tell(offset);
        return;
      }
      if (byte === 0x20 || byte === 0x09) {
        this.#spaces++;
        return;
      }
    }
    this.#isLineStart = byte === NEWLINE;
    this.#spaces = 0;
  }

  #read(byte: number, offset: number): void {
    const isBetween = this.#open.length === 0 && this.#levels.length === 0;
    if (isBetween && BETWEEN.has(this.#state)) this.#look(byte, offset);
    if (this.#text !== null && this.#state >= NUMBER.text && this.#state <= NUMBER.hex1) this.#keep(byte);
    const next = TABLE[this.#state * 256 + byte]!;
    switch (next) {
      case NUMBER.wrong:
        this.#lose(byte);
        break;
      case NUMBER.open:
        this.#enter(byte);
        break;
      case NUMBER.close:
        this.#leave(byte, offset);
        break;
      case NUMBER.comma:
        this.#divide(byte);
        break;
      case NUMBER.quote:
        if (this.#isName) this.#endName();
        else this.#endValue(offset + 1);
        break;
      case NUMBER.border:
        this.#endValue(offset);
        this.#read(byte, offset);
        break;
      default:
        if (byte === QUOTE && next === NUMBER.text && this.#state !== NUMBER.escape) this.#beginText();
        this.#state = next;
    }
  }

  /** Between values. */
  #look(byte: number, offset: number): void {
    if (byte === NEWLINE) this.#spaces = 0;
    else if (byte === 0x20 || byte === 0x09) this.#spaces += this.#spaces < 0 ? 0 : 1;
    else {
      this.#first = byte;
      this.#start = offset;
      this.#indent = Math.max(0, this.#spaces);
      this.#spaces = -1;
    }
  }

  /** The byte can follow nothing of what came. */
  #lose(byte: number): void {
    if (this.#isAround) this.#hasArray = false;
    this.#isLost = true;
    this.#open = [];
    this.#levels = [];
    // Of an array's element it is not known what follows: anything may.
    this.#state = this.#tokens !== null && !this.#isAround ? NUMBER.element : NUMBER.value;
    this.#isName = false;
    this.#text = null;
    this.#isLineStart = byte === NEWLINE;
    this.#spaces = 0;
  }

  #enter(byte: number): void {
    const isObject = byte === OPEN_OBJECT;
    if (this.#isAround) {
      if (!isObject && this.#isAtPointer) {
        this.#hasArray = true;
        this.#isAround = false;
        this.#levels.push({ isObject, at: 0 });
        this.#around = this.#levels;
        this.#levels = [];
        this.#state = NUMBER.element;
        this.#spaces = -1;
        return;
      }
      if (this.#levels.length >= this.#depthMax) {
        this.#lose(byte);
        return;
      }
      this.#levels.push({ isObject, at: isObject ? '' : 0 });
    } else {
      if (this.#open.length >= this.#depthMax) {
        this.#lose(byte);
        return;
      }
      this.#open.push(byte);
    }
    this.#state = isObject ? NUMBER.member : NUMBER.element;
  }
  /** The containers around the array that is being read, itself the last. */
  #around: Level[] = [];

  #leave(byte: number, offset: number): void {
    const isObject = byte === CLOSE_OBJECT;
    if (this.#isAround) {
      if (this.#levels.at(-1)?.isObject !== isObject) {
        this.#lose(byte);
        return;
      }
      this.#levels.pop();
    } else if (this.#open.length > 0) {
      if ((this.#open.at(-1) === OPEN_OBJECT) !== isObject) {
        this.#lose(byte);
        return;
      }
      this.#open.pop();
    } else if (this.#tokens !== null && !isObject) {
      this.#levels = this.#around.slice(0, -1);
      this.#isAround = true;
      // Damage behind the array begins with this bracket.
      this.#first = byte;
      this.#start = offset;
      this.#indent = 0;
      this.#endValue(offset + 1, true);
      return;
    } else {
      this.#lose(byte);
      return;
    }
    this.#endValue(offset + 1);
  }

  #divide(byte: number): void {
    if (this.#isAround) {
      const level = this.#levels.at(-1);
      if (level === undefined) {
        this.#lose(byte);
        return;
      }
      if (typeof level.at === 'number') level.at++;
      this.#state = level.isObject ? NUMBER.name : NUMBER.value;
      return;
    }
    this.#state = this.#open.at(-1) === OPEN_OBJECT ? NUMBER.name : NUMBER.value;
  }

  /** @param isArray It was the array, whose elements have been counted. */
  #endValue(end: number, isArray = false): void {
    const isInside = this.#open.length > 0 || this.#levels.length > 0;
    this.#state = NUMBER.behind;
    if (isInside) return;
    this.#spaces = -1;
    if (this.#isAround) {
      // A document ends.
      if (!this.#hasArray && !isArray) this.#tell(end);
      this.#hasArray = false;
      this.#state = NUMBER.value;
      return;
    }
    this.#tell(end);
    if (this.#tokens === null) this.#state = NUMBER.value;
  }

  #tell(end: number): void {
    this.#count++;
    this.#onEnd?.(this.#start, end);
  }

  #beginText(): void {
    this.#isName = this.#state === NUMBER.member || this.#state === NUMBER.name;
    this.#text = this.#isName && this.#isAround && this.#levels.length <= this.#tokens!.length ? '"' : null;
  }

  #keep(byte: number): void {
    const bytesMax = 6 * Math.max(...this.#tokens!.map((token) => Buffer.byteLength(token))) + 2;
    this.#text = this.#text!.length > bytesMax ? null : this.#text + String.fromCharCode(byte);
  }

  #endName(): void {
    const level = this.#levels.at(-1);
    if (level !== undefined)
      level.at = this.#text === null ? '' : String(JSON.parse(Buffer.from(this.#text, 'latin1').toString()));
    if (level !== undefined && this.#text === null) level.at = -1;
    this.#text = null;
    this.#isName = false;
    this.#state = NUMBER.colon;
  }

  get #isAtPointer(): boolean {
    const tokens = this.#tokens!;
    return (
      this.#levels.length === tokens.length && this.#levels.every(({ at }, i) => String(at) === tokens[i])
    );
  }
}
