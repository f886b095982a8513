/** Stores that give ETags in other forms, or none: issue 12, point 12, the real command. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { S3Fault } from '../../src/embedded/fast-s3.ts';
import { dataOf, differences, linesOf, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

/** Several segments of 64 KiB, with a bad line at the end. */
const PLAIN = Buffer.concat([clicks({ seed: 5, lineCount: 4_000 }), Buffer.from('bad\n')]);
const PACKED = gzipSync(clicks({ seed: 6, lineCount: 500 }));
const LINES = [...linesOf(PLAIN).slice(0, -1), ...linesOf(clicks({ seed: 6, lineCount: 500 }))];
const AT = new Date(Date.UTC(2026, 0, 2));
const FLAGS = ['--segment-size', '64KiB'];

async function open(etag?: string) {
  const objects = [
    { key: 'plain', body: PLAIN, modifiedAt: AT, ...(etag !== undefined && { etag }) },
    { key: 'packed', body: PACKED, modifiedAt: AT },
  ];
  world = await World.open({ objects });
}

const onList = (kind: S3Fault['kind']): S3Fault => ({ kind, operation: 'ListObjectsV2' });
const onGet = (kind: S3Fault['kind']): S3Fault => ({ kind, operation: 'GetObject' });
const MD5 = expect.stringMatching(/^"[0-9a-f]{32}"$/);

describe('an object is taken for the one that was listed', () => {
  it.each<{ name: string; etag?: string; faults: S3Fault[]; flags?: string[]; pinned: unknown }>([
    { name: 'where ETags have no quotes', etag: 'abc', faults: [], pinned: 'abc' },
    { name: 'where GETs give weak ETags', faults: [onGet('weak-etag')], pinned: MD5 },
    {
      name: 'where listings give weak ETags',
      faults: [onList('weak-etag')],
      pinned: expect.stringMatching(/^W\/"/),
    },
    {
      name: 'where GETs give weak ETags that never match',
      faults: [onGet('strict-weak'), { kind: 'weak-etag', operation: 'HeadObject' }],
      pinned: MD5,
    },
    { name: 'where listings give none', faults: [onList('no-etag')], pinned: MD5 },
    {
      name: 'where nothing gives any',
      faults: [{ kind: 'no-etag', operation: '*' }],
      pinned: `last-modified:${AT.toUTCString()}`,
    },
  ])('$name', async ({ etag, faults, pinned }) => {
    await open(etag);
    for (const format of ['auto', 'none']) {
      // The second run begins its segments before anything of the object is known.
      const sources = format === 'auto' ? {} : { sources: ['s3://bucket/plain'] };
      const journal = [
        '--journal',
        `${world.journal}.${format}`,
        '--dead-letter',
        `${world.letters}.${format}`,
      ];
      world.s3.setFaults(faults);
      const ended = await world.backfill([...FLAGS, ...journal, '--compression', format], sources);
      expect(ended.exitCode).toBe(1);
      const isToldOf = faults[0]?.operation === '*';
      expect(ended.stderr.match(/the endpoint gives no ETags/g)?.length ?? 0).toBe(isToldOf ? 1 : 0);
      for (const { kind } of faults) expect(world.s3.stats().faultsFired[kind]).toBeGreaterThan(0);
      const letters = world.deadLettersAt(`${world.letters}.${format}`);
      expect(letters).toMatchObject([{ key: 'plain', code: 'INVALID_JSON', etag: pinned }]);
    }
    const again = linesOf(PLAIN).slice(0, -1);
    expect(differences([...LINES, ...again], dataOf(world.records()))).toEqual(new Map());
  });

  it('without an ETag in the listing: the same command sends nothing again, and sees what has changed meanwhile', async () => {
    await open();
    world.s3.setFaults([onList('no-etag')]);
    await world.report(FLAGS);
    const again = await world.report(FLAGS);
    expect(again.report).toMatchObject({
      exitCode: 1,
      records: { delivered: 0 },
      objects: { changed: 0, skipped: 2 },
    });
    world.s3.put('bucket', { key: 'packed', body: PACKED, etag: '"0123"' });
    const changed = await world.report(FLAGS);
    expect(changed.report).toMatchObject({ records: { delivered: 0 }, objects: { changed: 1 } });
    expect(world.deadLetters().map(({ code }) => code)).toEqual(['INVALID_JSON', 'OBJECT_CHANGED']);
    expect(differences(LINES, dataOf(world.records()))).toEqual(new Map());
  });

  it.each<{ name: string; faults: S3Fault[] }>([
    {
      name: 'by its ETag',
      faults: [{ ...onGet('changed-etag'), target: 'plain', skip: 3 }, onList('no-etag')],
    },
    {
      name: 'by its time',
      faults: [
        { ...onGet('later'), target: 'plain', skip: 3 },
        { kind: 'no-etag', operation: '*' },
      ],
    },
  ])('and for another one when it changes within the run: $name', async ({ faults }) => {
    await open();
    world.s3.setFaults(faults);
    const { report } = await world.report([...FLAGS, '--downloads', '1']);
    expect(report.lines.rejectedByCode).toEqual({ OBJECT_CHANGED: 1 });
    expect(world.s3.stats().faultsFired[faults[0]!.kind]).toBeGreaterThan(0);
  });
});
