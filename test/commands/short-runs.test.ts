/** A short run starts few threads, and is as good as any other: what it sends, what it refuses, how it stops. With the real command. */
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { ENGINE } from '../../src/base/limits.ts';
import { dataOf, differences, linesOf, type RunSettings, World } from './fixture.ts';

const LINES = clicks({ seed: 17, lineCount: 3_000 });
const POISON = 'the record that nobody takes';
let world: World;
afterEach(() => world?.close());

const open = async (body: Buffer = LINES) => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 4 });
};

/** Says at the end how many threads there were, besides the first one. */
const COUNTING = `data:text/javascript,${encodeURIComponent(
  `import { isMainThread } from 'node:worker_threads';
  let count = 0;
  process.on('worker', () => count++);
  if (isMainThread) process.on('exit', () => console.error('threads ' + count));`,
)}`;

async function reportWithThreads(flags: readonly string[], settings: RunSettings = {}) {
  const env = { ...settings.env, NODE_OPTIONS: `--import=${COUNTING}` };
  const { report, ended } = await world.report(flags, { ...settings, env });
  return { report, ended, threads: Number(/^threads (\d+)$/m.exec(ended.stderr)?.[1]) };
}

it.each([
  { name: 'starts one thread, which parses', flags: ['--parsers', '4'], threads: 1 },
  {
    name: 'starts as many senders as it is told',
    flags: ['--parsers', '1', '--publishers', '3'],
    threads: 4,
  },
  { name: 'starts one thread also for a dry run', flags: ['--parsers', '4', '--dry-run'], threads: 1 },
])('$name, and everything is delivered', async ({ flags, threads: expected }) => {
  await open();
  const { report, ended, threads } = await reportWithThreads(flags);
  expect([ended.exitCode, threads]).toEqual([0, expected]);
  const isDry = flags.includes('--dry-run');
  expect(report.records.delivered).toBe(isDry ? 0 : linesOf(LINES).length);
  expect(differences(isDry ? [] : linesOf(LINES), dataOf(world.records()))).toEqual(new Map());
});

it('a run that has more to send than is short gets threads that send', async () => {
  const line = `${JSON.stringify({ u: 'a', text: 'x'.repeat(60_000) })}\n`;
  const count = Math.ceil((ENGINE.sendHereBytesMax + 1) / line.length);
  await open(Buffer.from(line.repeat(count)));
  const { report, threads } = await reportWithThreads(['--parsers', '1']);
  expect([report.records.delivered, threads]).toEqual([count, 2]);
});

it('one that goes on starts no thread that sends where nothing is left', async () => {
  await open();
  expect((await reportWithThreads(['--parsers', '1', '--publishers', '1'])).threads).toBe(2);
  const { report, threads } = await reportWithThreads(['--parsers', '1']);
  expect([report.resumed, report.records.delivered, threads]).toEqual([true, 0, 1]);
});

it('records that the service refuses are dead letters, byte by byte', async () => {
  const lines = linesOf(LINES).map((line, n) =>
    n % 1_000 === 7 ? line.replace('{', `{"poison":"${POISON} ${n}",`) : line,
  );
  const isGood = (line: string) => !line.includes(POISON);
  await open(Buffer.from(lines.join('\n'), 'latin1'));
  world.kinesis.setFaults([
    { kind: 'error', name: 'refused', code: 'ValidationException', containing: POISON },
  ]);
  const { report, ended, threads } = await reportWithThreads(['--parsers', '1', '--batch-records', '50']);
  expect(world.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
  expect([ended.exitCode, report.status, threads]).toEqual([1, 'delivered-with-rejects', 1]);
  expect(differences(lines.filter(isGood), dataOf(world.records()))).toEqual(new Map());
  const letters = world.deadLetters().map(({ data }) => Buffer.from(data!, 'base64').toString('latin1'));
  expect(letters.sort()).toEqual(lines.filter((line) => !isGood(line)).sort());
});

it('what was found is sent while more names may come on standard input', async () => {
  const keys = Array.from({ length: 40 }, (_, n) => `${n}.jsonl`);
  world = await World.open({ objects: keys.map((key) => ({ key, body: Buffer.from('{"a":1}') })) });
  const { ended, threads } = await reportWithThreads(['--parsers', '1'], {
    ...{ sources: ['-'], stdin: keys.map((key) => `s3://bucket/${key}\n`).join(''), isStdinOpen: true },
    interrupt: { when: () => world.records().length > 0, signals: ['SIGINT'] },
  });
  expect([ended.exitCode, threads]).toEqual([130, 2]);
});

it('a signal stops it in good order, and the same command sends the rest, nothing twice', async () => {
  await open();
  world.kinesis.setFaults([{ kind: 'delay', name: 'slow', delayMs: 150 }]);
  const flags = ['--parsers', '1', '--in-flight', '1', '--batch-records', '100'];
  const when = () => world.records().length > 0;
  const first = await reportWithThreads(flags, { interrupt: { when, signals: ['SIGINT'] } });
  expect([first.ended.exitCode, first.report.status, first.threads]).toEqual([130, 'interrupted', 1]);
  const sent = world.records().length;
  expect(sent).toBeLessThan(linesOf(LINES).length);
  world.kinesis.setFaults([]);
  const second = await reportWithThreads(flags);
  expect([second.ended.exitCode, second.report.records.delivered]).toEqual([
    0,
    linesOf(LINES).length - first.report.records.delivered,
  ]);
  expect(differences(linesOf(LINES), dataOf(world.records()))).toEqual(new Map());
});
