/** What is refused at resume: the real command says, word by word, what docs/JOURNAL.md says. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEntry } from '../../src/journal/entries.ts';
import { takeLock } from '../../src/journal/lock.ts';
import { BUCKET, runCommand, STREAM, World } from './fixture.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'JOURNAL.md'), 'utf8');
const SECTION = PAGE.slice(PAGE.indexOf('## What is refused at resume')).split('\n## ')[0]!;
const DOTS = 'Cannot use the journal F:';

/** What is found, and the lines that are said. */
const ROWS = new Map(
  [...SECTION.matchAll(/^\| (.*?) \| (`.*`) \|$/gm)].map(([, found, message]) => [
    found!,
    Array.from(message!.matchAll(/`([^`]+)`/g), ([, text]) => text!.replace(/^\.\.\./, DOTS)),
  ]),
);

const GOOD = Buffer.from(Array.from({ length: 40 }, (_, i) => `{"id":${i}}\n`).join(''));
const BAD = Buffer.from('no\nJSON\nat\nall\nin\nthese\nlines\nnot\none\n');
const BOOT = '/proc/sys/kernel/random/boot_id';
const hasFifo = spawnSync('mkfifo', ['--version']).status === 0;
const whyNoFifo = hasFifo ? '' : ' (not run: no mkfifo)';

let world: World;
beforeEach(async () => {
  world = await World.open({
    objects: [
      { key: 'p/a.jsonl', body: GOOD },
      { key: 'p/b.jsonl', body: BAD },
    ],
    shards: 2,
  });
});
afterEach(() => world.close());

const SOURCES = [`s3://${BUCKET}/p/`];
const backfill = (flags: readonly string[] = []) =>
  world.backfill([...flags, '--quiet'], { sources: SOURCES });
const begin = async (flags: readonly string[] = []) => expect((await backfill(flags)).exitCode).toBe(1);
const status = async () =>
  JSON.parse((await runCommand(['status', '--journal', world.journal, '--json'])).stdout);
const journalLines = () => readFileSync(world.journal, 'utf8').split('\n');

/** What another run of this test may have said otherwise, in the page's words. */
const asOnPage = (text: string) =>
  text
    .replaceAll(world.journal, 'F')
    .replaceAll(world.letters, 'D')
    .replaceAll(join(world.folder, 'J'), 'J')
    .replaceAll(/\borders-[0-9a-f]{8}\b/g, 'orders-1d2ab4ac')
    .replaceAll(`process ${process.pid} `, 'process 71 ')
    .replaceAll(/"?\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');

function bootId(): string {
  return existsSync(BOOT) ? readFileSync(BOOT, 'utf8').trim() : '';
}

interface Case {
  readonly found: string;
  /** Leaves the files as they are found. */
  readonly prepare: () => unknown;
  readonly flags?: readonly string[];
  /** Why it is not run here, if it is not. */
  readonly whyNot?: string;
}

const CASES: readonly Case[] = [
  {
    found: 'another process works with it',
    prepare: () => takeLock(world.journal),
  },
  {
    found: 'the same on another host',
    prepare: () => writeFileSync(`${world.journal}.lock`, JSON.stringify({ ...HOLDER, host: 'H' })),
  },
  {
    found: 'the same in another container, where nothing better is known',
    prepare: () => {
      const holder = { ...HOLDER, host: hostname(), boot: bootId(), pidNamespace: 'pid:[1]' };
      writeFileSync(`${world.journal}.lock`, JSON.stringify(holder));
    },
    whyNot: bootId() === '' ? ' (not run: this machine names no boot)' : '',
  },
  { found: "another run's", prepare: () => begin(['--partition-key', '/id']) },
  {
    found: 'a newer format',
    prepare: () => {
      const header = { kind: 'run', version: 3, run: 'r', identity: {}, digestKey: '' } as const;
      writeFileSync(world.journal, encodeEntry(header, 1, 0));
    },
  },
  {
    found: 'a stream that was deleted and made again',
    prepare: async () => {
      await begin();
      world.kinesis.call('DeleteStream', { StreamName: STREAM });
      world.kinesis.call('CreateStream', { StreamName: STREAM, ShardCount: 2 });
    },
  },
  {
    found: 'damage with sound lines behind it',
    prepare: async () => {
      await begin();
      await begin();
      const lines = journalLines();
      lines[6] = lines[6]!.replace(/"at":\d/, '"at":0');
      writeFileSync(world.journal, lines.join('\n'));
    },
  },
  { found: 'an empty file', prepare: () => writeFileSync(world.journal, '') },
  { found: 'another file', prepare: () => writeFileSync(world.journal, 'Dear diary,\nit rains.\n') },
  {
    found: 'a pipe, a device',
    prepare: () => execFileSync('mkfifo', [world.journal]),
    whyNot: whyNoFifo,
  },
  {
    found: "`--restart` on someone else's file",
    prepare: () => writeFileSync(world.journal, 'Dear diary,\nit rains.\n'),
    flags: ['--restart'],
  },
  {
    found: 'a symbolic link',
    prepare: () => {
      writeFileSync(join(world.folder, 'elsewhere'), 'x');
      symlinkSync(join(world.folder, 'elsewhere'), world.journal);
    },
  },
  { found: 'a folder', prepare: () => mkdirSync(world.journal) },
  {
    found: "a draft's name that is taken",
    prepare: () => writeFileSync(`${world.journal}.new`, 'Dear diary,\nit rains.\n'),
  },
  {
    found: 'dead letters of another run',
    prepare: () => begin(['--journal', join(world.folder, 'J')]),
  },
  {
    found: "dead letters that are not this run's",
    prepare: async () => {
      await begin();
      const letters = readFileSync(world.letters, 'utf8').split('\n');
      writeFileSync(world.letters, `${letters.slice(0, 4).join('\n')}\n`);
    },
  },
  {
    found: 'a file of something else in their place',
    prepare: async () => {
      await begin();
      writeFileSync(world.letters, 'Dear diary,\nit rains.\n');
    },
  },
];
const HOLDER = { boot: 'b', pid: 71, start: null, token: 't' };

it('every row of the page has its case here, and no case is without a row', () => {
  expect([...ROWS.keys()].sort()).toEqual(CASES.map(({ found }) => found).sort());
});

describe('is refused in the words of the page, exit 2, and left as it is:', () => {
  for (const { found, prepare, flags = [], whyNot = '' } of CASES) {
    it.skipIf(whyNot !== '')(`${found}${whyNot}`, async () => {
      await prepare();
      const stored = world.records().length;
      const isAboutDeadLetters = ROWS.get(found)![0]!.includes('D:');
      const path = isAboutDeadLetters ? world.letters : world.journal;
      const isFile = existsSync(path) && lstatSync(path).isFile();
      const before = isFile ? readFileSync(path) : null;
      const ended = await backfill(flags);
      expect([ended.exitCode, ended.stdout]).toEqual([2, '']);
      const said = ended.stderr
        .trimEnd()
        .split('\n')
        .map((line) => asOnPage(line.replace(/^millrace: /, '')));
      expect(said).toEqual(ROWS.get(found)!.map(asOnPage));
      if (before !== null) expect(readFileSync(path, 'latin1')).toBe(before.toString('latin1'));
      if (isAboutDeadLetters) expect((await status()).state).toBe('stopped');
      expect(world.records().length).toBe(stored);
    });
  }
});

it("the command in the refusal of another run's journal resumes that run and sends nothing twice", async () => {
  await begin(['--partition-key', '/id']);
  const stored = world.records().length;
  const { stderr } = await backfill();
  const command = /: millrace (.*)$/m.exec(stderr)![1]!.split(' ');
  const endpoints = [
    '--s3-endpoint-url',
    world.s3.endpoint,
    '--kinesis-endpoint-url',
    world.kinesis.endpoint,
  ];
  const again = await runCommand(
    [...command, ...endpoints, '--dead-letter', world.letters, '--json', '--quiet'],
    {
      cwd: world.folder,
    },
  );
  expect([again.exitCode, world.records().length]).toEqual([1, stored]);
  expect(JSON.parse(again.stdout)).toMatchObject({ resumed: true, records: { delivered: 0 } });
});

const READERS = [
  { command: 'status', args: () => [] },
  { command: 'verify', args: () => ['--kinesis-endpoint-url', world.kinesis.endpoint] },
];
const UNREADABLE = [
  { name: 'no file', prepare: () => {}, why: 'no such file (ENOENT)' },
  {
    name: 'an empty file',
    prepare: () => writeFileSync(world.journal, ''),
    why: 'it is empty, and a journal never is',
  },
  {
    name: 'another file',
    prepare: () => writeFileSync(world.journal, '{"a":1}\n'),
    why: 'it is not a journal of Millrace',
  },
  {
    name: 'dead letters',
    prepare: async () => {
      await begin();
      copyFileSync(world.letters, world.journal);
    },
    why: 'it is not a journal of Millrace',
  },
  { name: 'a folder', prepare: () => mkdirSync(world.journal), why: 'it is not a regular file' },
  {
    name: 'a journal of a newer format',
    prepare: CASES.find(({ found }) => found === 'a newer format')!.prepare,
    why: 'it has format 3, this program knows formats up to 2. Use the program that wrote it, or a newer one',
  },
];
it.each(READERS.flatMap((reader) => UNREADABLE.map((found) => ({ ...reader, ...found }))))(
  '$command says why it cannot read $name, and calls nothing damaged',
  async ({ command, args, prepare, why }) => {
    await prepare();
    const ended = await runCommand([command, '--journal', world.journal, ...args()], { cwd: world.folder });
    expect([ended.exitCode, ended.stdout, ended.stderr]).toEqual([
      2,
      '',
      `millrace: Cannot read the journal ${world.journal}: ${why}\n`,
    ]);
  },
);

it.skipIf(!hasFifo)(`status does not wait for a pipe${whyNoFifo}`, async () => {
  rmSync(world.journal, { force: true });
  execFileSync('mkfifo', [world.journal]);
  const ended = await runCommand(['status', '--journal', world.journal]);
  expect([ended.exitCode, ended.stderr]).toEqual([
    2,
    `millrace: Cannot read the journal ${world.journal}: it is not a regular file\n`,
  ]);
});

it('redrive says that it was given a journal', async () => {
  await begin();
  const args = [
    'redrive',
    world.journal,
    '--stream',
    STREAM,
    '--kinesis-endpoint-url',
    world.kinesis.endpoint,
  ];
  const ended = await runCommand(args, { cwd: world.folder });
  const [header] = journalLines();
  const { run } = JSON.parse(header!);
  expect([ended.exitCode, ended.stdout, ended.stderr]).toEqual([
    2,
    '',
    `millrace: Cannot send ${world.journal}: it is the journal of run "${run}", not its dead-letter file.\n`,
  ]);
});
