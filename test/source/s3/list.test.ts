/** List: which objects a run takes, in which order, and what is counted as left out. */
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient } from '../../../src/aws/http-client.ts';
import { S3Way } from '../../../src/aws/s3-way.ts';
import { MillraceError } from '../../../src/base/errors.ts';
import { type FastS3, startFastS3 } from '../../../src/embedded/fast-s3.ts';
import { type LocalS3, startLocalS3 } from '../../../src/embedded/s3.ts';
import { newListTally } from '../../../src/source/list-tally.ts';
import type { SourceObject } from '../../../src/source/object.ts';
import { S3Calls, type S3CallsOptions } from '../../../src/source/s3/calls.ts';
import { type ListOptions, listObjects, probeSources } from '../../../src/source/s3/list.ts';
import { hastyClock, testCalls, testClient } from '../source-run.ts';

const body = Buffer.from('{}\n');
const odd = ['a b+c%20', 'a&<>"\'', 'new\nline', 'tab\t', 'ü/é', '\u{1f600}', 'x//y', '%', '~!*()', '\u0001'];
let s3: FastS3;

beforeAll(async () => {
  s3 = await startFastS3({
    buckets: {
      data: [
        ...Array.from({ length: 2500 }, (_, i) => ({ key: `many/${String(i).padStart(5, '0')}`, body })),
        ...['2023', '2024', '2025'].flatMap((year) =>
          Array.from({ length: 1500 }, (_, i) => ({ key: `years/${year}/${10_000 + i}`, body })),
        ),
        ...odd.map((key) => ({ key: `odd/${key}`, body })),
        { key: 'exact', body },
        { key: 'exact/under', body },
        { key: 'mixed/', body: Buffer.alloc(0) },
        { key: 'mixed/empty', body: Buffer.alloc(0) },
        { key: 'mixed/cold', body, storageClass: 'DEEP_ARCHIVE' },
        { key: 'mixed/old.jsonl', body, modifiedAt: new Date(1000) },
        { key: 'mixed/new.jsonl', body, modifiedAt: new Date(2000) },
        { key: 'mixed/deep/new.txt', body, modifiedAt: new Date(2000) },
      ],
      empty: [],
      'zone--x-s3': Array.from({ length: 1500 }, (_, i) => ({ key: `k/${1000 + i}`, body })),
    },
  });
});
afterAll(() => s3.close());

const calls = (options: Partial<S3CallsOptions> = {}) => testCalls(s3, options);
const hasty = () => calls({ clock: hastyClock() });

/** Counts requests under way; an answer waits until the others have had a chance to be asked for. */
function counted() {
  let inFlight = 0;
  let max = 0;
  const counting = calls({
    open: (origin) => {
      const http = new HttpClient({ origin });
      return {
        async request(...request) {
          max = Math.max(max, ++inFlight);
          try {
            return await http.request(...request);
          } finally {
            await new Promise((resolve) => setImmediate(resolve));
            inFlight--;
          }
        },
        close: () => http.close(),
      };
    },
  });
  return { counting, inFlightMax: () => max };
}

async function keys(
  sources: string[],
  options: ListOptions = {},
  from: S3Calls = calls(),
): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of listObjects(from, sources, options)) found.push(key);
  return found;
}

/** For directory buckets, whose sessions the embedded S3 does not know: the SDK is told to do without. */
function withoutSessions(): S3Calls {
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: s3.endpoint,
    forcePathStyle: true,
    disableS3ExpressSessionAuth: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const way = new S3Way({ region: 'us-east-1', profile: null, endpoint: s3.endpoint }, async () => client);
  return new S3Calls(way, { clock: hastyClock() });
}

async function collect(objects: AsyncIterable<SourceObject>): Promise<SourceObject[]> {
  const found: SourceObject[] = [];
  for await (const object of objects) found.push(object);
  return found;
}

async function* linesOf(...lines: string[]) {
  yield* lines;
}

describe('listObjects', () => {
  it('pages through a prefix in listing order, ahead of its use', async () => {
    const found = await keys(['s3://data/many/']);
    expect(found).toEqual(Array.from({ length: 2500 }, (_, i) => `many/${String(i).padStart(5, '0')}`));
  });

  it.each([
    { name: 'every key once', filters: {}, first: 0 },
    { name: 'keys behind startAfter', filters: { startAfter: 'years/2023/10099' }, first: 100 },
  ])('lists sub-prefixes at once where no order is asked for: $name', async ({ filters, first }) => {
    const all = ['2023', '2024', '2025'].flatMap((year) =>
      Array.from({ length: 1500 }, (_, i) => `years/${year}/${10_000 + i}`),
    );
    const { counting, inFlightMax } = counted();
    const tally = newListTally();
    const found: string[] = [];
    const options = { filters, tally, requestsMax: 16 };
    for await (const { key } of listObjects(counting, ['s3://data/years/'], options)) found.push(key);
    expect(found.sort()).toEqual(all.slice(first));
    expect(tally).toEqual({ ...newListTally(), listed: found.length, listedBytes: 3 * found.length });
    expect(inFlightMax()).toBeGreaterThan(1);
    expect((await keys(['s3://data/years/'], { filters })).sort()).toEqual(found);
  });

  it('decodes keys of any characters', async () => {
    expect(new Set(await keys(['s3://data/odd/']))).toEqual(new Set(odd.map((key) => `odd/${key}`)));
  });

  it('takes an exact key, and what lies under it', async () => {
    expect(await keys(['s3://data/exact'])).toEqual(['exact', 'exact/under']);
    expect(await keys(['s3://data/exact/'])).toEqual(['exact/under']);
  });

  it('gives what the service says about an object', async () => {
    const [object] = await collect(listObjects(calls(), ['s3://data/mixed/old']));
    const expected: SourceObject = {
      bucket: 'data',
      key: 'mixed/old.jsonl',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      size: 3,
      lastModifiedMs: 1000,
      storageClass: 'STANDARD',
    };
    expect(object).toEqual(expected);
  });

  it('counts what it leaves out, and names what is archived', async () => {
    const tally = newListTally();
    const archived: string[] = [];
    const onArchived = ({ key }: SourceObject) => archived.push(key);
    expect(await keys(['s3://data/mixed/'], { tally, onArchived, filters: { exclude: ['*.txt'] } })).toEqual([
      'mixed/new.jsonl',
      'mixed/old.jsonl',
    ]);
    expect(archived).toEqual(['mixed/cold']);
    expect(tally).toEqual({
      listed: 2,
      listedBytes: 6,
      filtered: 1,
      directoryMarkers: 1,
      empty: 1,
      archived: 1,
      archivedBytes: 3,
      duplicates: 0,
    });
  });

  it.each([
    { name: 'include', filters: { include: ['*.jsonl'] }, found: ['new.jsonl', 'old.jsonl'] },
    { name: 'include with folders', filters: { include: ['mixed/deep/**'] }, found: ['deep/new.txt'] },
    { name: 'two includes', filters: { include: ['old*', '*.txt'] }, found: ['deep/new.txt', 'old.jsonl'] },
    {
      name: 'exclude over include',
      filters: { include: ['*.jsonl'], exclude: ['**/old*'] },
      found: ['new.jsonl'],
    },
    { name: 'startAfter', filters: { startAfter: 'mixed/new.jsonl' }, found: ['old.jsonl'] },
    { name: 'startAfter beyond the end', filters: { startAfter: 'mixed/z' }, found: [] },
    {
      name: 'modifiedAfter at the instant',
      filters: { modifiedAfterMs: 1000, modifiedBeforeMs: 3000 },
      found: ['deep/new.txt', 'new.jsonl'],
    },
    {
      name: 'modifiedAfter just before',
      filters: { modifiedAfterMs: 999, modifiedBeforeMs: 2000 },
      found: ['old.jsonl'],
    },
    {
      name: 'modifiedBefore just after',
      filters: { modifiedAfterMs: 1999, modifiedBeforeMs: 2001 },
      found: ['deep/new.txt', 'new.jsonl'],
    },
  ])('filters by $name', async ({ filters, found }) => {
    expect(await keys(['s3://data/mixed/'], { filters })).toEqual(found.map((key) => `mixed/${key}`));
  });

  it('gives an object once, where its first source names it', async () => {
    const tally = newListTally();
    const sources = ['s3://data/exact/', 's3://data/exact', '-', 's3://data/exact/under'];
    const stdin = linesOf('s3://data/exact', 's3://data/mixed/old.jsonl\n', '', 's3://data/mixed/old.jsonl');
    expect(await keys(sources, { tally, stdin })).toEqual(['exact/under', 'exact', 'mixed/old.jsonl']);
    expect([tally.listed, tally.duplicates]).toEqual([3, 4]);
    const reversed = ['-', 's3://data/exact'];
    expect(await keys(reversed, { stdin: linesOf('s3://data/exact/under') })).toEqual([
      'exact/under',
      'exact',
    ]);
  });

  it('keeps the order of stdin', async () => {
    const uris = Array.from({ length: 100 }, (_, i) => `many/${String((i * 37) % 100).padStart(5, '0')}`);
    const stdin = linesOf(...uris.map((key) => `s3://data/${key}`));
    expect(await keys(['-'], { stdin, headsAhead: 7 })).toEqual(uris);
  });

  it('names what stdin names in vain, and gives the rest', async () => {
    const tally = newListTally();
    const unreadable: string[] = [];
    const onUnreadable = ({ key, etag, size }: SourceObject, error: MillraceError) =>
      unreadable.push(`${key} ${etag}${size} ${error.code}`);
    const stdin = linesOf('s3://data/gone', 's3://data/exact', 's3://data/gone', 's3://data/mixed/old.jsonl');
    expect(await keys(['-'], { stdin, tally, onUnreadable })).toEqual(['exact', 'mixed/old.jsonl']);
    expect(unreadable).toEqual(['gone 0 MILLRACE_OBJECT_UNREADABLE']);
    expect([tally.listed, tally.duplicates]).toEqual([3, 1]);
  });

  it('applies startAfter and globs to stdin before it asks for an object', async () => {
    const tally = newListTally();
    const onUnreadable = () => expect.unreachable();
    const filters = { startAfter: 'exact', exclude: ['*.gone'] };
    const stdin = linesOf('s3://data/a', 's3://data/exact', 's3://data/x.gone', 's3://data/mixed/old.jsonl');
    expect(await keys(['-'], { stdin, tally, filters, onUnreadable })).toEqual(['mixed/old.jsonl']);
    expect([tally.listed, tally.filtered]).toEqual([1, 3]);
  });

  it.each([
    {
      name: 'sixteen denied in a row, and none found before',
      count: 16,
      message: /so were all 16 objects tried/,
    },
    { name: 'fifteen', count: 15, message: null },
  ])('takes denied objects for a matter of the whole run: $name', async ({ count, message }) => {
    s3.setFaults([{ kind: 'access-denied', operation: '*' }]);
    let unreadable = 0;
    const stdin = linesOf(...Array.from({ length: count }, (_, i) => `s3://data/many/${10_000 + i}`));
    const listing = keys(['-'], { stdin, onUnreadable: () => unreadable++ });
    if (message === null) expect([await listing, unreadable]).toEqual([[], 15]);
    else
      await expect(listing).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
    s3.setFaults([]);
  });

  it.each([
    { name: 'a bucket that does not exist', source: 's3://nowhere/', message: /NoSuchBucket/ },
    {
      name: 'a prefix without objects',
      source: 's3://data/nothing/',
      message: /Cannot find any object at s3:\/\/data\/nothing\//,
    },
    { name: 'an empty bucket', source: 's3://empty', message: /Cannot find any object at s3:\/\/empty\// },
    { name: 'a line of stdin that does not exist', source: '-', message: /s3:\/\/data\/gone/ },
    {
      name: 'a bucket on stdin that does not exist',
      source: '-',
      line: 's3://nowhere/a',
      message: /NoSuchBucket/,
    },
    { name: 'something that is no URI', source: 'data/x', message: /Expected s3:\/\// },
  ])('ends with one clear line for $name', async ({ source, line, message }) => {
    const options = { stdin: linesOf(line ?? 's3://data/gone') };
    const error = await keys([source], options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({
      code: 'MILLRACE_SOURCE',
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  it('repeats what the service refuses for now', async () => {
    s3.setFaults([{ kind: 'slow-down', operation: 'ListObjectsV2', times: 3 }]);
    const clock = hastyClock();
    expect((await keys(['s3://data/exact'], {}, calls({ clock }))).length).toBe(2);
    expect(clock.sleptMs.length).toBe(3);
    s3.setFaults([]);
  });

  it.each(['empty-page', 'cut-page', 'no-token'] as const)(
    'asks again for a page that is none: %s',
    async (kind) => {
      s3.setFaults([{ kind, operation: 'ListObjectsV2', skip: 1, times: 2 }]);
      const firedBefore = s3.stats().faultsFired[kind]!;
      expect((await keys(['s3://data/many/'], {}, hasty())).length).toBe(2500);
      expect(s3.stats().faultsFired[kind]! - firedBefore).toBe(2);
      s3.setFaults([]);
    },
  );

  it.each(['empty-page', 'cut-page', 'no-token'] as const)(
    'ends with an error that a rerun can mend where no page comes: %s',
    async (kind) => {
      s3.setFaults([{ kind, operation: 'ListObjectsV2', skip: 1 }]);
      const listing = keys(['s3://data/many/'], {}, hasty());
      await expect(listing).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(/no whole page/),
      });
      s3.setFaults([]);
    },
  );

  it.each([
    { requestsMax: 1, message: /the key "many\/00000" was listed behind "many\/00999"/ },
    { requestsMax: 16, message: /the key "many\/00000" was listed behind "many\/00999"/ },
  ])('does not go round in circles, $requestsMax at once', async ({ requestsMax, message }) => {
    s3.setFaults([{ kind: 'same-page', operation: 'ListObjectsV2' }]);
    const tally = newListTally();
    const listing = keys(['s3://data/many/'], { requestsMax, tally }, hasty());
    await expect(listing).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(message) });
    expect(tally.listed).toBeLessThanOrEqual(1000);
    s3.setFaults([]);
  });

  it('says that a token came twice where keys come in no order', async () => {
    s3.setFaults([{ kind: 'same-page', operation: 'ListObjectsV2' }]);
    const listing = keys(['s3://zone--x-s3/'], {}, withoutSessions());
    await expect(listing).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/the same continuation token twice/),
    });
    s3.setFaults([]);
  });

  it('takes the keys of a directory bucket as they come, and asks it for none behind another', async () => {
    const options = { filters: { startAfter: 'k/1500' }, requestsMax: 16 };
    const found = await keys(['s3://zone--x-s3/'], options, withoutSessions());
    expect(found.length).toBe(1500 - 501);
  });

  it('finds an object that may be read but not listed', async () => {
    s3.setFaults([{ kind: 'access-denied', operation: 'ListObjectsV2' }]);
    expect(await keys(['s3://data/exact'])).toEqual(['exact']);
    await expect(keys(['s3://data/mixed/'])).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2 });
    s3.setFaults([]);
  });
});

describe('probeSources', () => {
  it('passes what exists', async () => {
    await expect(probeSources(calls(), ['s3://data/exact', '-', 's3://data/many/'])).resolves.toBeUndefined();
  });

  it.each([
    { name: 'a missing prefix', sources: ['s3://data/exact', 's3://data/nothing'] },
    { name: 'a missing bucket', sources: ['s3://nowhere/x'] },
  ])('refuses $name', async ({ sources }) => {
    await expect(probeSources(calls(), sources)).rejects.toMatchObject({
      code: 'MILLRACE_SOURCE',
      exitCode: 2,
    });
  });

  it('ends with an error that a rerun can mend where no whole page comes', async () => {
    s3.setFaults([{ kind: 'empty-page', operation: 'ListObjectsV2' }]);
    const probing = probeSources(hasty(), ['s3://data/exact']);
    await expect(probing).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/no whole page/),
    });
    s3.setFaults([]);
  });

  it('says that an endpoint refuses connections', async () => {
    const nobody = testCalls({ endpoint: 'http://127.0.0.1:9' }, { clock: hastyClock() });
    const refused = probeSources(nobody, ['s3://data/x']);
    await expect(refused).rejects.toMatchObject({
      code: 'MILLRACE_SOURCE',
      message: expect.stringMatching(/ECONNREFUSED/),
    });
  });
});

describe('listObjects on the other embedded S3', () => {
  let local: LocalS3;
  beforeAll(async () => {
    local = await startLocalS3();
    await local.createBucket('data');
    for (const key of ['p/a b+c', 'p/ü', 'p/%25', 'p/t&y']) await local.upload('data', key, body);
  });
  afterAll(() => local.close());

  it('decodes what it encodes', async () => {
    const other = testClient(local);
    const found = (await collect(listObjects(testCalls(local), ['s3://data/p/']))).map(({ key }) => key);
    const asListed = await other.send(new ListObjectsV2Command({ Bucket: 'data', EncodingType: 'url' }));
    expect(new Set(found)).toEqual(new Set(['p/a b+c', 'p/ü', 'p/%25', 'p/t&y']));
    expect(asListed.Contents?.length).toBe(4);
  });
});
