/** Kept firsts: a run with `--limit` that is killed and stopped on its way, while objects come that are listed in front of its own. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BUCKET, dataOf, runCommand, type World } from './fixture.ts';

export const sorted = (texts: Iterable<string>) => [...texts].toSorted();

/** What `verify --json` says. */
export async function verify(world: World, flags: readonly string[]) {
  const services = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand(['verify', '--json', ...flags, ...services], { cwd: world.folder });
  return { ended, report: JSON.parse(ended.stdout || 'null') };
}

export interface Course {
  readonly flags: readonly string[];
  /** Each ends one process. */
  readonly faults: readonly string[];
  /** Of an object that comes once the run has found what its first records are. */
  readonly newObject: (name: string) => { readonly key: string; readonly body: Buffer };
  /** At least so many of these come. */
  readonly newsMin: number;
  /** The first records, as they were when the run began. */
  readonly firsts: readonly string[];
}

/** Holds the run to them, to the last one. @returns Its last report. */
export async function expectKept(world: World, { flags, faults, newObject, newsMin, firsts }: Course) {
  let news = 0;
  for (const [i, fault] of faults.entries()) {
    const log = join(world.folder, `fault-${i}`);
    const ended = await world.backfill(flags, { env: { MILLRACE_FAULT: fault, MILLRACE_FAULT_LOG: log } });
    expect([fault, ended.exitCode, existsSync(log)]).toEqual([fault, null, true]);
    if (!readFileSync(world.journal, 'utf8').includes('"kind":"within"')) continue;
    world.s3.put(BUCKET, newObject(`new-${news}`));
    news++;
  }
  expect(news).toBeGreaterThanOrEqual(newsMin);
  // A stream that takes no more: the run cannot be done before the signal comes.
  world.kinesis.setFaults([{ kind: 'throttle', name: 'full', skip: 300 }]);
  const isFull = () => (world.kinesis.stats().faultsFired.full ?? 0) > 0;
  const stopped = await world.report(flags, { interrupt: { when: isFull, signals: ['SIGTERM'] } });
  world.kinesis.setFaults([]);
  expect(stopped.ended.exitCode, stopped.ended.stderr).toBe(143);
  const { report, ended } = await world.report(flags);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(sorted(new Set(dataOf(world.records())))).toEqual(sorted(firsts));
  const taken = firsts.length;
  expect(report).toMatchObject({ lines: { read: taken }, limited: { taken, more: true } });
  const verified = await verify(world, ['--journal', world.journal]);
  expect(verified.report, verified.ended.stderr).toMatchObject({
    ...{ status: 'match', missing: 0, foreign: 0 },
    lines: { counted: taken },
  });
  return report;
}
