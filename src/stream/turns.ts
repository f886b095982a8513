/**
 * Turns: many tasks, one consumer, and a bound on what is between them.
 * Takes  work that makes at most one item at a time; at most `turnCountMax` pieces of it run or wait for the consumer.
 * Gives  the items, one by one; the worker goes on when the consumer is done with its item.
 * Owns   the queue of waiting workers, first come, first served, and the queue of items.
 */
export interface Turn<Item> {
  readonly item: Item;
  /** The consumer is done with the item. */
  done(): void;
}

export class Turns<Item> {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #ready: Turn<Item>[] = [];
  #taken: Turn<Item> | null = null;
  #wake: (() => void) | null = null;
  #isOver = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(turnCountMax: number) {
    this.#free = turnCountMax;
  }

  /** Runs `work` when it is its turn. `offer` resolves when the consumer is done with the item, or will never take it. */
  async take<Result>(work: (offer: (item: Item) => Promise<void>) => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work((item) => this.#offer(item));
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #offer(item: Item): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#ready.push({ item, done: resolve });
      this.#notify();
    });
  }

  /** The next item, or null at the end. @throws What fail() was given, before any further item. */
  async next(): Promise<Turn<Item> | null> {
    while (!this.#failure && !this.#isOver && this.#ready.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
    this.#taken = this.#isOver ? null : (this.#ready.shift() ?? null);
    return this.#taken;
  }

  /** No more items are given; workers that wait for the consumer go on, including one whose item it left unfinished. */
  end(): void {
    this.#isOver = true;
    this.#taken?.done();
    for (const turn of this.#ready.splice(0)) turn.done();
    this.#notify();
  }

  /** After the end there is nobody left to tell. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure ??= { error };
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
