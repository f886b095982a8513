/**
 * JSON values: cuts a file of JSON into the elements of its array, or the members of its object, without holding it.
 * Takes  bytes as they come.
 * Gives  the text of each element, with its name where the file is an object. Names and elements are valid JSON.
 * Owns   the commas and brackets of the outermost level; what lies within is for `JSON.parse` to judge.
 */
import { isUtf8 } from 'node:buffer';
import { ENGINE } from '../../../base/limits.ts';
import { TableRowError } from './table-file.ts';
import { tooLong } from './whole-lines.ts';

const CHAR = { QUOTE: 0x22, ESCAPE: 0x5c, COMMA: 0x2c, COLON: 0x3a } as const;
const OPEN = { ARRAY: 0x5b, OBJECT: 0x7b } as const;
const CLOSE = { ARRAY: 0x5d, OBJECT: 0x7d } as const;

export type TakeValue = (text: string, value: unknown, name: string | null) => void;

export class JsonValues {
  readonly #take: TakeValue;
  readonly #parts: Buffer[] = [];
  #partBytes = 0;
  #count = 0;
  #close: number | null = null;
  #name: string | null = null;
  #depth = 0;
  #isInText = false;
  #isEscaped = false;
  #isClosed = false;

  constructor(take: TakeValue) {
    this.#take = take;
  }

  /** @throws {TableRowError} */
  add(chunk: Uint8Array): void {
    // What comes may be overwritten, or lie in shared memory.
    const bytes = Buffer.from(chunk);
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === CHAR.ESCAPE) this.#isEscaped = true;
        else if (byte === CHAR.QUOTE) this.#isInText = false;
        continue;
      }
      if (byte === CHAR.QUOTE) this.#isInText = true;
      else if (byte === OPEN.ARRAY || byte === OPEN.OBJECT) {
        if (this.#close !== null) this.#depth++;
        else {
          this.#keep(bytes, from, at);
          this.#open(byte);
          from = at + 1;
        }
      } else if (this.#depth > 0) {
        if (byte === CLOSE.ARRAY || byte === CLOSE.OBJECT) this.#depth--;
      } else if (byte === CHAR.COMMA || byte === CLOSE.ARRAY || byte === CLOSE.OBJECT) {
        this.#keep(bytes, from, at);
        this.#end(byte);
        from = at + 1;
      } else if (byte === CHAR.COLON && this.#close === CLOSE.OBJECT && this.#name === null) {
        this.#keep(bytes, from, at);
        this.#takeName();
        from = at + 1;
      }
    }
    this.#keep(bytes, from, bytes.length);
  }

  /** No more bytes follow. @throws {TableRowError} */
  finish(): void {
    if (!this.#isClosed) throw new TableRowError('it ends in the middle of a value');
    if (this.#text() !== '') throw behind();
  }

  #open(byte: number): void {
    if (this.#isClosed) throw behind();
    // A byte order mark counts as a space here.
    if (this.#text().replace(/^\ufeff/, '') !== '') throw noTable();
    this.#close = byte === OPEN.ARRAY ? CLOSE.ARRAY : CLOSE.OBJECT;
  }

  #end(byte: number): void {
    if (this.#close === null) throw this.#isClosed ? behind() : noTable();
    const isEnd = byte !== CHAR.COMMA;
    if (isEnd && byte !== this.#close) throw this.#malformed();
    const text = this.#text();
    const isEmpty = isEnd && text === '' && this.#count === 0 && this.#name === null;
    if (!isEmpty) this.#takeValue(text);
    if (!isEnd) return;
    this.#close = null;
    this.#isClosed = true;
  }

  #takeName(): void {
    const name = this.#parse(this.#text());
    if (typeof name !== 'string') throw this.#malformed();
    this.#name = name;
  }

  #takeValue(text: string): void {
    if (this.#close === CLOSE.OBJECT && this.#name === null) throw this.#malformed();
    const value = this.#parse(text);
    this.#count++;
    this.#take(text, value, this.#name);
    this.#name = null;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw this.#malformed();
    }
  }

  #malformed(): TableRowError {
    return new TableRowError(`value ${this.#count + 1} of it is no JSON`);
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    if (from === to) return;
    this.#parts.push(bytes.subarray(from, to));
    this.#partBytes += to - from;
    if (this.#partBytes > ENGINE.tableRowBytesMax) throw tooLong();
  }

  #text(): string {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts.length = 0;
    this.#partBytes = 0;
    if (!isUtf8(bytes)) throw new TableRowError('it is not UTF-8');
    return bytes.toString('utf8').replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  }
}

function noTable(): TableRowError {
  return new TableRowError('it is neither an array of objects nor an object by key');
}

function behind(): TableRowError {
  return new TableRowError('something follows behind its value');
}
