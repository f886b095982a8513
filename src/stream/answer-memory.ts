/**
 * Answer memory: what one GetRecords call at a time is received and read with, again and again.
 * Gives  memory for the body; the reader of answers for its encoding.
 * Owns   both. Large bodies that are allocated anew each time keep the garbage collector busier than all reading (measured); and memory that
 *        it counts as held by the heap, which shared memory is not, makes it look for some to get back, where there is none. Sizes double, so
 *        that what is let go is never more than what is kept.
 */
import { MIB } from '../base/limits.ts';
import type { Answer } from './answer.ts';
import { createAnswer } from './open-answer.ts';

export class AnswerMemory {
  readonly #decoder: 'native' | 'portable' | undefined;
  #body: Buffer = Buffer.alloc(0);
  #answer: { readonly wire: 'cbor' | 'json'; readonly answer: Answer } | null = null;

  constructor(decoder: 'native' | 'portable' | undefined) {
    this.#decoder = decoder;
  }

  /** At least this many bytes; those given last are no longer needed. */
  readonly bodyFor = (byteCount: number): Buffer => {
    let size = Math.max(this.#body.length, MIB);
    while (size < byteCount) size *= 2;
    if (size > this.#body.length) this.#body = Buffer.from(new SharedArrayBuffer(size));
    return this.#body;
  };

  answerFor(wire: 'cbor' | 'json'): Answer {
    if (this.#answer?.wire !== wire) this.#answer = { wire, answer: createAnswer(wire, this.#decoder) };
    return this.#answer.answer;
  }
}
