/** Lookup: a service is asked in few calls, with care, and each who asks gets an answer of his own. Time is the test's. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import {
  type AskService,
  createLookup,
  type LookupKey,
  type LookupOptions,
} from '../../../src/shape/stages/lookup.ts';

beforeEach(() => {
  const toFake = [
    'setTimeout',
    'clearTimeout',
    'setImmediate',
    'clearImmediate',
    'Date',
    'performance',
  ] as const;
  vi.useFakeTimers({ toFake: [...toFake] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Call {
  readonly keys: readonly LookupKey[];
  readonly signal: AbortSignal;
  readonly atMs: number;
}

/** A service that keeps what it was asked. @param answer What it does with call number n, from 0 on. */
function serviceOf(answer: (keys: readonly LookupKey[], n: number) => unknown, options: LookupOptions = {}) {
  const calls: Call[] = [];
  const beganMs = Date.now();
  const ask: AskService = (keys, { signal }) => {
    calls.push({ keys, signal, atMs: Date.now() - beganMs });
    return answer(keys, calls.length - 1) as Promise<unknown[]>;
  };
  return { calls, lookup: createLookup<LookupKey, unknown>(ask, options) };
}

const nameOf = (key: LookupKey) => ({ name: `name of ${key}` });
const answering = (keys: readonly LookupKey[]) => Promise.resolve(keys.map(nameOf));
const failing = () => Promise.reject(new Error('HTTP 503'));
const never = () => new Promise(() => {});

/** What became of promises when all timers have run. */
async function outcomes(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.allSettled(promises);
  await vi.runAllTimersAsync();
  return (await settled).map((one) =>
    one.status === 'fulfilled' ? one.value : (one.reason as Error).message,
  );
}

describe('calls to a service', () => {
  it('gather what is asked in one turn of the event loop, up to the batch', async () => {
    const { lookup, calls } = serviceOf(answering, { batch: 3 });
    const keys = [1, 2, 3, 4, 5, 'a', true];
    expect(await outcomes(keys.map(lookup))).toEqual(keys.map(nameOf));
    expect(calls.map((call) => call.keys)).toEqual([[1, 2, 3], [4, 5, 'a'], [true]]);
  });

  it('gather also what is asked behind promises of the same turn', async () => {
    const { lookup, calls } = serviceOf(answering);
    await outcomes([
      lookup(1),
      Promise.resolve().then(() => lookup(2)),
      Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => lookup(3)),
    ]);
    expect(calls.map((call) => call.keys)).toEqual([[1, 2, 3]]);
  });

  it('ask for a key once, whoever wants it meanwhile, and give each a value of his own', async () => {
    const { lookup, calls } = serviceOf(answering);
    const [first, second, third] = (await outcomes([lookup('a'), lookup('a'), lookup('b')])) as {
      name: string;
    }[];
    first!.name = 'changed';
    expect([second, third]).toEqual([nameOf('a'), nameOf('b')]);
    expect(await outcomes([lookup('a')])).toEqual([nameOf('a')]);
    expect(calls.map((call) => call.keys)).toEqual([['a', 'b']]);
    // 1 and "1" are two keys here: the service knows what it keeps.
    await outcomes([lookup(1), lookup('1')]);
    expect(calls.at(-1)!.keys).toEqual([1, '1']);
  });

  it('are at most so many at once', async () => {
    let out = 0;
    let most = 0;
    const { lookup, calls } = serviceOf(
      async (keys) => {
        most = Math.max(most, ++out);
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
        out--;
        return keys.map(nameOf);
      },
      { batch: 1, concurrency: 3 },
    );
    expect(await outcomes(Array.from({ length: 10 }, (_, i) => lookup(i)))).toHaveLength(10);
    expect([calls.length, most, out]).toEqual([10, 3, 0]);
  });

  it('may answer with a map, with nothing for a key, and with an error for one of them', async () => {
    const map = serviceOf((keys) => new Map(keys.slice(1).map((key) => [key, key])));
    expect(await outcomes([map.lookup('a'), map.lookup('b')])).toEqual([null, 'b']);
    const some = serviceOf(() => [undefined, null, new Error('locked'), 'd']);
    const asked = ['a', 'b', 'c', 'd'].map(some.lookup);
    expect(await outcomes(asked)).toEqual([null, null, 'no answer from the service: locked', 'd']);
    // What is not there is kept; what has failed is not, and is no failure of the service.
    expect(await outcomes([some.lookup('a')])).toEqual([null]);
    expect(some.calls).toHaveLength(1);
  });

  it('that answer with the wrong number, or what JSON cannot hold, are not tried again', async () => {
    const few = serviceOf(() => ['x']);
    const expected = "expected a Map, or an array of 2 answers, from the service's function, but received";
    expect(await outcomes([few.lookup(1), few.lookup(2)])).toEqual([
      `${expected} 1 answers`,
      `${expected} 1 answers`,
    ]);
    const none = serviceOf(() => undefined);
    expect(await outcomes([none.lookup(1), none.lookup(2)])).toEqual([
      `${expected} undefined`,
      `${expected} undefined`,
    ]);
    const big = serviceOf(() => [12n, 'fine']);
    expect(await outcomes([big.lookup(1), big.lookup(2)])).toEqual([
      'JSON cannot hold the answer of the service',
      'fine',
    ]);
    expect([few.calls.length, none.calls.length, big.calls.length]).toEqual([1, 1, 1]);
  });
});

describe('calls that fail', () => {
  it('are tried again, after waits that grow and differ', async () => {
    const waits: number[][] = [];
    for (const chance of [0.1, 0.9]) {
      vi.spyOn(Math, 'random').mockReturnValue(chance);
      const { lookup, calls } = serviceOf((keys, n) => (n < 4 ? failing() : answering(keys)));
      expect(await outcomes([lookup('a')])).toEqual([nameOf('a')]);
      expect(calls).toHaveLength(5);
      waits.push(calls.slice(1).map(({ atMs }, i) => atMs - calls[i]!.atMs));
    }
    for (const [first, ...others] of waits) {
      expect(first).toBeGreaterThan(0);
      expect(others.at(-1)).toBeGreaterThan(2 * others[0]!);
    }
    expect(waits[0]).not.toEqual(waits[1]);
  });

  it('are given up after so many, and asked for again by the next record', async () => {
    const { lookup, calls } = serviceOf(failing, { retries: 2 });
    expect(await outcomes([lookup('a')])).toEqual(['no answer from the service: HTTP 503']);
    expect(calls).toHaveLength(3);
    await outcomes([lookup('a')]);
    expect(calls.length).toBeGreaterThan(3);
  });

  it('because they take too long are told by their signal', async () => {
    const { lookup, calls } = serviceOf((keys, n) => (n === 0 ? never() : answering(keys)), {
      timeoutMs: 700,
    });
    expect(await outcomes([lookup('a')])).toEqual([nameOf('a')]);
    expect(calls[0]!.signal.aborted).toBe(true);
    expect(calls[1]!.atMs).toBeGreaterThanOrEqual(700);
    const slow = serviceOf(never, { timeoutMs: 700, retries: 0 });
    expect(await outcomes([slow.lookup('a')])).toEqual([
      'no answer from the service: it took longer than 700 ms',
    ]);
    expect(slow.calls).toHaveLength(1);
  });

  it('because the function throws at once are failures like others', async () => {
    const { lookup, calls } = serviceOf((keys, n) => {
      if (n === 0) throw new Error('no connection\nat some place');
      return answering(keys);
    });
    expect(await outcomes([lookup('a')])).toEqual([nameOf('a')]);
    expect(calls).toHaveLength(2);
  });
});

describe('a service that fails again and again', () => {
  it('is left alone, then asked by one call, and by all when that one is answered', async () => {
    let isUp = false;
    const { lookup, calls } = serviceOf((keys) => (isUp ? answering(keys) : failing()), {
      retries: 0,
      batch: 1,
    });
    await outcomes(Array.from({ length: 4 }, (_, i) => lookup(`early ${i}`)));
    expect(calls).toHaveLength(4);
    await outcomes([lookup('fifth')]);
    expect(calls).toHaveLength(5);
    // The breaker is open: nothing reaches the service.
    const away = 'no answer from the service: its last 5 calls failed, and it is left alone for a while';
    expect(await outcomes([lookup('sixth'), lookup('seventh')])).toEqual([away, away]);
    expect(calls).toHaveLength(5);
    // Half open: one call tries it, the others wait for what becomes of it.
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await outcomes([lookup('probe'), lookup('beside it')])).toEqual([
      'no answer from the service: HTTP 503',
      away,
    ]);
    expect(calls.slice(5).map((call) => call.keys)).toEqual([['probe']]);
    isUp = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await outcomes([lookup('probe'), lookup('beside it')])).toEqual([
      nameOf('probe'),
      nameOf('beside it'),
    ]);
    expect(await outcomes([lookup('later')])).toEqual([nameOf('later')]);
    expect(calls).toHaveLength(9);
  });

  it('loses nothing of what waits, where it comes back within the retries, whatever chance makes of waits', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      vi.spyOn(Math, 'random').mockImplementation(createRandom(seed));
      const { lookup, calls } = serviceOf((keys, n) => (n < 5 ? failing() : answering(keys)), {
        batch: 1,
        concurrency: 5,
      });
      const keys = [1, 2, 3, 4, 5];
      expect(await outcomes(keys.map(lookup)), `seed ${seed}`).toEqual(keys.map(nameOf));
      expect(calls).toHaveLength(10);
    }
  });
});

describe('answers that are kept', () => {
  it('are the last used ones, and no more than so many', async () => {
    const { lookup, calls } = serviceOf(answering, { cache: 2 });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await outcomes([lookup(key)]);
    expect(calls.map((call) => call.keys)).toEqual([['a'], ['b'], ['c'], ['b']]);
  });

  it('are none, where none are wanted', async () => {
    const { lookup, calls } = serviceOf(answering, { cache: 0 });
    for (const key of ['a', 'a']) await outcomes([lookup(key)]);
    expect(calls).toHaveLength(2);
  });

  it('are bounded in bytes, too', async () => {
    const { lookup, calls } = serviceOf((keys) => Promise.resolve(keys.map(() => 'x'.repeat(20 << 20))));
    for (const key of ['a', 'b', 'a']) await outcomes([lookup(key)]);
    expect(calls).toHaveLength(3);
  });
});

it('options that cannot work are refused together', () => {
  const options = { batch: 0, concurrency: 1.5, timeoutMs: -1, retries: 0, cache: 0 };
  expect(() => createLookup(null as unknown as AskService, options)).toThrow(
    [
      'Expected enrichWith to be given a function.',
      'Expected batch of enrichWith to be a whole number from 1 on, but received 0.',
      'Expected concurrency of enrichWith to be a whole number from 1 on, but received 1.5.',
      'Expected timeoutMs of enrichWith to be a whole number from 1 to 2147483647, but received -1.',
    ].join('\n'),
  );
});
