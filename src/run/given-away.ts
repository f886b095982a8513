/**
 * Given away: lines of large compressed objects that other parsers scan than the ones that inflate them, as the main thread sees them.
 * Takes  how many parsers have work of their own; blocks of lines as they are told; the ends of pieces.
 * Gives  how many more such blocks are wanted; the ends of pieces that are due.
 * Owns   the rule that an object ends behind the last of its lines, whoever scans them: as it does where one parser does both.
 * Never  waits.
 */
import { MIB } from '../base/limits.ts';
import type { PieceEnd } from '../parse/setup.ts';
import type { SpareBlocks } from '../parse/spare-blocks.ts';
import type { Block } from '../source/block-pool.ts';
import type { Piece } from '../source/delivery.ts';
import type { Segment, SourceObject } from '../source/object.ts';

/** Blocks that each helper is given or has waiting: the next is there when one is done. */
const AHEAD = 2;
/** Blocks that find all helpers busy, in a row or not, before there is one more: a thread takes as long to start as scanning 60 of them. */
const BUSY_BLOCKS = 64;
/** From this many stored bytes on other parsers help: with less, starting a thread costs more than it spares. */
const GIVE_BYTES_MIN = Number(process.env.MILLRACE_GIVE_BYTES ?? 32 * MIB);

/** A piece that is at a parser. */
export interface PieceAtParser extends Piece {
  /** Lines in a spare block, not stored bytes. */
  readonly isGiven?: true;
}

interface GivenObject {
  /** Pieces that are not dealt with. */
  open: number;
  /** The run is being stopped: some were not scanned to their end. */
  isCut: boolean;
  /** How the object ended, which is known before they are dealt with. */
  end: PieceEnd | null;
}

export class GivenAway {
  readonly #spare: SpareBlocks | null;
  readonly #parserCount: number;
  readonly #objects = new Map<Segment, GivenObject>();
  #tasks = 0;
  #helpers = 1;
  #busyBlocks = 0;

  /** @param spare Null: nothing is given away. */
  constructor(spare: SpareBlocks | null, parserCount: number) {
    this.#spare = spare;
    this.#parserCount = parserCount;
  }

  /** Whether it is large enough for others to help with it. */
  mayGive({ size }: SourceObject): boolean {
    return this.#spare !== null && size >= GIVE_BYTES_MIN;
  }

  /** @param tasks That are at the parsers or wait for them, of any kind: only parsers without one of their own help. */
  look(tasks: number): void {
    const idle = Math.max(0, this.#parserCount - (tasks - this.#tasks));
    this.#spare?.want(AHEAD * Math.min(idle, this.#helpers));
  }

  /** A block of lines of the segment's object is there, and a task is made of its pieces. */
  begin(segment: Segment, blockIndex: number, pieceCount: number): Block {
    const spare = this.#spare!;
    const object = this.#objects.get(segment) ?? { open: 0, isCut: false, end: null };
    this.#objects.set(segment, object);
    object.open += pieceCount;
    this.#tasks++;
    if (this.#tasks >= AHEAD * this.#helpers && ++this.#busyBlocks % BUSY_BLOCKS === 0) this.#helpers++;
    const release = (block: Block) => {
      if (--block.references === 0) spare.giveBack(block.index);
    };
    return { ...spare.at(blockIndex), buffer: spare.memory, slot: { release }, references: pieceCount };
  }

  /** The task has ended. */
  endTask(): void {
    this.#tasks--;
  }

  /** @returns The ends that are due with this one, in order: none where it is that of an object whose lines are not all dealt with. */
  due(end: PieceEnd, { segment, isGiven }: PieceAtParser): PieceEnd[] {
    const object = this.#objects.get(segment);
    if (object === undefined || (isGiven !== true && end.state === 'open')) return [end];
    const due: PieceEnd[] = [];
    if (isGiven === true) {
      object.open--;
      object.isCut ||= end.state === 'cut';
      due.push(end);
    } else object.end = end;
    if (object.open > 0 || object.end === null) return due;
    this.#objects.delete(segment);
    // What was not scanned lies in front of any damage.
    due.push(object.isCut ? { piece: object.end.piece, error: null, state: 'cut' } : object.end);
    return due;
  }
}
