/** Spread: every key once, whatever the tree, the page size and the number of requests; and no more requests than it is worth. */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../src/base/errors.ts';
import { type AskPage, type PageQuery, spreadPages } from '../../../src/source/s3/spread.ts';

const isBefore = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0;

interface Service {
  readonly ask: AskPage;
  readonly asked: PageQuery[];
  inFlightMax: number;
}

/** Lists as S3 does. @param pause Turns of the event loop that an answer takes. */
function serve(
  keys: readonly string[],
  pageKeys: number,
  {
    pause = () => 1,
    isDenied = () => false,
  }: { pause?: () => number; isDenied?: (query: PageQuery) => boolean } = {},
): Service {
  const sorted = [...keys].sort((one, other) => (isBefore(one, other) ? -1 : 1));
  let inFlight = 0;
  const service: Service = {
    asked: [],
    inFlightMax: 0,
    ask: async (query) => {
      service.asked.push(query);
      service.inFlightMax = Math.max(service.inFlightMax, ++inFlight);
      for (let left = pause(); left > 0; left--) await turn();
      inFlight--;
      if (isDenied(query)) throw new MillraceError('MILLRACE_OBJECT_UNREADABLE', 'access denied');
      return pageOf(sorted, pageKeys, query);
    },
  };
  return service;
}

function pageOf(sorted: readonly string[], pageKeys: number, { prefix, after, token, isFolder }: PageQuery) {
  const from = token ?? after;
  const found = sorted.filter((key) => key.startsWith(prefix) && (from === undefined || isBefore(from, key)));
  const slash = (key: string) => (isFolder ? key.indexOf('/', prefix.length) : -1);
  const entries = [...new Set(found.map((key) => (slash(key) < 0 ? key : key.slice(0, slash(key) + 1))))];
  const given = entries.slice(0, pageKeys);
  const objects = given.filter((entry) => slash(entry) < 0);
  return {
    objects: objects.map((key) => ({
      bucket: 'b',
      key,
      etag: '"1"',
      size: 1,
      lastModifiedMs: 0,
      storageClass: 'STANDARD',
    })),
    prefixes: given.filter((entry) => slash(entry) >= 0),
    token: entries.length > given.length ? given.at(-1)! : undefined,
  };
}

async function list(
  service: Service,
  prefix: string,
  requestsMax: number,
  after?: string,
): Promise<string[]> {
  const found: string[] = [];
  for await (const objects of spreadPages({
    ask: service.ask,
    bucket: 'b',
    prefix,
    after,
    requestsMax,
    isOrdered: true,
  })) {
    expect(objects.length).toBeLessThan(5000);
    found.push(...objects.map(({ key }) => key));
  }
  return found;
}

/** `count` keys in each folder. */
function tree(folders: readonly string[], count: number): string[] {
  return folders.flatMap((folder) =>
    Array.from({ length: count }, (_, i) => `${folder}${String(i).padStart(4, '0')}`),
  );
}

const years = Array.from({ length: 10 }, (_, i) => `e/year=${2015 + i}/`);

describe('spreadPages', () => {
  it('gives every key behind `after` once, and in listing order with one request at a time', async () => {
    const part = fc.constantFrom('a', 'a b', 'ü', '\uffee', '\u{1f600}', '-', 'a.', '');
    const key = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `p/${parts.join('/')}`);
    let splits = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { minLength: 1, maxLength: 300, size: 'max' }),
        fc.integer({ min: 8, max: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.option(key, { nil: undefined }),
        fc.infiniteStream(fc.nat({ max: 3 })),
        async (keys, pageKeys, requestsMax, after, pauses) => {
          const service = serve([...keys, 'o', 'p', 'q/a'], pageKeys, { pause: () => pauses.next().value! });
          const wanted = keys.filter((one) => after === undefined || isBefore(after, one));
          const found = await list(service, 'p/', requestsMax, after);
          const order = [...wanted].sort((one, other) => (isBefore(one, other) ? -1 : 1));
          if (requestsMax === 1) expect(found).toEqual(order);
          else expect([...found].sort()).toEqual([...wanted].sort());
          expect(service.inFlightMax).toBeLessThanOrEqual(requestsMax);
          if (service.asked.some(({ prefix }) => prefix !== 'p/')) splits++;
        },
      ),
      { numRuns: 300 },
    );
    expect(splits).toBeGreaterThan(40);
  });

  it('asks for ten years at once', async () => {
    const keys = tree(years, 400);
    const service = serve(keys, 100);
    expect((await list(service, 'e/', 16)).sort()).toEqual(keys);
    expect(service.inFlightMax).toBe(10);
    // One page for each hundred keys, and the question for sub-prefixes: once for all years, once in each of them.
    expect(service.asked.length).toBeLessThanOrEqual(40 + 1 + 10);
  });

  it('splits a sub-prefix that is left alone with its pages', async () => {
    const days = Array.from({ length: 8 }, (_, i) => `e/all/day=${i}/`);
    const keys = tree(days, 300);
    const service = serve(keys, 100);
    expect((await list(service, 'e/', 4)).sort()).toEqual(keys);
    expect(service.inFlightMax).toBe(4);
  });

  it.each([
    { name: 'there are no sub-prefixes', keys: tree(['e/'], 1000) },
    {
      name: 'each sub-prefix holds little',
      keys: tree(
        Array.from({ length: 500 }, (_, i) => `e/${1000 + i}/`),
        2,
      ),
    },
    { name: 'one page says it all', keys: tree(years.slice(0, 2), 50) },
  ])('asks for little more than the pages where $name', async ({ keys }) => {
    const service = serve(keys, 100);
    expect((await list(service, 'e/', 16)).sort()).toEqual(keys);
    expect(service.asked.length).toBeLessThanOrEqual(Math.ceil(keys.length / 100) + 1);
  });

  it.each([
    { name: 'asking for sub-prefixes', isDenied: ({ isFolder }: PageQuery) => isFolder === true },
    { name: 'listing what is under the prefix', isDenied: ({ prefix }: PageQuery) => prefix !== 'e/' },
  ])('goes on page after page where $name is denied', async ({ isDenied }) => {
    const keys = tree(years, 300);
    const service = serve(keys, 100, { isDenied });
    expect(await list(service, 'e/', 16)).toEqual(keys);
  });

  it('refuses an endpoint with an order of its own', async () => {
    const keys = tree(years, 30);
    const objects = (await serve(keys, 1000).ask({ prefix: 'e/' })).objects.toReversed();
    const asked: PageQuery[] = [];
    const ask: AskPage = async (query) => {
      asked.push(query);
      const from = Number(query.token ?? 0);
      const token = from + 100 < objects.length ? `${from + 100}` : undefined;
      return { objects: objects.slice(from, from + 100), prefixes: [], token };
    };
    await expect(list({ ask, asked, inFlightMax: 0 }, 'e/', 16)).rejects.toMatchObject({ exitCode: 3 });
    expect(asked.length).toBe(1);
  });

  it('stops asking while nobody takes what it has', async () => {
    const service = serve(tree(years, 1000), 100);
    const pages = spreadPages({
      ask: service.ask,
      bucket: 'b',
      prefix: 'e/',
      after: undefined,
      requestsMax: 4,
      isOrdered: true,
    });
    await pages.next();
    for (let i = 0; i < 100; i++) await turn();
    // The first page, the sub-prefixes and the first of them; then one page for each request that may be under way.
    expect(service.asked.length).toBeLessThanOrEqual(3 + 4);
    await pages.return(undefined);
  });

  it('throws what a request throws, whichever it is', async () => {
    const keys = tree(years, 300);
    for (const bad of [0, 1, 2, 7]) {
      let asked = 0;
      const { ask } = serve(keys, 100);
      const failing: AskPage = async (query) => {
        if (asked++ === bad) throw new MillraceError('MILLRACE_SERVICE_AWAY', 'away', { exitCode: 3 });
        return ask(query);
      };
      const service = { ask: failing, asked: [], inFlightMax: 0 };
      await expect(list(service, 'e/', 16)).rejects.toMatchObject({ code: 'MILLRACE_SERVICE_AWAY' });
    }
  });
});
