/** Journals and dead letters that the program of commit 3deab6f wrote (test/fixtures/journals-0.1): today's command goes on with them. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { type Expected, type ExpectedRecord, expectedOf } from '../chaos/oracle.ts';
import { OLD_RUNS, OLD_SHARDS, OLD_STREAM, type OldRun } from '../fixtures/journals-0.1/cases.ts';
import { oldSource, SOURCE_BUCKET } from '../fixtures/journals-0.1/source.ts';
import { differences, runCommand } from './fixture.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'journals-0.1');
const PUT_RECORDS_MAX = 500;

let folder: string;
let kinesis: LocalKinesis;
let s3: FastS3;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-old-'));
  kinesis = await startLocalKinesis({ streams: { [OLD_STREAM]: OLD_SHARDS } });
});
afterEach(async () => {
  await Promise.all([kinesis.close(), s3.close()]);
  rmSync(folder, { recursive: true });
});

interface Files {
  readonly journal: string;
  readonly letters: string;
  /** Flags that say where they are. */
  readonly flags: readonly string[];
}
let files: Files;
const journalPath = () => files.journal;
const deadLettersPath = () => files.letters;

/** Where flags name them. */
function named(): Files {
  const [journal, letters] = [join(folder, 'run.journal'), join(folder, 'run.letters.jsonl')];
  return { journal, letters, flags: ['--journal', journal, '--dead-letter', letters] };
}

/** Where the first program put them by itself: the run's name came of an identity that held --segment-size. */
function byDefault({ name }: OldRun): Files {
  const [header] = linesIn(join(FIXTURES, `${name}.journal`));
  const base = join(folder, '.millrace', header.run);
  mkdirSync(join(folder, '.millrace'));
  return { journal: `${base}.journal`, letters: `${base}.dead-letters.jsonl`, flags: [] };
}
const linesIn = (path: string) =>
  readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)); // biome-ignore format: one step a call

/** Whether a journal says that the line at an offset of an object is dealt with: a reading of its own, by docs/JOURNAL.md. */
function coverage(path: string): (key: string, offset: number) => boolean {
  const keys = new Map<number, string>();
  const ranges = new Map<string, [number, number][]>();
  for (const entry of linesIn(path)) {
    if (entry.kind === 'object') keys.set(entry.id, entry.key);
    const key = entry.object?.key ?? keys.get(entry.id);
    if (key === undefined) continue;
    if (!ranges.has(key)) ranges.set(key, []);
    if (entry.kind === 'segment') ranges.get(key)!.push([entry.start, entry.end]);
    if (entry.kind === 'progress') ranges.get(key)!.push([0, entry.offset]);
    if (entry.kind === 'object-done') ranges.get(key)!.push([0, Number.POSITIVE_INFINITY]);
  }
  return (key, offset) => (ranges.get(key) ?? []).some(([start, end]) => offset >= start && offset < end);
}

/** What the killed or stopped process had put: its stream is gone, so it is put again. */
async function putAgain(records: readonly ExpectedRecord[]): Promise<void> {
  for (let at = 0; at < records.length; at += PUT_RECORDS_MAX) {
    const part = records.slice(at, at + PUT_RECORDS_MAX);
    const Records = part.map(({ partitionKey, data }) => ({
      ...{ PartitionKey: partitionKey, Data: data.toString('base64') },
    }));
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Kinesis_20131202.PutRecords',
    };
    const body = JSON.stringify({ StreamName: OLD_STREAM, Records });
    const answer = await fetch(kinesis.endpoint, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ FailedRecordCount: 0 });
  }
}

/** The same for many runs, and made once. */
const sources = new Map<boolean, ReturnType<typeof oldSource>>();
function sourceOf(run: OldRun) {
  const hasUnreadable = run.hasUnreadable === true;
  const known = sources.get(hasUnreadable) ?? oldSource({ hasUnreadable });
  sources.set(hasUnreadable, known);
  return known;
}

/** Copies of a run's files, and the services as its process found them. */
async function open(run: OldRun) {
  copyFileSync(join(FIXTURES, `${run.name}.journal`), journalPath());
  copyFileSync(join(FIXTURES, `${run.name}.letters.jsonl`), deadLettersPath());
  const objects = sourceOf(run);
  s3 = await startFastS3({
    buckets: { [SOURCE_BUCKET]: objects.map(({ key, stored, etag }) => ({ key, body: stored, etag })) },
  });
  const expected = expectedOf(objects, { partitionKeyMember: run.keyMember });
  const covers = coverage(journalPath());
  const before = expected.records.filter(({ object, offset }) => covers(object.key, offset));
  await putAgain(before);
  return { expected, before };
}

const endpoints = () => ['--s3-endpoint-url', s3.endpoint, '--kinesis-endpoint-url', kinesis.endpoint];

function backfill(run: OldRun) {
  const args = ['backfill', `s3://${SOURCE_BUCKET}/p/`, '--stream', OLD_STREAM, ...run.flags, ...files.flags];
  return runCommand([...args, ...endpoints(), '--quiet', '--json'], { cwd: folder });
}

const status = async () =>
  JSON.parse((await runCommand(['status', '--journal', journalPath(), '--json'])).stdout);

async function verify() {
  const flags = ['--journal', journalPath(), '--from', 'trim-horizon', '--strict'];
  const ended = await runCommand(['verify', ...flags, ...endpoints(), '--quiet', '--json'], { cwd: folder });
  return { ended, report: JSON.parse(ended.stdout) };
}

const textOf = ({ partitionKey, data }: { partitionKey: string; data: Buffer }) =>
  `${partitionKey}\n${data.toString('latin1')}`;

/** Each bad line has its dead letter once, with its bytes, and so has the object that cannot be read. */
function expectDeadLetters({ letters }: Expected, hasUnreadable: boolean): void {
  const found = linesIn(deadLettersPath());
  const wanted = letters.map(({ object, offset, code, data }) =>
    [object.key, offset, code, data.toString('base64')].join(' '),
  );
  if (hasUnreadable) wanted.push('p/torn.jsonl.gz  OBJECT_UNREADABLE ');
  const texts = found.map(({ key, offset, code, data }) => [key, offset, code, data].join(' '));
  expect(differences(wanted, texts)).toEqual(new Map());
}

const ANOTHER_SIZE = ['--segment-size', '300KiB'];
const AT_DEFAULT = ['finished', 'stopped'];
const AT_DEFAULT_WITH_ANOTHER_SIZE = ['killed', 'killed-in-gzip', 'ordered'];
const runsOf = (names: readonly string[]) => OLD_RUNS.filter(({ name }) => names.includes(name));
const CASES = [
  ...OLD_RUNS.map((run) => ({ ...run, place: 'where --journal says', filesOf: named })),
  ...runsOf(AT_DEFAULT).map((run) => ({ ...run, place: 'at its old default name', filesOf: byDefault })),
  ...runsOf(AT_DEFAULT_WITH_ANOTHER_SIZE).map((run) => ({
    ...run,
    place: 'at its old default name with another --segment-size',
    flags: [...run.flags, ...ANOTHER_SIZE],
    filesOf: byDefault,
  })),
];

describe('the program goes on with a journal of its first format', () => {
  it.each(CASES)('$name, $place: delivers what is left and nothing else', async ({ filesOf, ...run }) => {
    files = filesOf(run);
    const { expected, before } = await open(run);
    const hasUnreadable = run.hasUnreadable === true;
    expect(await status()).toMatchObject({
      state: run.end === null ? 'finished' : run.end.signal === 'SIGKILL' ? 'killed' : 'stopped',
      records: { delivered: before.length },
    });
    expect(before.length).toBeGreaterThan(0);
    if (run.end !== null) expect(before.length).toBeLessThan(expected.records.length);

    const { exitCode, stdout, stderr } = await backfill(run);
    expect(exitCode, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ status: 'delivered-with-rejects', resumed: true },
      records: { delivered: expected.records.length - before.length, deliveredBefore: before.length },
    });
    expectDeadLetters(expected, hasUnreadable);
    expect(await status()).toMatchObject({
      ...{ state: 'finished', records: { delivered: expected.records.length } },
      deadLetters: expected.letters.length + (hasUnreadable ? 1 : 0),
    });
    if (!run.flags.includes('--aggregate')) {
      const stored = [...kinesis.records(OLD_STREAM)];
      expect(differences(expected.records.map(textOf), stored.map(textOf))).toEqual(new Map());
    }
    expect(readdirSync(dirname(journalPath())).filter((name) => name.endsWith('.journal'))).toHaveLength(1);
    const { ended, report } = await verify();
    expect(ended.exitCode, ended.stderr + ended.stdout).toBe(1);
    expect(report).toMatchObject({
      ...{ status: 'match-with-rejects', missing: 0, duplicated: 0, foreign: 0 },
      lines: { rejected: expected.letters.length },
      deadLetters: { file: deadLettersPath(), held: expected.letters.length, absent: 0, unclaimed: 0 },
      objects: { unreadable: hasUnreadable ? 1 : 0 },
    });
    expect(report.source.records).toBe(expected.records.length);
  });
});

it('verify holds the lines of a journal that does not say where its dead letters are against the file beside it, if there is one', async () => {
  const run = OLD_RUNS.find(({ name }) => name === 'finished')!;
  files = named();
  const { expected } = await open(run);
  const said = await verify();
  expect([said.ended.exitCode, said.report]).toMatchObject([
    1,
    {
      ...{ status: 'match-with-rejects', deadLetters: { file: null, held: 0, absent: 0 } },
      warnings: expect.arrayContaining([
        expect.stringMatching(/^The journal does not say .*give --dead-letter/),
      ]),
    },
  ]);
  const beside = join(folder, `${linesIn(journalPath())[0].run}.dead-letters.jsonl`);
  copyFileSync(deadLettersPath(), beside);
  expect((await verify()).report).toMatchObject({
    status: 'match-with-rejects',
    deadLetters: { file: beside, held: expected.letters.length, absent: 0, unclaimed: 0 },
  });
});
