/**
 * Prefetch: work that runs a bounded way ahead of its use.
 * Takes  an async iterable. Gives the same items in the same order, begun earlier. Owns the bound.
 */

/** Pulls up to `depth` items before they are asked for. An error is thrown in its place, after the items before it. */
export async function* aheadOf<T>(items: AsyncIterable<T>, depth: number): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const waiting: Promise<IteratorResult<T>>[] = [];
  try {
    for (;;) {
      while (waiting.length < depth) waiting.push(quiet(iterator.next()));
      const result = await waiting.shift()!;
      if (result.done) return;
      yield result.value;
    }
  } finally {
    // Not awaited: an iterable that hangs must not hold up whoever gives up on it.
    await quiet(Promise.resolve(iterator.return?.()));
  }
}

/** Maps with up to `depth` calls of `work` under way; results come in the order of the items. */
export async function* mapAhead<T, R>(
  items: AsyncIterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  for await (const item of items) {
    waiting.push(quiet(work(item)));
    if (waiting.length >= depth) yield await waiting.shift()!;
  }
  for (const result of waiting) yield await result;
}

/**
 * Pulls items as fast as they come, up to `countMax` that are not taken yet, so that their total is soon known. An error is thrown in its
 * place, after the items before it.
 * @param onEnd Called when the last item has been pulled, taken or not.
 */
export async function* runAhead<T>(
  items: AsyncIterable<T>,
  countMax: number,
  onEnd: () => void,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const turn = new Turn();
  let pulled: T[] = [];
  let given: T[] = [];
  let failure: { readonly error: unknown } | null = null;
  let isOver = false;
  let isLeft = false;
  const pull = async () => {
    for (let next = await iterator.next(); !next.done && !isLeft; next = await iterator.next()) {
      pulled.push(next.value);
      turn.wake();
      while (pulled.length + given.length >= countMax && !isLeft) await turn.wait();
    }
    if (!isLeft) onEnd();
  };
  void pull()
    .catch((error: unknown) => (failure = { error }))
    .finally(() => {
      isOver = true;
      turn.wake();
    });
  try {
    for (;;) {
      // Items wait in reverse order: taking from the end of an array costs nothing.
      if (given.length === 0) [given, pulled] = [pulled.reverse(), given];
      if (given.length > 0) yield given.pop()!;
      else if (!isOver) await turn.wait();
      else if (failure === null) return;
      else throw (failure as { readonly error: unknown }).error;
      turn.wake();
    }
  } finally {
    isLeft = true;
    turn.wake();
    // Not awaited: it waits for the item that is being pulled.
    void quiet(Promise.resolve(iterator.return?.()));
  }
}

/** One of the two waits for the other, never both. */
class Turn {
  #wake: (() => void) | null = null;

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Its rejection is seen when its turn comes; until then it must not count as unhandled. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
