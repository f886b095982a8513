/**
 * Gunzip: stored bytes of one gzip object in, its content out. Runs in a parser thread.
 * Takes  the stored bytes chunk by chunk; a chunk may lie in shared memory and is not touched after the next one is asked for.
 * Gives  content in views of one buffer, each valid until the next is asked for; all of a stored chunk's before the next chunk.
 * Owns   the rule where an object ends: behind its last member, or with zeros behind that.
 * Never  holds more than one buffer of content, whatever the ratio; never keeps a thread from its messages for long.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { MIB } from '../base/limits.ts';
import type { Inflater } from '../native/inflate.ts';
import { DecodingError, type Progress } from './decoding.ts';

/** Content handed on at once: it stays in a core's own cache. */
const CHUNK_BYTES = 256 * 1024;
/** After this much content the thread looks at its messages and timers: a few bytes can hold hours of work. */
const TURN_BYTES = 8 * MIB;

/** @throws {DecodingError} Where the bytes are no longer gzip; everything before that has been given. */
export async function* gunzip(
  stored: AsyncIterable<Uint8Array>,
  inflater: Inflater,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  const output = new Uint8Array(CHUNK_BYTES);
  inflater.reset();
  let isWithin = true;
  let isPadding = false;
  let unusedBits = 0;
  let memberStart = 0;
  let untilTurn = TURN_BYTES;
  const failure = (why: string) => {
    // Whole bytes that were read ahead are not part of what was understood.
    progress.stored = Math.floor((progress.stored * 8 - unusedBits) / 8);
    const isBehind = memberStart > 0 && progress.stored === memberStart;
    return new DecodingError(isBehind ? 'what stands behind its last member is no other member' : why);
  };
  for await (const chunk of stored) {
    for (let rest = chunk, isFull = false; rest.length > 0 || isFull; ) {
      if (!isWithin) {
        isPadding ||= rest[0] === 0;
        if (isPadding) {
          skipPadding(rest, progress);
          break;
        }
        inflater.reset();
        memberStart = progress.stored;
        isWithin = true;
      }
      const step = inflater.step(rest, output);
      rest = rest.subarray(step.consumed);
      progress.stored += step.consumed;
      progress.content += step.produced;
      if (step.produced > 0) yield output.subarray(0, step.produced);
      unusedBits = step.unusedBits;
      if (step.status === 'damaged') throw failure(step.why);
      isFull = step.produced === output.length;
      if (step.status === 'member-end') {
        progress.proven = progress.content;
        isWithin = false;
        isFull = false;
      }
      untilTurn -= step.produced;
      if (untilTurn <= 0) {
        untilTurn = TURN_BYTES;
        await turn();
      }
    }
  }
  if (isWithin) throw failure('unexpected end of file');
}

/** @throws {DecodingError} At the first byte that is not zero. */
function skipPadding(bytes: Uint8Array, progress: Progress): void {
  const other = bytes.findIndex((byte) => byte !== 0);
  progress.stored += other < 0 ? bytes.length : other;
  if (other >= 0) throw new DecodingError('other bytes follow the zeros behind its end');
}
