/**
 * Letter source: repaired dead letters in the place of downloads.
 * Takes  a dead-letter file (src/verify/redrive.ts says what a sendable letter is).
 * Gives  each letter to the parsers as a line of the object that it came from, at its old offset: so it has the key that it would
 *        have had, and the same rules judge it.
 * Owns   the bound of letters on their way.
 */
import { createReadStream } from 'node:fs';
import { OptionsError } from './errors.ts';
import { ENGINE } from './limits.ts';
import { type Block, type BlockOwner, READ_PADDING_BYTES } from './source/block-pool.ts';
import type { Piece, SourceSink } from './source/delivery.ts';
import type { Segment, SourceObject } from './source/object.ts';
import { type RedriveLetter, readDeadLetters } from './verify/redrive.ts';

/** Letters that one parcel holds at most. */
const PARCEL_LETTERS_MAX = 256;
/** Parcels on their way to and from the parsers. */
const PARCELS_MAX = 8;
/** Problems that one message names. */
const PROBLEMS_MAX = 10;

/** What a dead-letter file holds. */
export interface LetterCensus {
  readonly letters: number;
  /** Letters about objects as a whole: there is nothing in them that could be sent. */
  readonly objects: number;
}

/** Reads the file once, before anything is sent. @throws {OptionsError} When a line of it is no dead letter, or it cannot be read. */
export async function checkLetters(path: string): Promise<LetterCensus> {
  const problems: string[] = [];
  let letters = 0;
  let objects = 0;
  try {
    for await (const { problem } of readDeadLetters(createReadStream(path))) {
      if (problem === null) letters++;
      else if (problem.kind === 'object') objects++;
      else if (problems.push(`${path}: ${problem.message}.`) === PROBLEMS_MAX) break;
    }
  } catch (error) {
    problems.push(`Cannot read ${path}: ${error instanceof Error ? error.message : error}.`);
  }
  if (problems.length > 0) throw new OptionsError(problems);
  return { letters, objects };
}

export class LetterSource implements BlockOwner {
  /** A source must have some; letters lie in buffers of their own. */
  readonly memory = new SharedArrayBuffer(READ_PADDING_BYTES);
  readonly stats = { requests: 0, bytes: 0, retries: 0, throttles: 0 };
  readonly #path: string;
  readonly #sink: SourceSink;
  #onTheirWay = 0;
  #wake: (() => void) | null = null;
  #isStopped = false;
  #count = 0;

  constructor(path: string, sink: SourceSink) {
    this.#path = path;
    this.#sink = sink;
  }

  /** Takes no further letter. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** Hands all letters over. */
  async run(): Promise<void> {
    let waiting: RedriveLetter[] = [];
    let bytes = 0;
    for await (const { letter } of readDeadLetters(createReadStream(this.#path))) {
      if (this.#isStopped) return;
      if (letter === null) continue;
      waiting.push(letter);
      bytes += letter.data.byteLength;
      if (waiting.length < PARCEL_LETTERS_MAX && bytes < ENGINE.blockBytes) continue;
      await this.#send(waiting, bytes);
      waiting = [];
      bytes = 0;
    }
    if (waiting.length > 0) await this.#send(waiting, bytes);
  }

  async #send(letters: readonly RedriveLetter[], bytes: number): Promise<void> {
    while (this.#onTheirWay >= PARCELS_MAX && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const block = this.#createBlock(bytes, letters.length);
    const pieces: Piece[] = [];
    let position = 0;
    for (const letter of letters) {
      block.bytes.set(letter.data, position);
      const end = position + letter.data.byteLength;
      const segment = this.#segmentOf(letter);
      pieces.push({ segment, block, start: position, end, objectOffset: letter.offset, isLast: true });
      position = end;
      this.#sink.begin(segment);
    }
    this.stats.bytes += bytes;
    this.#sink.parcel({ format: 'plain', pieces, bytes });
    for (const { segment } of pieces) this.#sink.end(segment, null);
  }

  /** A letter is an object of one line, told apart from other lines of its object by its number. */
  #segmentOf({ bucket, key, etag, offset, data }: RedriveLetter): Segment {
    const part = this.#count++;
    const size = Math.max(1, data.byteLength);
    const object: SourceObject = {
      bucket,
      key,
      etag,
      size,
      lastModifiedMs: 0,
      storageClass: 'STANDARD',
      part,
    };
    return {
      object,
      objectIndex: part,
      index: 0,
      count: 1,
      start: offset,
      end: offset + size,
      format: 'plain',
      unit: -1,
    };
  }

  /** A buffer of its own, with one reference a letter. */
  #createBlock(bytes: number, references: number): Block {
    const buffer = new SharedArrayBuffer(bytes + READ_PADDING_BYTES);
    this.#onTheirWay++;
    return {
      bytes: new Uint8Array(buffer, 0, bytes),
      buffer,
      byteOffset: 0,
      index: -1,
      slot: this,
      references,
    };
  }

  /** A parser has dealt with a letter of this block. */
  release(block: Block): void {
    if (--block.references > 0) return;
    this.#onTheirWay--;
    this.#wake?.();
  }
}
