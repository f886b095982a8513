/**
 * Holdback: keeps what a download brings until it is proven, as long as the slot's own blocks can hold it.
 * Takes  the events of one segment at a time, in order.
 * Gives  them to the delivery: at once, or all together when the download is proven, or when no block is left for the rest.
 * Owns   what is held: blocks of the slot, so its quota is the bound. An object that does not fit is let go unproven.
 */
import type { Block, SlotBlocks } from './block-pool.ts';
import type { Delivery, Piece } from './delivery.ts';
import type { OversizeLine } from './line-cutter.ts';
import type { Format, Segment } from './object.ts';
import type { Planner } from './segments.ts';

export class Holdback {
  readonly #blocks: SlotBlocks;
  readonly #delivery: Delivery;
  readonly #planner: Planner;
  #segment: Segment | null = null;
  #isHolding = false;
  #isBegun = false;
  /** What happens when it is let go, in order. */
  #events: (() => void)[] = [];
  #pieces: Piece[] = [];

  constructor(blocks: SlotBlocks, delivery: Delivery, planner: Planner) {
    this.#blocks = blocks;
    this.#delivery = delivery;
    this.#planner = planner;
  }

  /** Nothing of the segment has left. */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** The segment's next attempt begins. */
  open(segment: Segment, isHolding: boolean): void {
    this.#segment = segment;
    this.#isHolding = isHolding;
    this.#isBegun = false;
  }

  begin(format: Format): void {
    const segment = this.#segment!;
    this.#take(() => {
      this.#planner.settleFormat(segment, format);
      this.#isBegun = true;
      this.#delivery.begin(segment);
    });
  }

  piece(block: Block, place: Pick<Piece, 'start' | 'end' | 'objectOffset' | 'isLast'>): void {
    const piece = { segment: this.#segment!, block, ...place };
    if (this.#isHolding) this.#pieces.push(piece);
    this.#take(() => this.#delivery.piece(piece));
  }

  oversize(line: OversizeLine): void {
    const segment = this.#segment!;
    this.#take(() => this.#delivery.oversize(segment, line));
  }

  /** No block is free. If that is because all of them are held here, none would ever come. */
  makeRoom(): void {
    const held = new Set(this.#pieces.map(({ block }) => block));
    const isBigHeld = this.#pieces.some(({ block }) => block.index < 0);
    if (this.#isHolding && (isBigHeld || held.size >= this.#blocks.count)) this.pass();
    this.#delivery.hasten();
  }

  /** Lets everything go; what follows leaves at once. */
  pass(): void {
    this.#isHolding = false;
    this.#pieces = [];
    for (const event of this.#events.splice(0)) event();
  }

  /** Forgets what is held, as if it had never come. */
  drop(): void {
    for (const { block } of this.#pieces.splice(0)) this.#blocks.release(block);
    this.#events = [];
  }

  /** The segment's last event, if it had a first one. */
  end(failure: Parameters<Delivery['end']>[1]): void {
    this.drop();
    if (this.#isBegun) this.#delivery.end(this.#segment!, failure);
    else this.#delivery.drop(this.#segment!);
    this.#isHolding = false;
  }

  #take(event: () => void): void {
    if (this.#isHolding) this.#events.push(event);
    else event();
  }
}
