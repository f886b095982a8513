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

/** Its rejection is seen when its turn comes; until then it must not count as unhandled. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
