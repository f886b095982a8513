/**
 * Dead letter source: repaired dead letters in place of downloads.
 * Takes  a dead-letter file (src/journal/read-dead-letters.ts says what a sendable dead letter is).
 * Gives  each dead letter to the parsers as a line of the object that it came from, at its old offset: so it gets the key that it would
 *        have had, and the same rules apply to it. A dead letter about a whole object cannot be sent: it fails again as it is.
 * Owns   the limit of dead letters on their way.
 */
import { createReadStream } from 'node:fs';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { assertRegularFile } from '../base/given-file.ts';
import { ENGINE } from '../base/limits.ts';
import { DamagedError, isDamage } from '../inflate/damage.ts';
import { headerOf } from '../journal/look.ts';
import {
  type ObjectDeadLetter,
  type RedriveDeadLetter,
  type RedriveProblem,
  readDeadLetters,
} from '../journal/read-dead-letters.ts';
import { type Block, type BlockOwner, READ_PADDING_BYTES } from './block-pool.ts';
import type { Piece, SourceSink } from './delivery.ts';
import { OVERSIZE_HEAD_BYTES } from './line-cutter.ts';
import type { Segment, SourceObject } from './object.ts';

/** Dead letters that one parse batch holds at most. */
const PARSE_BATCH_LETTERS_MAX = 256;
/** Parse batches on their way to and from the parsers. */
const PARSE_BATCHES_MAX = 8;
/** Problems that one message names. */
const PROBLEMS_MAX = 10;

/** Reads the file once, before anything is sent. @throws {OptionsError} When one of its lines is not a dead letter, or it cannot be read. */
export async function checkDeadLetters(path: string, isFramed = false): Promise<void> {
  const problems: string[] = [];
  try {
    assertRegularFile(path);
    for await (const { deadLetter, problem } of readDeadLetters(createReadStream(path), isFramed)) {
      const message = deadLetter === null ? malformation(problem) : truncation(deadLetter);
      if (message !== null && problems.push(`${path}: ${message}.`) === PROBLEMS_MAX) break;
    }
  } catch (error) {
    problems.push(`Cannot read ${path}: ${error instanceof Error ? error.message : error}.`);
  }
  if (problems.length === 0) return;
  const header = await headerOf(path).catch(() => null);
  if (header === null) throw new OptionsError(problems);
  throw new OptionsError([
    `Cannot send ${path}: it is the journal of run "${header.run}", not its dead-letter file.`,
  ]);
}

function malformation(problem: RedriveProblem): string | null {
  return problem.kind === 'malformed' ? problem.message : null;
}

/** The beginning of a line may be a valid record of its own, and is never what was meant. */
function truncation({ code, data, length, lineNumber }: RedriveDeadLetter): string | null {
  const isHead = code === 'RECORD_TOO_LARGE' && data.byteLength === OVERSIZE_HEAD_BYTES;
  if (!isHead || length === null || length <= OVERSIZE_HEAD_BYTES) return null;
  const advice = 'put the whole record there, or take the letter out';
  return `Line ${lineNumber} holds only the beginning of a line that was too long: ${advice}`;
}

export class DeadLetterSource implements BlockOwner {
  /** A source must have some; dead letters lie in buffers of their own. */
  readonly memory = new SharedArrayBuffer(READ_PADDING_BYTES);
  readonly stats = { requests: 0, bytes: 0, retries: 0, throttles: 0 };
  readonly #path: string;
  readonly #isFramed: boolean;
  readonly #sink: SourceSink;
  #onTheirWay = 0;
  #wake: (() => void) | null = null;
  #isStopped = false;
  #count = 0;

  /** @param isFramed See readDeadLetters. */
  constructor(path: string, sink: SourceSink, isFramed = false) {
    this.#path = path;
    this.#isFramed = isFramed;
    this.#sink = sink;
  }

  /** Takes no further dead letter. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** Hands all dead letters over. */
  async run(): Promise<void> {
    let waiting: RedriveDeadLetter[] = [];
    let bytes = 0;
    for await (const { deadLetter, problem } of readDeadLetters(
      createReadStream(this.#path),
      this.#isFramed,
    )) {
      if (this.#isStopped) return;
      if (deadLetter === null) {
        if (problem.kind === 'object') this.#giveOn(problem.object);
        continue;
      }
      waiting.push(deadLetter);
      bytes += deadLetter.data.byteLength;
      if (waiting.length < PARSE_BATCH_LETTERS_MAX && bytes < ENGINE.blockBytes) continue;
      await this.#send(waiting, bytes);
      waiting = [];
      bytes = 0;
    }
    if (waiting.length > 0) await this.#send(waiting, bytes);
  }

  async #send(deadLetters: readonly RedriveDeadLetter[], bytes: number): Promise<void> {
    while (this.#onTheirWay >= PARSE_BATCHES_MAX && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const block = this.#createBlock(bytes, deadLetters.length);
    const pieces: Piece[] = [];
    let position = 0;
    for (const deadLetter of deadLetters) {
      block.bytes.set(deadLetter.data, position);
      const end = position + deadLetter.data.byteLength;
      const segment = this.#segmentOf(deadLetter);
      pieces.push({ segment, block, start: position, end, objectOffset: deadLetter.offset, isLast: true });
      position = end;
      this.#sink.begin(segment);
    }
    this.stats.bytes += bytes;
    this.#sink.parseBatch({ format: 'plain', pieces, bytes });
    for (const { segment } of pieces) this.#sink.end(segment, null);
  }

  /** Nothing of it can be sent, so it goes into the new dead-letter file as it stands in this one. */
  #giveOn(deadLetter: ObjectDeadLetter): void {
    const code =
      deadLetter.code === 'OBJECT_CHANGED' ? 'MILLRACE_OBJECT_CHANGED' : 'MILLRACE_OBJECT_UNREADABLE';
    const error =
      code === 'MILLRACE_OBJECT_UNREADABLE' && isDamage(deadLetter.damage)
        ? new DamagedError(deadLetter.reason, deadLetter.damage)
        : new MillraceError(code, deadLetter.reason);
    this.#sink.objectFailed(this.#objectOf(deadLetter, 0), error);
  }

  /** A dead letter is an object of its own, told apart from others of the same name by its number. */
  #objectOf({ bucket, key, etag }: ObjectDeadLetter | RedriveDeadLetter, size: number): SourceObject {
    const part = this.#count++;
    return { bucket, key, etag, size, lastModifiedMs: 0, storageClass: 'STANDARD', part };
  }

  /** An object of one line. */
  #segmentOf(deadLetter: RedriveDeadLetter): Segment {
    const { offset, output, isRaw, data, code, length, isEdited } = deadLetter;
    const size = Math.max(1, data.byteLength);
    const object = this.#objectOf(deadLetter, size);
    return {
      object,
      objectIndex: object.part!,
      index: 0,
      start: offset,
      end: offset + size,
      format: 'plain',
      only: null,
      letter: { code, length, isEdited },
      // What a stream has refused had come as far as that.
      ...(code === 'PUT_REFUSED' && { shaped: { output: output ?? 0, isRaw: isRaw ?? false } }),
    };
  }

  /** A buffer of its own, with one reference a dead letter. */
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

  /** A parser has dealt with a dead letter of this block. */
  release(block: Block): void {
    if (--block.references > 0) return;
    this.#onTheirWay--;
    this.#wake?.();
  }
}
