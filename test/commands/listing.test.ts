/** Which objects a run takes, and what happens where the service does not say it well: issue 12, the real command. */
import { afterEach, describe, expect, it } from 'vitest';
import { dataOf, differences, World } from './fixture.ts';

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
