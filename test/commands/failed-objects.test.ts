/** Objects that failed, issue 13: the same command tries them again, sends only what is left of them, and their dead letters go when it succeeds. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { FastS3Object, S3Fault } from '../../src/embedded/fast-s3.ts';
import type { RunStatus } from '../../src/observe/status.ts';
import { BUCKET, dataOf, differences, linesOf, runCommand, World } from './fixture.ts';

const bodyOf = (name: string, count: number) =>
  Buffer.from(
    Array.from({ length: count }, (_, i) => `{"in":"${name}","n":${i},"t":"${'x'.repeat(60)}"}\n`).join(''),
  );
const GOOD = bodyOf('good', 300);
const ILL = bodyOf('ill', 6_000);
const FLAGS = ['--segment-size', '64KiB', '--downloads', '1'];
const KEY = 'p/ill.jsonl';

let world: World;
afterEach(() => world?.close());

async function open(...more: readonly FastS3Object[]): Promise<void> {
  world = await World.open({ objects: [{ key: 'p/good.jsonl', body: GOOD }, ...more], shards: 2 });
}

const status = async (): Promise<RunStatus> =>
  JSON.parse((await runCommand(['status', '--journal', world.journal, '--json'])).stdout);
const expectStored = (...bodies: readonly Buffer[]) =>
  expect(differences(linesOf(...bodies), dataOf(world.records()))).toEqual(new Map());

/** What holds after a process, in its report, in `status` and in the file of dead letters. */
async function expectFailed(codes: Readonly<Record<string, number>>) {
  const { report, ended } = await world.report(FLAGS);
  const count = Object.values(codes).reduce((sum, one) => sum + one, 0);
  expect([ended.exitCode, report.status], ended.stderr).toEqual([1, 'delivered-with-rejects']);
  expect([report.lines.rejected, report.lines.rejectedByCode]).toEqual([count, codes]);
  expect(world.deadLetters().map(({ code }) => code)).toEqual(Object.keys(codes));
  const told = await status();
  expect(told).toMatchObject({ state: 'finished', status: 'delivered-with-rejects', deadLetters: count });
  expect([told.objects.failed, told.lines.rejectedByCode]).toEqual([count, codes]);
  return report;
}

async function expectMended(objectCount: number) {
  const { report, ended } = await world.report(FLAGS);
  expect([ended.exitCode, report.status], ended.stderr).toEqual([0, 'delivered']);
  expect([report.lines.rejected, world.deadLetters()]).toEqual([0, []]);
  const told = await status();
  expect(told).toMatchObject({ state: 'finished', status: 'delivered', deadLetters: 0 });
  expect(told.objects).toMatchObject({ done: objectCount, failed: 0 });
  expect(told.records.delivered).toBe(report.records.delivered + report.records.deliveredBefore);
  // And then there is nothing left to do.
  const again = await world.report(FLAGS);
  expect([again.ended.exitCode, again.report.records.delivered]).toEqual([0, 0]);
  return report;
}

describe('an object is carried as soon as it can be read:', () => {
  it.each<{ name: string; fault: S3Fault }>([
    { name: 'access is given', fault: { kind: 'access-denied', target: KEY } },
    { name: 'a key that was gone is there again', fault: { kind: 'no-such-key', target: KEY } },
    { name: 'what was archived is restored', fault: { kind: 'invalid-object-state', target: KEY } },
  ])('$name', async ({ fault }) => {
    await open({ key: KEY, body: ILL });
    world.s3.setFaults([{ ...fault, name: 'ill' }]);
    const failed = await expectFailed({ OBJECT_UNREADABLE: 1 });
    expect(world.s3.stats().faultsFired.ill).toBeGreaterThan(0);
    expect(failed.records.delivered).toBe(300);
    expectStored(GOOD);
    // As long as it is ill its dead letter stands once, and nothing is sent twice.
    expect((await expectFailed({ OBJECT_UNREADABLE: 1 })).records.delivered).toBe(0);

    world.s3.setFaults([]);
    const mended = await expectMended(2);
    expect(mended.records).toMatchObject({ delivered: 6_000, deliveredBefore: 300 });
    expectStored(GOOD, ILL);
  });

  it.each<{ name: string; fault: S3Fault }>([
    { name: 'access was taken away in its middle', fault: { kind: 'access-denied', target: KEY, skip: 3 } },
    { name: 'it vanished in its middle', fault: { kind: 'no-such-key', target: KEY, skip: 3 } },
  ])('only the rest is sent where $name', async ({ fault }) => {
    await open({ key: KEY, body: ILL });
    world.s3.setFaults([{ ...fault, name: 'ill' }]);
    const failed = await expectFailed({ OBJECT_UNREADABLE: 1 });
    expect(world.s3.stats().faultsFired.ill).toBeGreaterThan(0);
    expect(failed.records.delivered).toBeGreaterThan(300);
    expect(failed.records.delivered).toBeLessThan(6_300);

    world.s3.setFaults([]);
    const mended = await expectMended(2);
    expect(mended.records).toMatchObject({
      delivered: 6_300 - failed.records.delivered,
      deliveredBefore: failed.records.delivered,
    });
    expectStored(GOOD, ILL);
  });

  it('an endpoint that fails for one object is healed', async () => {
    await open({ key: KEY, body: ILL });
    world.s3.setFaults([{ kind: 'internal-error', target: KEY, name: 'ill' }]);
    const { report, ended } = await world.report(FLAGS);
    expect([ended.exitCode, report.status, report.records.delivered]).toEqual([3, 'failed', 300]);
    expect(report.error).toMatch(/^Cannot read s3:\/\/bucket\/p\/ill.jsonl: InternalError/);
    expect(world.deadLetters()).toEqual([]);
    expect(await status()).toMatchObject({
      state: 'stopped',
      status: 'failed',
      deadLetters: 0,
      objects: { failed: 0 },
    });
    expect(world.s3.stats().faultsFired.ill).toBeGreaterThan(0);
    world.s3.setFaults([]);
    await expectMended(2);
    expectStored(GOOD, ILL);
  });

  it('a key of a list that did not exist is there', async () => {
    await open();
    const stdin = `s3://${BUCKET}/p/good.jsonl\ns3://${BUCKET}/${KEY}\n`;
    const run = () => world.report(FLAGS, { sources: ['-'], stdin });
    const failed = await run();
    expect([failed.ended.exitCode, failed.report.lines.rejectedByCode]).toEqual([
      1,
      { OBJECT_UNREADABLE: 1 },
    ]);
    expect(world.deadLetters()).toMatchObject([{ key: KEY, etag: '', code: 'OBJECT_UNREADABLE' }]);
    expect(await status()).toMatchObject({ deadLetters: 1, objects: { done: 1, failed: 1 } });

    world.s3.put(BUCKET, { key: KEY, body: ILL });
    const mended = await run();
    expect([mended.ended.exitCode, mended.report.records.delivered]).toEqual([0, 6_000]);
    expect(world.deadLetters()).toEqual([]);
    expect(await status()).toMatchObject({ deadLetters: 0, objects: { done: 2, failed: 0 } });
    expectStored(GOOD, ILL);
  });
});

describe('an object that stays ill', () => {
  it('sends the lines before its damage once, and its letter stands once, however often it is tried', async () => {
    const stored = gzipSync(ILL);
    await open({ key: 'p/torn.jsonl.gz', body: stored.subarray(0, stored.length / 2) });
    const first = await expectFailed({ OBJECT_UNREADABLE: 1 });
    expect(first.records.delivered).toBeGreaterThan(300);
    const letters = world.deadLetters();
    for (let turn = 0; turn < 2; turn += 1) {
      const again = await expectFailed({ OBJECT_UNREADABLE: 1 });
      expect(again.records).toMatchObject({ delivered: 0, deliveredBefore: first.records.delivered });
      expect(world.deadLetters()).toEqual(letters);
    }
    expect(world.records().length).toBe(first.records.delivered);
  });

  it('keeps the letters of its bad lines beside its own', async () => {
    const bad = Buffer.concat([Buffer.from('{"no":\n'), ILL]);
    await open({ key: KEY, body: bad });
    world.s3.setFaults([{ kind: 'access-denied', target: KEY, skip: 3 }]);
    const codes = async () => {
      const { report } = await world.report(FLAGS);
      const { deadLetters } = await status();
      return [
        world
          .deadLetters()
          .map(({ code }) => code)
          .sort(),
        report.lines.rejected,
        deadLetters,
      ];
    };
    const both = ['INVALID_JSON', 'OBJECT_UNREADABLE'];
    expect(await codes()).toEqual([both, 2, 2]);
    world.s3.setFaults([{ kind: 'access-denied', target: KEY }]);
    expect(await codes()).toEqual([both, 2, 2]);
    world.s3.setFaults([]);
    expect(await codes()).toEqual([['INVALID_JSON'], 1, 1]);
    expectStored(GOOD, ILL);
  });
});

describe('an object that has changed', () => {
  it('stays given up, whether its old version comes back or not', async () => {
    await open({ key: KEY, body: ILL });
    world.s3.setFaults([{ kind: 'changed-etag', target: KEY, skip: 3 }]);
    const failed = await expectFailed({ OBJECT_CHANGED: 1 });
    world.s3.setFaults([]);
    const again = await expectFailed({ OBJECT_CHANGED: 1 });
    expect(again.records).toMatchObject({ delivered: 0, deliveredBefore: failed.records.delivered });
    expect(world.records().length).toBe(failed.records.delivered);
  });

  it('is one letter about its new version where the run had delivered it, and nothing of it is sent', async () => {
    await open({ key: KEY, body: ILL });
    const { ended } = await world.report(FLAGS);
    expect(ended.exitCode).toBe(0);
    world.s3.put(BUCKET, { key: KEY, body: bodyOf('new', 50) });
    for (let turn = 0; turn < 2; turn += 1)
      expect((await expectFailed({ OBJECT_CHANGED: 1 })).records.delivered).toBe(0);
    const message = `s3://${BUCKET}/${KEY}: it was changed since this run began; the new version can be carried in a run of its own`;
    expect(world.deadLetters()[0]!.message).toBe(`${message}, with s3://${BUCKET}/${KEY} as its only SOURCE`);
    expectStored(GOOD, ILL);
  });
});
