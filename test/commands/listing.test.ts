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
