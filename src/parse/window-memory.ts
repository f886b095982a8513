/**
 * Window memory: how much the windows of zstd frames may hold, over all parsers of a run.
 * Takes  the window that a frame asks for, before its first block is decoded.
 * Gives  the room, at once or when another parser has given some back; or a refusal that says what would be enough.
 * Owns   one cell of the parsers' shared memory: KiB that are taken. Up to 8 MiB a parser (RFC 8878, 3.1.1.1.2) are in its own budget.
 *
 * In order mode nobody waits: the parser that holds a window may itself wait for the one that wants it. There each has an even share.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KIB, MIB, ZSTD } from '../base/limits.ts';
import { DecodingError, type WindowRoom } from '../inflate/decoding.ts';
import { PARSE_SHARED, type ParseSetup } from './setup.ts';

/** Looking again is cheap, and a frame with such a window takes far longer than a look. */
const LOOK_MS = 10;

export interface WindowMemoryOptions {
  readonly setup: Pick<ParseSetup, 'shared' | 'windowBytes' | 'isOrdered' | 'lanes'>;
  readonly isStopping: () => boolean;
  /** Called before a wait, so that finished work need not wait as well. */
  readonly flush: () => void;
}

export class WindowMemory implements WindowRoom {
  readonly #given: WindowMemoryOptions;
  readonly #cells: Int32Array;
  readonly #limitKib: number;
  #takenKib = 0;

  constructor(given: WindowMemoryOptions) {
    this.#given = given;
    const { shared, windowBytes, isOrdered, lanes } = given.setup;
    this.#cells = new Int32Array(shared);
    this.#limitKib = Math.floor(windowBytes / (isOrdered ? Math.max(1, lanes.length) : 1) / KIB);
  }

  async take(windowBytes: number): Promise<void> {
    // The decoder itself refuses a larger one, before it allocates anything.
    if (windowBytes > ZSTD.windowBytesMax) return;
    const wantedKib = Math.ceil(Math.max(0, windowBytes - ZSTD.windowBytesCommon) / KIB);
    if (wantedKib > this.#limitKib) throw this.#refusal(windowBytes, wantedKib);
    const { setup, isStopping, flush } = this.#given;
    if (wantedKib === 0 || setup.isOrdered) return;
    const limitKib = this.#limitKib;
    for (let isFirst = true; !isStopping(); isFirst = false) {
      const before = Atomics.load(this.#cells, PARSE_SHARED.WINDOWS_KIB);
      const after = before + wantedKib;
      if (after > limitKib) {
        if (isFirst) flush();
        await sleep(LOOK_MS);
      } else if (Atomics.compareExchange(this.#cells, PARSE_SHARED.WINDOWS_KIB, before, after) === before) {
        this.#takenKib += wantedKib;
        return;
      }
    }
  }

  give(): void {
    Atomics.sub(this.#cells, PARSE_SHARED.WINDOWS_KIB, this.#takenKib);
    this.#takenKib = 0;
  }

  #refusal(windowBytes: number, wantedKib: number): DecodingError {
    const { isOrdered, lanes } = this.#given.setup;
    const missingBytes = (wantedKib - this.#limitKib) * KIB * (isOrdered ? lanes.length : 1);
    const left = inMib(this.#limitKib * KIB + ZSTD.windowBytesCommon, Math.floor);
    return new DecodingError(
      `its zstd window is ${inMib(windowBytes)}, and --memory leaves ${left} for one; raise --memory by ${inMib(missingBytes)}`,
    );
  }
}

/** As `--memory` takes it. */
function inMib(bytes: number, round = Math.ceil): string {
  return `${round(bytes / MIB)}MiB`;
}
