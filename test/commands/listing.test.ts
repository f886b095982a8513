/** Which objects a run takes, and what happens where the service does not say it well: issue 12, the real command. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { BUCKET, dataOf, differences, runCommand, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const lineOf = (i: number) => `{"n":${i}}`;
/** One line each; three pages of a listing. */
const many = Array.from({ length: 2_500 }, (_, i) => ({
  key: `many/${10_000 + i}`,
  body: Buffer.from(`${lineOf(i)}\n`),
}));
const all = many.map((_, i) => lineOf(i));

describe('a listing (2)', () => {
  it.each(['empty-page', 'no-token', 'cut-page'] as const)(
    'goes on behind a page that came as none: %s',
    async (kind) => {
      world = await World.open({ objects: many });
      world.s3.setFaults([{ kind, operation: 'ListObjectsV2', skip: 2, times: 1 }]);
      const { report, ended } = await world.report();
      expect(world.s3.stats().faultsFired[kind]).toBe(1);
      expect([ended.exitCode, report.status, report.objects.done]).toEqual([0, 'delivered', 2_500]);
      expect(differences(all, dataOf(world.records()))).toEqual(new Map());
    },
  );

  it('that begins again and again ends with 3, publishes nothing twice, and is resumed', async () => {
    world = await World.open({ objects: many });
    world.s3.setFaults([{ kind: 'same-page', operation: 'ListObjectsV2' }]);
    const broken = await world.report();
    expect(broken.ended.exitCode).toBe(3);
    expect(broken.report.error).toMatch(/the key "many\/10000" was listed behind "many/);
    const published = dataOf(world.records());
    expect(new Set(published).size).toBe(published.length);
    world.s3.setFaults([]);
    const { ended } = await world.report();
    expect(ended.exitCode).toBe(0);
    expect(differences(all, dataOf(world.records()))).toEqual(new Map());
  });
});

describe('a SOURCE (17)', () => {
  it('may be written in capitals, as it is by other tools', async () => {
    world = await World.open({ objects: many.slice(0, 3) });
    for (const [sources, stdin] of [[['S3://bucket/many/']], [['-'], 'S3://bucket/many/10000\n']] as const) {
      const { report, ended } = await world.report(['--restart'], { sources, ...(stdin && { stdin }) });
      expect([ended.exitCode, report.status]).toEqual([0, 'delivered']);
    }
    expect(differences([...all.slice(0, 3), all[0]!], dataOf(world.records()))).toEqual(new Map());
  });
});

describe('a list on stdin (10)', () => {
  const keys = ['a', 'b', 'c'];
  const objects = keys.map((key) => ({ key, body: Buffer.from(`"${key}"\n`) }));
  const stdin = ['a', 'gone', 'b', 'c'].map((key) => `s3://bucket/${key}`).join('\n');
  const run = (flags: readonly string[] = []) => world.report(flags, { sources: ['-'], stdin });

  it('with one gone key delivers the others, and the key is one dead letter, also in a second process', async () => {
    world = await World.open({ objects });
    for (const delivered of [3, 0]) {
      const { report, ended } = await run();
      expect([ended.exitCode, report.status]).toEqual([1, 'delivered-with-rejects']);
      expect(report.records.delivered).toBe(delivered);
      expect(report.lines.rejectedByCode).toEqual({ OBJECT_UNREADABLE: 1 });
      expect(world.deadLetters()).toMatchObject([
        { bucket: 'bucket', key: 'gone', etag: '', offset: null, code: 'OBJECT_UNREADABLE' },
      ]);
    }
    expect(differences(['"a"', '"b"', '"c"'], dataOf(world.records()))).toEqual(new Map());
  });

  it('whose objects are gone after they were delivered ends as it had ended', async () => {
    world = await World.open({ objects });
    await run();
    for (const key of keys) world.s3.delete('bucket', key);
    const { report, ended } = await run();
    expect([ended.exitCode, report.lines.rejected, world.deadLetters().length]).toEqual([1, 1, 1]);
  });

  it('in a bucket that does not exist ends with 2', async () => {
    world = await World.open({ objects });
    const { report, ended } = await world.report([], { sources: ['-'], stdin: 's3://nowhere/a' });
    expect([ended.exitCode, report.error]).toEqual([2, expect.stringMatching(/NoSuchBucket/)]);
  });

  it('is taken from --start-after on', async () => {
    world = await World.open({ objects });
    const { report, ended } = await run(['--start-after', 'a', '--exclude', 'gone']);
    expect([ended.exitCode, report.status]).toEqual([0, 'delivered']);
    expect(differences(['"b"', '"c"'], dataOf(world.records()))).toEqual(new Map());
  });
});

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

/** Puts an S3 Inventory of these rows beside the objects. @returns Its URI. */
function putInventory(rows: readonly { key: string; body: Uint8Array; storageClass?: string }[]): string {
  const lines = rows.map(({ key, body, storageClass = 'STANDARD' }) =>
    [BUCKET, key, body.length, md5(body), storageClass].map((cell) => `"${cell}"`).join(','),
  );
  const file = gzipSync(`${lines.join('\n')}\n`);
  const manifest = Buffer.from(
    JSON.stringify({
      sourceBucket: BUCKET,
      fileFormat: 'CSV',
      fileSchema: 'Bucket, Key, Size, ETag, StorageClass',
      files: [{ key: 'file', size: file.length, MD5checksum: md5(file) }],
    }),
  );
  world.s3.put('reports', { key: 'manifest.json', body: manifest });
  world.s3.put('reports', { key: 'manifest.checksum', body: Buffer.from(md5(manifest)) });
  world.s3.put('reports', { key: 'file', body: file });
  return 's3://reports/manifest.json';
}

describe('an inventory (11)', () => {
  const line = (text: string) => Buffer.from(`"${text}"\n`);
  const inside = { key: 'in/a', body: line('a') };
  const thawed = { key: 'in/thawed', body: line('thawed'), storageClass: 'GLACIER', isRestored: true };
  const frozen = { key: 'in/frozen', body: line('frozen'), storageClass: 'GLACIER' };
  const outside = { key: 'out/b', body: line('b') };

  it('is filtered by SOURCEs, takes what was restored, each row once, and pays as the requester', async () => {
    world = await World.open({ objects: [inside, thawed, frozen, outside] });
    const inventory = putInventory([inside, thawed, frozen, outside, inside]);
    world.s3.setFaults([{ kind: 'not-paid', operation: '*' }]);
    const flags = ['--inventory', inventory, '--request-payer'];
    const { report, ended } = await world.report(flags, { sources: [`s3://${BUCKET}/in/`] });
    expect([ended.exitCode, report.status]).toEqual([1, 'delivered-with-rejects']);
    expect(report.objects).toMatchObject({ listed: 2, done: 2, archived: 1, failed: 0, skipped: 3 });
    expect(differences(['"a"', '"thawed"'], dataOf(world.records()))).toEqual(new Map());
    expect(world.s3.stats().requestsByOperation.ListObjectsV2).toBeUndefined();

    // Neither the SOURCEs nor who pays has to be said again.
    const endpoints = [
      ...['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint],
    ];
    const verified = await runCommand(['verify', '--journal', world.journal, ...endpoints, '--json']);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ...{ status: 'failed', missing: 0, source: { records: 2 } },
      objects: { archived: 1, excluded: 1 },
      examples: { archived: [{ bucket: BUCKET, key: 'in/frozen' }] },
    });
    expect([verified.exitCode, world.s3.stats().faultsFired['not-paid']]).toEqual([3, 0]);
  });
});

it('the first lines of an inventory are those of its first rows', async () => {
  const objects = ['c', 'a', 'b'].map((key) => ({
    key,
    body: Buffer.from(`"${key}1"\n"${key}2"\n"${key}3"\n`),
  }));
  world = await World.open({ objects });
  const flags = ['--inventory', putInventory([...objects, objects[0]!]), '--limit', '5'];
  const { report, ended } = await world.report(flags, { sources: [] });
  expect(ended.exitCode, ended.stderr).toBe(0);
  const expected = ['"c1"', '"c2"', '"c3"', '"a1"', '"a2"'];
  expect(differences(expected, dataOf(world.records()))).toEqual(new Map());
  expect(report).toMatchObject({ limited: { taken: 5, more: true }, objects: { listed: 2, done: 2 } });
});

describe('a run that would carry nothing, for what it names is not there', () => {
  const flags = ['--dead-letter', 'own.dead'];
  it.each([
    {
      name: 'an --include that takes no key',
      flags: ['--include', '*.json'],
      says: /--include \*\.json takes none of 3 keys/,
    },
    {
      name: 'an --exclude that takes all',
      flags: ['--exclude', '**'],
      says: /--exclude leaves none of 3 keys/,
    },
    {
      name: 'an --include that takes no key, with times that take all of them',
      flags: ['--include', '*.json', '--modified-after', '2000-01-01'],
      says: /takes none of 3 keys/,
    },
    {
      name: 'an empty stdin',
      sources: ['-'],
      stdin: '',
      says: /Expected lines of S3 URIs on -, but received none/,
    },
    { name: 'a stdin of blank lines', sources: ['-'], stdin: '\n \n', says: /received none/ },
    {
      name: 'a prefix with nothing below',
      sources: ['s3://bucket/none/'],
      says: /Cannot find any object at/,
    },
  ] as {
    name: string;
    flags?: string[];
    sources?: string[];
    stdin?: string;
    says: RegExp;
  }[])(
    'ends with 2: $name; with --allow-empty it ends with 0',
    async ({ flags: own = [], says, ...settings }) => {
      world = await World.open({ objects: many.slice(0, 3) });
      const { exitCode, stdout, stderr } = await world.backfill([...flags, ...own, '--json'], settings);
      expect([exitCode, JSON.parse(stdout).status]).toEqual([2, 'failed']);
      expect(`${JSON.parse(stdout).error} ${stderr}`).toMatch(says);
      expect(JSON.parse(stdout).error).toContain('--allow-empty');
      const allowed = await world.report([...flags, ...own, '--allow-empty'], settings);
      expect([allowed.ended.exitCode, allowed.report.status]).toEqual([0, 'delivered']);
      expect(world.records()).toHaveLength(0);
    },
  );

  it('ends with 0 where nothing is new: --modified-after, and --start-after the last key', async () => {
    world = await World.open({ objects: many.slice(0, 3) });
    for (const own of [
      ['--modified-after', '2100-01-01'],
      ['--start-after', 'zzz', '--include', '*.json'],
    ]) {
      const { report, ended } = await world.report([...flags, ...own, '--restart']);
      expect([ended.exitCode, report.status]).toEqual([0, 'delivered']);
    }
  });

  it('takes keys with dots for segments and with line ends: they are no paths', async () => {
    const keys = ['a/./b.jsonl', '../c.jsonl', 'd\n.jsonl', 'e/..jsonl'];
    world = await World.open({
      objects: keys.map((key, i) => ({ key, body: Buffer.from(`${lineOf(i)}\n`) })),
    });
    for (const glob of ['**', '*.jsonl']) {
      const { report, ended } = await world.report(['--include', glob, '--restart']);
      expect([ended.exitCode, report.objects.done]).toEqual([0, keys.length]);
    }
  });
});
