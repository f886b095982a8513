/** What verify says of lines and objects that are not on the stream: every one is accounted for, by name. The real command. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { FastS3Object } from '../../src/embedded/fast-s3.ts';
import { undocumentedFields } from './documented.ts';
import { BUCKET, type DeadLetter, runCommand, STREAM, World } from './fixture.ts';

const LINE_COUNT = 500;
/** Three of five lines are no JSON, and the last has no line end. */
const LINES = Array.from({ length: LINE_COUNT }, (_, n) => (n % 5 < 2 ? `{"n":${n}}` : `{"n":${n}`));
const BODY = Buffer.from(LINES.join('\n'));
const REJECTS = 300;
const GOOD = Buffer.from(Array.from({ length: 40 }, (_, n) => `{"good":${n}}\n`).join(''));

let world: World;
afterEach(() => world?.close());

const endpoints = () => [
  ...['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint],
];

async function verify(args: readonly string[] = ['--journal', world.journal]) {
  const ended = await runCommand(['verify', ...args, '--json', '--quiet', ...endpoints()], {
    cwd: world.folder,
  });
  expect(ended.isTimedOut).toBe(false);
  const report = ended.stdout === '' ? {} : JSON.parse(ended.stdout);
  expect(undocumentedFields(report)).toEqual([]);
  return { ...report, exitCode: ended.exitCode, stderr: ended.stderr };
}

async function deliver(objects: readonly FastS3Object[], exitCode: number, flags: readonly string[] = []) {
  world = await World.open({ objects, shards: 1 });
  const { ended, report } = await world.report(flags);
  expect([ended.exitCode, ended.stderr]).toEqual([exitCode, '']);
  return report;
}

const redrive = async (file: string) => {
  const ended = await runCommand(['redrive', file, '--stream', STREAM, '--json', '--quiet', ...endpoints()], {
    cwd: world.folder,
  });
  return JSON.parse(ended.stdout);
};

const writeDeadLetters = (path: string, letters: readonly unknown[]) =>
  writeFileSync(path, letters.map((letter) => `${JSON.stringify(letter)}\n`).join(''));

/** Makes JSON of a line again. */
const repaired = (letter: DeadLetter) => {
  const text = Buffer.from(letter.data!, 'base64').toString();
  return { ...letter, data: Buffer.from(`${text}}`).toString('base64') };
};

const NAMED = (key: string) => [{ bucket: BUCKET, key }];

describe('an object that cannot be read', () => {
  const fine = { key: 'fine.jsonl', body: GOOD };
  const cold = { key: 'cold.jsonl', body: BODY, storageClass: 'GLACIER' };

  it('since it is archived and was never delivered, is named and is no match', async () => {
    expect(await deliver([fine, cold], 1)).toMatchObject({ objects: { done: 1, archived: 1 } });
    expect(await verify()).toMatchObject({
      ...{ exitCode: 3, status: 'failed', missing: 0, source: { records: 40 } },
      error: expect.stringMatching(
        /^Cannot verify all of the source: archived: 1 object \(s3:\/\/bucket\/cold.jsonl\)/,
      ),
      objects: { archived: 1, unreadable: 0 },
      examples: { archived: NAMED('cold.jsonl') },
    });
  });

  it('since a rule has archived it after it was delivered, is named and is no match', async () => {
    await deliver([fine, { key: 'cold.jsonl', body: GOOD }], 0);
    expect(await verify()).toMatchObject({ exitCode: 0, status: 'match' });
    world.s3.put(BUCKET, { ...cold, body: GOOD });
    expect(await verify()).toMatchObject({ exitCode: 3, status: 'failed', objects: { archived: 1 } });
    // The listing need not know.
    world.s3.put(BUCKET, { key: 'cold.jsonl', body: GOOD });
    world.s3.setFaults([{ kind: 'invalid-object-state', target: 'cold.jsonl', name: 'frozen' }]);
    expect(await verify()).toMatchObject({
      ...{ exitCode: 3, status: 'failed', objects: { archived: 0, unreadable: 1 } },
      examples: { unreadable: NAMED('cold.jsonl') },
    });
    expect(world.s3.stats().faultsFired.frozen).toBeGreaterThan(0);
  });

  it('is not excused by another one that the run could not read', async () => {
    const torn = { key: 'torn.gz', body: gzipSync(GOOD).subarray(0, -20) };
    await deliver([fine, torn, { key: 'other.jsonl', body: GOOD }], 1);
    expect(await verify()).toMatchObject({
      ...{ exitCode: 1, status: 'match-with-rejects', error: null, objects: { unreadable: 1 } },
      examples: { unreadable: NAMED('torn.gz'), withoutLetter: [] },
      warnings: [expect.stringMatching(/not by the run either: 1 object \(s3:\/\/bucket\/torn.gz\)/)],
    });
    world.s3.setFaults([{ kind: 'invalid-object-state', target: 'other.jsonl', name: 'frozen' }]);
    const flags = ['--journal', world.journal, '--exclude', 'torn.gz'];
    expect(await verify(flags)).toMatchObject({
      ...{ exitCode: 3, status: 'failed', objects: { unreadable: 1, excluded: 1 } },
      examples: { unreadable: NAMED('other.jsonl'), excluded: NAMED('torn.gz') },
    });
    expect(world.s3.stats().faultsFired.frozen).toBeGreaterThan(0);
  });
});

it('names objects that are excluded, and those that were replaced since the run', async () => {
  const objects = ['a', 'b', 'c'].map((name) => ({ key: `${name}.jsonl`, body: GOOD, etag: `"${name}"` }));
  await deliver(objects, 0, ['--exclude', 'c.jsonl', '--partition-key', '/good']);
  world.s3.put(BUCKET, { key: 'b.jsonl', body: GOOD, etag: '"b-again"' });
  expect(await verify([...['--journal', world.journal, '--examples', '1']])).toMatchObject({
    ...{ exitCode: 0, status: 'match', objects: { archived: 0, unreadable: 0, changed: 1, excluded: 1 } },
    examples: { changed: NAMED('b.jsonl'), excluded: NAMED('c.jsonl') },
    warnings: [expect.stringMatching(/^Changed since the run: 1 object \(s3:\/\/bucket\/b.jsonl\)/)],
  });
});

describe('a run with dead letters', () => {
  const lines = {
    counted: LINE_COUNT,
    records: LINE_COUNT - REJECTS,
    blank: 0,
    rejected: REJECTS,
    filtered: 0,
  };
  const objects = [{ key: 'a.jsonl', body: BODY }];
  const accounted = { exitCode: 1, status: 'match-with-rejects', error: null, missing: 0, lines };

  it('matches but for its dead letters, and says how many lines that are', async () => {
    await deliver(objects, 1);
    expect(await verify()).toMatchObject({
      ...accounted,
      deadLetters: { file: world.letters, held: REJECTS, redriven: 0, absent: 0, unclaimed: 0 },
      warnings: [],
    });
    const shown = await runCommand(['verify', '--journal', world.journal, '--quiet', ...endpoints()]);
    expect([shown.exitCode, shown.stdout.split('\n')[0]]).toEqual([
      1,
      'Match, except 300 of 500 lines that are dead letters',
    ]);
  });

  it('differs where a line has lost its dead letter, and names the line', async () => {
    await deliver(objects, 1);
    const letters = world.deadLetters();
    const [lost] = letters.splice(17, 1);
    writeDeadLetters(world.letters, letters);
    const { bucket, key, offset, length } = lost!;
    expect(await verify()).toMatchObject({
      ...{ ...accounted, status: 'differ' },
      deadLetters: { held: REJECTS - 1, absent: 1 },
      examples: { missing: [], withoutLetter: [{ bucket, key, offset, length }] },
    });
    rmSync(world.letters);
    expect(await verify()).toMatchObject({
      ...{ ...accounted, status: 'differ' },
      deadLetters: { file: world.letters, held: 0, absent: REJECTS },
    });
  });

  it('finds its dead letters beside the journal when both were moved, and says so when it knows of none', async () => {
    await deliver(objects, 1);
    const elsewhere = join(world.folder, 'elsewhere');
    mkdirSync(elsewhere);
    cpSync(world.journal, join(elsewhere, 'run.journal'));
    renameSync(world.letters, join(elsewhere, 'run.dead.jsonl'));
    expect(await verify(['--journal', join(elsewhere, 'run.journal')])).toMatchObject({
      ...accounted,
      deadLetters: { file: join(elsewhere, 'run.dead.jsonl'), held: REJECTS },
    });
    const args = [`s3://${BUCKET}/`, '--stream', STREAM];
    const unknown = { held: 0, redriven: 0, absent: 0, unclaimed: 0 };
    expect(await verify(args)).toMatchObject({
      ...{ ...accounted, deadLetters: { file: null, ...unknown } },
      warnings: [expect.stringMatching(/^No dead-letter file is known: .*300 rejected lines/)],
    });
    const named = [...args, '--dead-letter', join(elsewhere, 'run.dead.jsonl')];
    expect(await verify(named)).toMatchObject({ ...accounted, deadLetters: { held: REJECTS } });
    expect(await verify([...args, '--dead-letter', join(elsewhere, 'none')])).toMatchObject({ exitCode: 2 });
  });

  it('counts letters that were redriven as delivered, from the file itself and what failed again', async () => {
    await deliver(objects, 1);
    const letters = world.deadLetters();
    // Repaired in place: a dead letter is told by its coordinates.
    writeDeadLetters(world.letters, [...letters.slice(0, 100).map(repaired), ...letters.slice(100)]);
    expect(await verify()).toMatchObject({ ...accounted, deadLetters: { held: REJECTS } });
    expect(await redrive(world.letters)).toMatchObject({ exitCode: 1, records: { delivered: 100 } });
    expect(await verify()).toMatchObject({
      ...{
        ...accounted,
        foreign: 100,
        deadLetters: { held: REJECTS - 100, redriven: 100, absent: 0, unclaimed: 0 },
      },
    });
    const again = `${world.letters}.again`;
    writeDeadLetters(again, [
      ...world.deadLettersAt(again).slice(0, 100).map(repaired),
      ...world.deadLettersAt(again).slice(100),
    ]);
    expect(await redrive(again)).toMatchObject({ exitCode: 1, records: { delivered: 100 } });
    expect(await verify()).toMatchObject({ ...accounted, deadLetters: { held: 100, redriven: 200 } });
  });

  it('counts letters that were redriven from a copy as delivered when it is told of the trace', async () => {
    await deliver(objects, 1);
    const copy = join(world.folder, 'copy.jsonl');
    writeDeadLetters(copy, world.deadLetters().map(repaired));
    expect(await redrive(copy)).toMatchObject({ exitCode: 0, records: { delivered: REJECTS } });
    expect(await verify()).toMatchObject({ ...accounted, deadLetters: { held: REJECTS, redriven: 0 } });
    const journal = ['--journal', world.journal, '--redriven', `${copy}.redriven`];
    expect(await verify(journal)).toMatchObject({
      ...{ exitCode: 0, status: 'match', lines, deadLetters: { held: 0, redriven: REJECTS, absent: 0 } },
    });
    // A trace of another stream proves nothing here.
    const trace = readFileSync(`${copy}.redriven`, 'utf8');
    writeFileSync(`${copy}.redriven`, trace.replace(`"stream":"${STREAM}"`, '"stream":"other"'));
    expect(await verify(journal)).toMatchObject({
      ...{ ...accounted, deadLetters: { held: REJECTS, redriven: 0 } },
      warnings: [expect.stringMatching(/redrives to other streams/)],
    });
  });

  it('leaves no trace beside a file that is none of its own', async () => {
    await deliver(objects, 1);
    const copy = join(world.folder, 'copy.jsonl');
    writeDeadLetters(copy, world.deadLetters().slice(0, 3).map(repaired));
    writeFileSync(`${copy}.redriven`, 'my notes\n');
    const args = ['redrive', copy, '--stream', STREAM, ...endpoints()];
    const ended = await runCommand(args, { cwd: world.folder });
    expect([ended.exitCode, readFileSync(`${copy}.redriven`, 'utf8')]).toEqual([0, 'my notes\n']);
    expect(ended.stderr).toMatch(
      /Cannot write .*copy.jsonl.redriven: .*`verify` will count them as dead letters/,
    );
  });

  it('of records that the stream refused, misses none of them', async () => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: GOOD }], shards: 1 });
    const containing = '"good":17';
    world.kinesis.setFaults([{ kind: 'error', name: 'refused', code: 'ValidationException', containing }], 7);
    const { report } = await world.report(['--batch-records', '5']);
    expect(report).toMatchObject({ exitCode: 1, lines: { rejectedByCode: { PUT_REFUSED: 1 } } });
    world.kinesis.setFaults([], 7);
    expect(await verify()).toMatchObject({
      ...{ exitCode: 1, status: 'match-with-rejects', missing: 0, examples: { missing: [] } },
      ...{ lines: { counted: 40, records: 40, rejected: 0 }, deadLetters: { held: 1, unclaimed: 0 } },
    });
    // Sent as it is, it is on the stream like any other.
    expect(await redrive(world.letters)).toMatchObject({ exitCode: 0, records: { delivered: 1 } });
    expect(await verify()).toMatchObject({
      exitCode: 0,
      status: 'match',
      missing: 0,
      duplicated: 0,
      foreign: 0,
    });
  });
});
