/** `preview`: what a run would make of the first lines, held against what a run does make of them. */
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import type { PreviewLine } from '../../src/observe/preview.ts';
import { runCommand, World } from './fixture.ts';
import { hasPython, openTerminal, whyNoTerminal } from './terminal.ts';

let world: World;
afterEach(() => world?.close());

const KEY = 'a key of the tests, no secret';
const LINES = [
  '\ufeff{"id":1,"mail":"a@example.org","at":1.50e1}',
  '{"id":2,  "mail":"b@example.org"}\r',
  '',
  'no JSON',
  '{"id":"3"}',
  '{"id":100,"mail":"c"}',
  '{"name":"without an id"}',
  '{"id":4,"mail":"日本\\u001b[31m\u202e"}',
];
const BODY = Buffer.from(LINES.join('\n'));
const FLAGS = [
  '--where',
  'record.id < 100',
  '--hash',
  '/mail',
  '--set',
  '/src="s3"',
  '--partition-key',
  '/id',
];

async function preview(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const args = ['preview', 's3://bucket/', '--s3-endpoint-url', world.s3.endpoint, ...flags];
  return await runCommand(args, { cwd: world.folder, env: { MILLRACE_HASH_KEY: KEY, ...env } });
}

const linesIn = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as PreviewLine);

it.each([{ env: {} }, { env: { MILLRACE_SCANNER: 'portable' } }])(
  'as JSON it has an object a line, with what a run sends of it, or why it does not: $env',
  async ({ env }) => {
    world = await World.open({
      objects: [
        { key: 'a.gz', body: gzipSync(BODY) },
        { key: 'b', body: BODY },
      ],
      shards: 1,
    });
    const ended = await preview([...FLAGS, '--json'], env as Record<string, string>);
    expect([ended.exitCode, ended.stderr]).toEqual([1, '']);
    const lines = linesIn(ended.stdout);
    expect(lines).toHaveLength(16);
    expect(lines.slice(8).map(({ key, offset }) => [key, offset])).toEqual(
      lines.slice(0, 8).map(({ offset }) => ['b', offset]),
    );
    const hashed = createHmac('sha256', KEY).update('a@example.org').digest('hex');
    expect(lines[0]).toEqual({
      ...{ line: 1, bucket: 'bucket', key: 'a.gz', etag: lines[0]!.etag, offset: 0, outcome: 'sent' },
      ...{ length: Buffer.byteLength(LINES[0]!), stage: null, code: null, reason: null },
      before: { text: LINES[0], base64: null },
      records: [
        {
          ...{ partitionKey: '1', explicitHashKey: null, base64: null },
          text: `{"id":1,"mail":"${hashed}","at":1.50e1,"src":"s3"}`,
        },
      ],
    });
    expect(lines[1]!.before.text).toBe('{"id":2,  "mail":"b@example.org"}');
    expect(
      lines.slice(2, 7).map(({ outcome, stage, code, reason }) => [outcome, stage, code, reason]),
    ).toEqual([
      ['blank', null, null, null],
      ['rejected', null, 'INVALID_JSON', 'The line is not valid JSON'],
      ['rejected', null, 'FILTER', expect.stringContaining('no answer')],
      ['filtered', 'where', null, 'the condition is not true for it'],
      ['filtered', 'where', null, 'it lacks a field that the condition asks for'],
    ]);
    // A run sends exactly that.
    const run = await world.report(FLAGS, { env: { MILLRACE_HASH_KEY: KEY } });
    const sent = world.records().map(({ partitionKey, data }) => `${partitionKey} ${data}`);
    const shown = lines.flatMap(({ records }) =>
      records.map(({ partitionKey, text }) => `${partitionKey} ${text}`),
    );
    expect(shown.toSorted()).toEqual(sent.toSorted());
    expect(run.report.lines).toMatchObject({ read: 16, blank: 2, filtered: 4, rejected: 4 });
  },
);

it('shows twenty lines, or as many as --limit says, with a run’s own command line and configuration', async () => {
  const body = Buffer.from('{"id":1}\n'.repeat(50));
  world = await World.open({ objects: [{ key: 'a', body }] });
  const config = join(world.folder, 'run.yaml');
  writeFileSync(config, `stream: orders\nin-flight: 4\nsample: 50%\n`);
  const first = await preview(['--config', config, '--json']);
  expect([first.exitCode, linesIn(first.stdout).length]).toEqual([0, 20]);
  const outcomes = linesIn(first.stdout).map(({ outcome, stage }) => `${outcome} ${stage}`);
  expect([...new Set(outcomes)].toSorted()).toEqual(['filtered sample', 'sent null']);
  const more = await preview(['--config', config, '--limit', '45', '--stream', 'x', '--dry-run']);
  expect(more.stdout.trimEnd().split('\n').at(-1)).toMatch(
    /^45 lines, \d+ records, \d+ filtered; more lies behind them$/,
  );
  expect(world.s3.stats().requestsByOperation.PutObject).toBeUndefined();
});

it('takes objects from stdin, and names one that cannot be read', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('1\n') }] });
  const args = ['preview', '-', '--s3-endpoint-url', world.s3.endpoint];
  const ended = await runCommand(args, { stdin: 's3://bucket/none\ns3://bucket/a\n' });
  expect(ended.exitCode, ended.stderr).toBe(1);
  const asJson = await runCommand([...args, '--json'], { stdin: 's3://bucket/none\ns3://bucket/a\n' });
  expect(linesIn(asJson.stdout)).toMatchObject([
    { line: 1, key: 'a', outcome: 'sent' },
    { line: null, bucket: 'bucket', key: 'none', code: 'OBJECT_UNREADABLE', outcome: 'unreadable' },
  ]);
  expect(ended.stdout).toMatch(
    /^1 s3:\/\/bucket\/a byte 0\n.*\n.*\n.*unchanged\ns3:\/\/bucket\/none: OBJECT_UNREADABLE: .*\n1 line, /,
  );
});

it.each([
  { name: 'a condition that means nothing', flags: ['--where', 'record.'], says: /--where/ },
  { name: 'no such bucket', sources: ['s3://nowhere/'], says: /NoSuchBucket/ },
  { name: 'a flag that nobody has', flags: ['--wher', 'x'], says: /--wher/ },
])('ends with 2 for $name, as JSON too', async ({ flags = [], sources = ['s3://bucket/'], says }) => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('1\n') }] });
  const args = ['preview', ...sources, '--s3-endpoint-url', world.s3.endpoint, ...flags, '--json'];
  const ended = await runCommand(args);
  expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringMatching(says)]);
  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', exitCode: 2 });
});

it('ends with the signal’s code while it waits for an object', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('1\n') }] });
  world.s3.setFaults([{ kind: 'stall' }]);
  const interrupt = { when: () => world.s3.stats().faultsFired.stall === 1, signals: ['SIGTERM' as const] };
  const args = ['preview', 's3://bucket/', '--s3-endpoint-url', world.s3.endpoint];
  const ended = await runCommand(args, { interrupt });
  expect([ended.exitCode, ended.stderr]).toEqual([143, expect.stringContaining('nothing was sent')]);
});

it.skipIf(!hasPython)(
  `a terminal gets colours of ours and nothing that a line brings${whyNoTerminal}`,
  async () => {
    world = await World.open({
      objects: [{ key: 'a', body: Buffer.from('\u001b]0;owned\u0007\n{"a":1,"b":"\u202e"}\n') }],
    });
    const terminal = openTerminal(
      ['preview', 's3://bucket/', '--s3-endpoint-url', world.s3.endpoint, '--drop', '/a', '--quiet'],
      world.folder,
    );
    expect(await terminal.ended()).toContain('exit 1');
    const shown = terminal.shown();
    expect(shown).toContain('\u001b[31m"a":1,\u001b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what is left beside colours and the cursor.
    const rest = shown.replace(/\u001b\[(\d+m|\?25h|\d*[GK])/g, '').replaceAll('\r\n', '\n');
    expect(rest).not.toMatch(/[^\n\P{Cc}]|[\u202a-\u202e]/u);
  },
);

it('shows what transforms make of a line: several records, none, or a dead letter, and bytes as they are', async () => {
  const body = Buffer.from(['{"i":1}', '{"i":2}', '{"i":3}', '{"i":4}', '{"i":5}', '{"i":9}'].join('\n'));
  world = await World.open({ objects: [{ key: 'a', body }], shards: 1 });
  const modules = [
    `export default ({ i }) => {
      if (i === 2) throw new TypeError('two');
      return i === 1 ? [{ i, n: 0 }, { i, n: 1 }] : i === 3 ? undefined : i === 5 ? Uint8Array.of(0xff, 0x0a) : { i };
    }`,
    'export const second = { record: (value) => (value.i === 4 ? null : value) };',
  ].map((text, i) => {
    const path = join(world.folder, `transform-${i}.mjs`);
    writeFileSync(path, text);
    return path;
  });
  const flags = [
    '--transform',
    modules[0]!,
    '--transform',
    `${modules[1]}#second`,
    '--where',
    'record.i < 9',
  ];
  const ended = await preview([...flags, '--json']);
  expect([ended.exitCode, ended.stderr]).toEqual([1, '']);
  const lines = linesIn(ended.stdout);
  const told = lines.map(({ outcome, stage, code, reason }) => [outcome, stage, code, reason]);
  expect(told).toEqual([
    ['sent', null, null, null],
    ['rejected', null, 'TRANSFORM', 'Stage 1 use failed: TypeError: two'],
    ['filtered', '1 use', null, 'it gives nothing for it'],
    ['filtered', '2 use', null, 'it gives nothing for it'],
    ['sent', null, null, null],
    ['filtered', 'where', null, 'the condition is not true for it'],
  ]);
  expect(lines[0]!.records.map(({ text }) => text)).toEqual(['{"i":1,"n":0}', '{"i":1,"n":1}']);
  expect(lines[4]!.records).toMatchObject([{ text: null, base64: '/wo=' }]);
  // A run sends exactly that, and its report has the figures of each stage.
  const { report } = await world.report(flags);
  const shown = lines.flatMap(({ records }) =>
    records.map(
      ({ partitionKey, text, base64 }) =>
        `${partitionKey} ${base64 ?? Buffer.from(text!).toString('base64')}`,
    ),
  );
  const sent = world.records().map(({ partitionKey, data }) => `${partitionKey} ${data.toString('base64')}`);
  expect(shown.toSorted()).toEqual(sent.toSorted());
  expect(report.stages).toEqual([
    {
      label: 'where',
      in: 6,
      out: 5,
      dropped: 1,
      failed: 0,
      timeMs: expect.toBeOneOf([null, expect.any(Number)]),
    },
    { label: '1 use', in: 5, out: 4, dropped: 1, failed: 1, timeMs: expect.any(Number) },
    // Bytes go past it.
    { label: '2 use', in: 3, out: 2, dropped: 1, failed: 0, timeMs: expect.any(Number) },
  ]);
});

it('of a line that is too long its beginning is shown, and lines that take more than --memory are refused', async () => {
  const long = Buffer.alloc(5 << 20, 'x');
  const lines = [
    ...Array.from({ length: 40 }, () => Buffer.concat([long, Buffer.from('\n')])),
    Buffer.from('1\n'),
  ];
  world = await World.open({ objects: [{ key: 'a', body: Buffer.concat(lines) }] });
  const ended = await preview(['--limit', '2', '--json']);
  expect(ended.exitCode, ended.stderr).toBe(1);
  const [first] = linesIn(ended.stdout);
  expect(first).toMatchObject({ length: 5 << 20, outcome: 'rejected', code: 'RECORD_TOO_LARGE' });
  expect(first!.before.text).toHaveLength(2 << 20);
  const refused = await preview(['--limit', '40', '--memory', '64MiB']);
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    expect.stringContaining('Expected --limit to be smaller: the first lines take more than the'),
  ]);
}, 120_000);

it('says nothing on stdout where there is nothing, so that no line of it has to be left out', async () => {
  world = await World.open({ objects: [] });
  const ended = await preview(['--allow-empty', '--json']);
  expect([ended.exitCode, ended.stdout, ended.stderr]).toEqual([0, '', '']);
});

it('shows what stages of a configuration make of a line, with tables, and calls each by its place', async () => {
  const hosts = [
    { host: 'a', region: 'eu' },
    { host: 'b', region: 'us' },
  ];
  const lines = ['error', 'warn', 'info', 'error'].map((level, i) =>
    JSON.stringify({ level, host: 'aabc'[i], mail: 'x@example.org', message: `m${i}` }),
  );
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from(lines.join('\n')) }] });
  writeFileSync(
    join(world.folder, 'hosts.csv'),
    ['host,region', ...hosts.map(({ host, region }) => `${host},${region}`)].join('\n'),
  );
  const config = join(world.folder, 'run.yaml');
  const stages = [
    'where: record.level in ["warn", "error"]',
    'enrich: { table: hosts.csv, on: /host, into: /machine, on-missing: drop }',
    'drop: /mail',
    'format: "{/level} {/machine/region}: {/message}"',
  ];
  writeFileSync(config, `stages:\n${stages.map((stage) => `  - ${stage}\n`).join('')}`);
  const ended = await preview(['--config', config, '--json']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  const told = linesIn(ended.stdout).map(({ outcome, stage, records }) => [
    outcome,
    stage,
    records[0]?.text ?? null,
  ]);
  expect(told).toEqual([
    ['sent', null, 'error eu: m0'],
    ['sent', null, 'warn eu: m1'],
    ['filtered', 'where', null],
    ['filtered', '2 enrich', null],
  ]);
  const { report } = await world.report(['--config', config]);
  const figures = report.stages.map((one) => [one.label, one.in, one.out, one.dropped, one.failed]);
  expect(figures).toEqual([
    ['where', 4, 3, 1, 0],
    ['2 enrich', 3, 2, 1, 0],
    ['3 drop', 2, 2, 0, 0],
    ['4 format', 2, 2, 0, 0],
  ]);
});

it('shows each of many lines with the one record that it becomes, however often the memory between the threads is filled', async () => {
  const count = 50_000;
  const body = Array.from({ length: count }, (_, i) => `{"id":${i},"text":"${'x'.repeat(i % 60)}"}\n`).join(
    '',
  );
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from(body) }], shards: 1 });
  const ended = await preview(['--limit', String(count), '--json', '--partition-key', '/id']);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const lines = linesIn(ended.stdout);
  expect(lines).toHaveLength(count);
  const odd = lines.filter(
    ({ records, before }, i) =>
      records.length !== 1 || records[0]!.text !== before.text || records[0]!.partitionKey !== String(i),
  );
  expect(odd.slice(0, 3)).toEqual([]);
});
