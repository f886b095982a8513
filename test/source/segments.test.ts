/** Planner: which segment comes next, and when nobody can know yet. */
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import type { Segment, SourceObject } from '../../src/source/object.ts';
import { type ObjectResume, Planner, type PlannerOptions } from '../../src/source/segments.ts';

const object = (key: string, size: number): SourceObject => ({
  bucket: 'b',
  key,
  etag: '"1"',
  size,
  lastModifiedMs: 0,
  storageClass: 'STANDARD',
});

function planner(sizes: Record<string, number>, more: Partial<PlannerOptions> = {}) {
  async function* objects() {
    for (const [key, size] of Object.entries(sizes)) yield object(key, size);
  }
  const skipped: string[] = [];
  const issued: string[] = [];
  const made = new Planner({
    objects: objects(),
    segmentBytes: 10,
    compression: 'auto',
    isOrdered: false,
    resume: () => null,
    onObjectSkipped: ({ key }) => skipped.push(key),
    onIssue: (segment) => issued.push(show(segment)!),
    ...more,
  });
  return { made, skipped, issued };
}

function show(segment: Segment | null): string | null {
  return segment === null
    ? null
    : `${segment.object.key}#${segment.index} ${segment.start}-${segment.end}${segment.only ? ` only ${segment.only.offsets}` : ''}`;
}

/** Whether the promise is still open after everything that could settle it has had its turn. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  void promise.then(() => {
    isSettled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return !isSettled;
}

describe('Planner', () => {
  it.each([
    { size: 9, segments: ['a#0 0-9'] },
    { size: 10, segments: ['a#0 0-10'] },
    { size: 11, segments: ['a#0 0-10', 'a#1 10-11'] },
  ])('cuts an object of $size bytes', async ({ size, segments }) => {
    const { made } = planner({ a: size }, { compression: 'none' });
    const given: (string | null)[] = [];
    for (let segment = await made.next(); segment !== null; segment = await made.next())
      given.push(show(segment));
    expect(given).toEqual(segments);
  });

  it('holds back the rest of an object until its format is known, and gives later objects meanwhile', async () => {
    const { made } = planner({ a: 25, b: 5 });
    const first = (await made.next())!;
    expect([show(first), made.isFormatUnknown(first)]).toEqual(['a#0 0-10', true]);
    const second = (await made.next())!;
    expect(show(second)).toBe('b#0 0-5');
    const third = made.next();
    expect(await isPending(third)).toBe(true);
    made.settleFormat(first, 'plain');
    expect(show(await third)).toBe('a#1 10-20');
    expect(show(await made.next())).toBe('a#2 20-25');
    // An object of one segment has no others to wait for, whatever its format is.
    expect(await made.next()).toBe(null);
    made.settleFormat(second, 'plain');
    expect(second.format).toBe('plain');
  });

  it('gives no later object before that in ordered mode', async () => {
    const { made, issued } = planner({ a: 25, b: 5 }, { isOrdered: true });
    const first = (await made.next())!;
    const rest = [made.next(), made.next(), made.next()];
    expect(await isPending(Promise.race(rest))).toBe(true);
    made.settleFormat(first, 'plain');
    expect((await Promise.all(rest)).map(show)).toEqual(['a#1 10-20', 'a#2 20-25', 'b#0 0-5']);
    expect(issued).toEqual(['a#0 0-10', 'a#1 10-20', 'a#2 20-25', 'b#0 0-5']);
  });

  it('makes a compressed object one segment', async () => {
    const { made } = planner({ a: 25, b: 25 });
    const first = (await made.next())!;
    made.settleFormat(first, 'gzip');
    expect([show(first), first.format]).toEqual(['a#0 0-25', 'gzip']);
    expect(show(await made.next())).toBe('b#0 0-10');
  });

  it.each(['gzip', 'zstd'] as const)('does not ask for the format when %s is forced', async (compression) => {
    const { made } = planner({ a: 25 }, { compression });
    const only = (await made.next())!;
    expect([show(only), only.format, made.isFormatUnknown(only)]).toEqual(['a#0 0-25', compression, false]);
    expect(await made.next()).toBe(null);
  });

  it('leaves out what the journal knows, and says which objects were done', async () => {
    const left = (...ranges: [number, number, number[]?][]) => ({
      format: 'plain' as const,
      work: () => ranges.map(([start, end, only]) => ({ start, end, only: only ? { offsets: only } : null })),
    });
    const whole = (size: number) => [{ start: 0, end: size, only: null }];
    const known: Record<string, ObjectResume> = {
      done: left(),
      half: left([10, 20], [30, 40]),
      part: left([14, 25]),
      few: left([3, 18, [4, 12]], [22, 25]),
      gz: { format: 'gzip', work: whole },
      unknown: { format: null, work: whole },
    };
    const resume = ({ key }: SourceObject) => known[key] ?? null;
    const { made, skipped } = planner(
      { done: 25, half: 45, part: 25, few: 25, gz: 25, unknown: 25, fresh: 5 },
      { resume },
    );
    const given: (string | null)[] = [];
    for (let i = 0; i < 9; i++) given.push(show(await made.next()));
    expect(given).toEqual([
      'half#0 10-20',
      'half#1 30-40',
      'part#0 14-20',
      'part#1 20-25',
      'few#0 3-18 only 4,12',
      'few#1 22-25',
      'gz#0 0-25',
      'unknown#0 0-10',
      'fresh#0 0-5',
    ]);
    expect(skipped).toEqual(['done']);
  });

  it('gives nothing more of an object that has failed, and reports the first failure only', async () => {
    const { made } = planner({ a: 45, b: 5 }, { compression: 'none' });
    const first = (await made.next())!;
    const error = new MillraceError('MILLRACE_OBJECT_CHANGED', 'first');
    expect(made.failureOf(first)).toBe(null);
    expect([
      made.fail(first, error),
      made.fail(first, new MillraceError('MILLRACE_SOURCE', 'second')),
    ]).toEqual([true, false]);
    expect(made.failureOf(first)).toBe(error);
    expect(show(await made.next())).toBe('b#0 0-5');
  });

  it('does not wait for the format of an object that has failed', async () => {
    const { made } = planner({ a: 45 });
    const first = (await made.next())!;
    const next = made.next();
    made.fail(first, new MillraceError('MILLRACE_OBJECT_CHANGED', 'gone'));
    expect(await next).toBe(null);
  });

  it('gives null to everybody after stop()', async () => {
    const { made } = planner({ a: 45, b: 5 });
    await made.next();
    const waiting = [made.next(), made.next(), made.next()];
    made.stop();
    expect((await Promise.all(waiting)).at(-1)).toBe(null);
    expect(await made.next()).toBe(null);
  });

  it('throws what the listing throws', async () => {
    async function* broken(): AsyncGenerator<SourceObject> {
      yield object('a', 1);
      throw new Error('listing');
    }
    const { made } = planner({}, { objects: broken() });
    await made.next();
    await expect(made.next()).rejects.toThrow('listing');
  });
});
