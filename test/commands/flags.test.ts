/** What the flags of backfill do: which objects, which limits, which output. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { scannerReason } from '../../src/scan/open.ts';
import { dataOf, runCommand, World } from './fixture.ts';

const OLD = new Date('2025-01-01T00:00:00Z');
const NEW = new Date('2026-01-01T00:00:00Z');
const OBJECTS = [
  { key: 'a/1.jsonl', modifiedAt: OLD },
  { key: 'a/2.log', modifiedAt: NEW },
  { key: 'b/3.jsonl', modifiedAt: NEW },
].map((object) => ({ ...object, body: Buffer.from(JSON.stringify(object.key)) }));
const BAD = [{ key: 'bad.jsonl', body: Buffer.from(`${'nope\n'.repeat(5)}${'{"a":1}\n'.repeat(2000)}`) }];

let world: World;
afterEach(() => world?.close());

it.each([
  { flags: [], keys: ['a/1.jsonl', 'a/2.log', 'b/3.jsonl'] },
  { flags: ['--include', '**/*.jsonl'], keys: ['a/1.jsonl', 'b/3.jsonl'] },
  { flags: ['--exclude', 'a/**'], keys: ['b/3.jsonl'] },
  { flags: ['--start-after', 'a/1.jsonl'], keys: ['a/2.log', 'b/3.jsonl'] },
  { flags: ['--modified-after', '2025-06-01'], keys: ['a/2.log', 'b/3.jsonl'] },
  { flags: ['--modified-before', '2025-06-01'], keys: ['a/1.jsonl'] },
  { flags: [], sources: ['s3://bucket/b/', 's3://bucket/a/2.log'], keys: ['a/2.log', 'b/3.jsonl'] },
  { flags: [], sources: ['-'], stdin: 's3://bucket/a/2.log\n', keys: ['a/2.log'] },
])('$flags $sources takes $keys', async ({ flags, keys, sources, stdin }) => {
  world = await World.open({ objects: OBJECTS, shards: 2 });
  const settings = { ...(sources && { sources }), ...(stdin !== undefined && { stdin }) };
  const { ended } = await world.report(flags, settings);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const found = dataOf(world.records()).map((data) => JSON.parse(data));
  expect(found.sort()).toEqual(keys);
});

it.each([
  { limit: '5', exitCode: 1 },
  { limit: '4', exitCode: 2 },
  { limit: '0.3%', exitCode: 1 },
  { limit: '0.2%', exitCode: 2 },
])('--max-rejects $limit of 5 bad lines among 2,005 ends with $exitCode', async ({ limit, exitCode }) => {
  world = await World.open({ objects: BAD, shards: 2 });
  const { report, ended } = await world.report(['--max-rejects', limit]);
  expect(ended.exitCode).toBe(exitCode);
  if (exitCode === 2) expect(report.error).toContain('--max-rejects');
});

it('--schema dead-letters what does not conform, with the reason and without the value', async () => {
  const body = Buffer.from('{"n":1}\n{"n":"hidden"}\n{}');
  world = await World.open({ objects: [{ key: 'a', body }], shards: 2 });
  const schema = join(world.folder, 'schema.json');
  writeFileSync(schema, '{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}');
  const { report, ended } = await world.report(['--schema', schema]);
  expect([ended.exitCode, report.lines.rejectedByCode]).toEqual([1, { SCHEMA: 2 }]);
  expect(dataOf(world.records())).toEqual(['{"n":1}']);
  const messages = world.deadLetters().map(({ message }) => message);
  expect(messages.join('\n')).toMatch(/\/n must be integer/);
  expect(messages.join('\n')).not.toContain('hidden');
});

it('--schema reads a file with a byte order mark, judges numbers by their digits and properties by the record alone', async () => {
  const good = ['{"p":19.99}', '{"p":0.94,"constructor":"Ada"}', '{"p":143.48}', '{"p":9007199254740993}'];
  const bad = ['{"p":19.999}', '{"constructor":7,"p":1}', '{"p":9007199254740994}', '{"toString":1}'];
  world = await World.open({
    objects: [{ key: 'a', body: Buffer.from([...good, ...bad].join('\n')) }],
    shards: 2,
  });
  const schema = join(world.folder, 'schema.json');
  const properties = '{"p":{"multipleOf":0.01,"maximum":9007199254740993},"constructor":{"type":"string"}}';
  writeFileSync(schema, `\ufeff{"properties":${properties},"required":["p"]}`);
  const { report, ended } = await world.report(['--schema', schema]);
  expect([ended.exitCode, report.lines.rejectedByCode], ended.stderr).toEqual([1, { SCHEMA: 4 }]);
  expect(dataOf(world.records()).sort()).toEqual(good.sort());
});

it('--dry-run counts everything and sends nothing', async () => {
  world = await World.open({ objects: BAD, shards: 2 });
  const { report, ended } = await world.report(['--dry-run']);
  expect([ended.exitCode, report.status], report.error ?? '').toEqual([1, 'dry-run']);
  expect(report.lines).toMatchObject({ read: 2005, rejected: 5 });
  expect([world.records(), world.kinesis.stats().requestsByOperation.PutRecords ?? 0]).toEqual([[], 0]);
});

it('--help shows flags by groups, those that a run cannot do without first', async () => {
  const { exitCode, stdout } = await runCommand(['backfill', '--help']);
  const headings = stdout.match(/^(?:[A-Z]+ )?FLAGS$/gm);
  const groups = ['OBJECT', 'RECORD', 'READING', 'SENDING', 'PROGRESS', 'RUN', 'OUTPUT', 'AWS'];
  expect([exitCode, headings]).toEqual([0, ['FLAGS', ...groups.map((group) => `${group} FLAGS`)]]);
  expect(stdout).toMatch(/\nFLAGS\n {2}--stream=NAME [^\n]*\n\n/);
});

it('--config gives flags, and the command line wins over it', async () => {
  world = await World.open({ objects: OBJECTS, shards: 2 });
  const config = join(world.folder, 'millrace.yaml');
  writeFileSync(config, 'include: ["a/**"]\nstream: nowhere\nappend-newline: true\n');
  const { ended } = await world.report(['--config', config]);
  expect(ended.exitCode).toBe(0);
  expect(dataOf(world.records()).sort()).toEqual(['"a/1.jsonl"\n', '"a/2.log"\n']);
});

it('--json prints one document with every field of the contract; --quiet keeps stderr empty', async () => {
  world = await World.open({ objects: OBJECTS, shards: 2 });
  const { report, ended } = await world.report();
  expect(ended.stderr).toBe('');
  expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1);
  const n = expect.any(Number);
  expect(report).toMatchObject({
    ...{ status: 'delivered', error: null, run: expect.any(String), resumed: false, stream: 'orders' },
    objects: { listed: 3, done: 3, skipped: 0, failed: 0 },
    lines: { read: 3, blank: 0, rejected: 0, rejectedByCode: {} },
    records: { delivered: 3, deliveredBefore: 0, ambiguous: 0 },
    bytes: { downloaded: n, scanned: n, published: n },
    requests: { get: 3, put: n, putRetried: 0, throttledRecords: 0 },
    ...{
      durationMs: n,
      cpuMs: n,
      rssMaxBytes: n,
      scanner: scannerReason() === null ? 'native' : 'portable',
      journal: world.journal,
      deadLetter: null,
    },
  });
});

it('says in one line what memory the run may take, in more with --verbose, and keeps within it', async () => {
  world = await World.open({ objects: OBJECTS, shards: 2 });
  const memory = (stderr: string) =>
    stderr.split('\n').filter((line) => /memory|^ +\d/.test(line) && !line.includes(' | '));
  const short = await world.backfill(['--json', '--parsers', '1', '--publishers', '1'], { isAlone: true });
  const { memory: said, rssMaxBytes } = JSON.parse(short.stdout);
  const [line, ...rest] = memory(short.stderr);
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  expect(line).toBe(
    `millrace: memory: up to ${mb(said.expectedBytes)} MB: buffers of ${mb(said.buffersBytes)} MB, of the 268 MB that --memory allows them; Node with 3 threads about ${mb(said.expectedBytes - said.buffersBytes)} MB`,
  );
  expect([rest, said.limitBytes]).toEqual([[], 256 << 20]);
  expect(rssMaxBytes).toBeGreaterThan(0);
  expect(rssMaxBytes).toBeLessThan(said.expectedBytes);
  const long = await world.backfill(['--verbose', '--restart', '--parsers', '1', '--publishers', '1']);
  const [first, ...buffers] = memory(long.stderr);
  // Five buffers, and what is left for the windows of zstd.
  expect([first, buffers.length]).toEqual([line, 6]);
  expect(long.stdout).toContain('  peak memory  ');
});

it('a flag that begins with --no- and that the command does not have is named as it was typed', async () => {
  world = await World.open({ shards: 1 });
  const ended = await world.backfill(['--no-colour', '--no-quiet']);
  expect(ended.exitCode).toBe(2);
  expect(ended.stderr).toBe(
    'millrace: Expected flags of this command, but received --no-colour. See --help.\n',
  );
});

it('what the command does not have is named as it was typed, all of it at once', async () => {
  world = await World.open({ shards: 1 });
  const typed = ['-x', '-xyz', '--__proto__=1', '--no-stream', '--no-such=1', '---y', '-5'];
  const ended = await world.backfill(typed);
  const named = typed.map((word) => word.replace(/=.*/, ''));
  expect([ended.exitCode, ended.stderr.match(/(?<=received )\S+(?=\. See --help)/g)]).toEqual([2, named]);
});

it('no flag is taken for the value of the one in front of it, and a value may still begin with hyphens behind =', async () => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  const swallowed = await world.backfill(['--where', '--restart', '--include', '--dry-run', '--rate']);
  expect([swallowed.exitCode, swallowed.stderr]).toEqual([
    2,
    [
      'Expected --where to be text that is not empty, but received nothing.',
      'Expected --include to be a list of texts, but received nothing.',
      'Expected --rate to be a rate like 20MiB/s or 5000/s, but received nothing.',
    ]
      .map((line) => `millrace: ${line}\n`)
      .join(''),
  ]);
  const { ended } = await world.report(['--start-after=--z', '--exclude', '-x', '--exclude', 'b/**']);
  expect([ended.exitCode, dataOf(world.records()).sort()]).toEqual([0, ['"a/1.jsonl"', '"a/2.log"']]);
});

it.each([
  { flag: '--dry-run=false', exitCode: 0, sent: 3 },
  { flag: '--dry-run=true', exitCode: 0, sent: 0 },
  { flag: '--dry-run=', exitCode: 2, sent: 0 },
  { flag: '--json=yes', exitCode: 2, sent: 0 },
  { flag: '--quiet=0', exitCode: 2, sent: 0 },
  { flag: '--config=', exitCode: 2, sent: 0 },
])('a switch may be told true or false, and nothing else: $flag', async ({ flag, exitCode, sent }) => {
  world = await World.open({ objects: OBJECTS, shards: 1 });
  const ended = await world.backfill([flag]);
  expect([ended.exitCode, world.records().length]).toEqual([exitCode, sent]);
  if (exitCode === 2)
    expect(ended.stderr).toMatch(/^millrace: Expected --[a-z-]+ to be .*, but received "[^"]*"\.\n$/);
});

it.each([
  { words: ['help'], says: /^Carries JSONL/ },
  { words: ['-h'], says: /^Carries JSONL/ },
  { words: ['help', 'status'], says: /millrace status/ },
  { words: ['status', '-h'], says: /millrace status/ },
  { words: ['version'], says: /^millrace\/\d/ },
])('$words is help', async ({ words, says }) => {
  const ended = await runCommand(words);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(ended.stdout).toMatch(says);
});

it.each([
  { words: ['backfil'], received: 'backfil', hint: ' Did you mean backfill?' },
  { words: ['help', 'nowhere'], received: 'nowhere', hint: '' },
  { words: ['--json', 'status'], received: '--json', hint: '' },
])(
  '$words names no command: those that there are, and the nearest one',
  async ({ words, received, hint }) => {
    const ended = await runCommand(words);
    const commands = 'backfill, bench, completion, demo, preview, redrive, status, verify';
    expect([ended.exitCode, ended.stderr]).toEqual([
      2,
      `millrace: Expected a command, ${commands}, but received ${received}. See --help.${hint}\n`,
    ]);
  },
);

it.each([
  { words: ['status', '.millrace/a.journal'], says: 'Name the journal with --journal.' },
  { words: ['status', '--stream', 'x'], says: 'received --stream.' },
  { words: ['demo', '--stream', 'mine'], says: 'received --stream.' },
  { words: ['demo', 's3://bucket/'], says: 'brings its own source' },
])(
  '$words is refused before anything starts: nothing that was typed is passed over',
  async ({ words, says }) => {
    const ended = await runCommand(words);
    expect([ended.exitCode, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toContain(says);
  },
);
