/** Poison: lines that a schema never comes to an end with. They are dead letters; the run goes on, and so does verify. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { dataOf, runCommand, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

/** A pattern with a backreference stays with V8, which never ends on the poison. */
const SCHEMA = {
  properties: { s: { pattern: '^(a+)+-\\1$' }, t: { pattern: '^(a+)+$' }, deep: { $ref: '#/$defs/nest' } },
  $defs: { nest: { type: ['array', 'integer'], items: { $ref: '#/$defs/nest' } } },
};
const DEPTH = 100_000;
/** Beside busy processes a line takes its CPU time all the same. */
const TIMEOUT_MS = 120_000;
const HANGS = `{"s":"${'a'.repeat(40)}!"}`;
const FALLS = `{"deep":${'['.repeat(DEPTH)}1${']'.repeat(DEPTH)}}`;
const SLOW_ONCE = `{"t":"${'a'.repeat(40)}!"}`;

function linesOf(name: string): string[] {
  const lines = Array.from({ length: 3000 }, (_, i) => `{"o":"${name}","i":${i}}`);
  lines[0] = HANGS;
  lines[1500] = SLOW_ONCE;
  lines[2999] = FALLS;
  return lines;
}

it.each([
  { scanner: 'native', env: {} },
  { scanner: 'portable', env: { MILLRACE_SCANNER: 'portable' } },
])(
  'lines on which a schema hangs or falls are dead letters, and nothing else suffers: $scanner scanner',
  async ({ env }) => {
    const objects = [
      { key: 'p/plain.jsonl', body: Buffer.from(linesOf('plain').join('\n')) },
      { key: 'p/packed.jsonl.gz', body: gzipSync(linesOf('packed').join('\n')) },
    ];
    world = await World.open({ objects, shards: 2 });
    const schema = join(world.folder, 'schema.json');
    writeFileSync(schema, JSON.stringify(SCHEMA));
    const given = ['--schema', schema, '--max-depth', String(2 * DEPTH)];
    const { report, ended } = await world.report(given, { env, timeoutMs: TIMEOUT_MS });
    expect([ended.exitCode, report.lines.rejectedByCode], ended.stderr).toEqual([
      1,
      { POISON: 4, SCHEMA: 2 },
    ]);
    expect(report.lines).toMatchObject({ read: 6000, blank: 0, rejected: 6 });
    const good = ['plain', 'packed'].flatMap(linesOf).filter((line) => line.startsWith('{"o"'));
    expect(dataOf(world.records()).toSorted()).toEqual(good.toSorted());
    const letters = world
      .deadLetters()
      .map(({ code, data }) => [code, Buffer.from(data!, 'base64').toString()]);
    const expected = [
      ['POISON', HANGS],
      ['SCHEMA', SLOW_ONCE],
      ['POISON', FALLS],
    ];
    expect(letters.toSorted()).toEqual([...expected, ...expected].toSorted());

    const services = [
      '--s3-endpoint-url',
      world.s3.endpoint,
      '--kinesis-endpoint-url',
      world.kinesis.endpoint,
    ];
    const verified = await runCommand(['verify', '--journal', world.journal, '--json', ...services], {
      env,
      timeoutMs: TIMEOUT_MS,
    });
    expect(JSON.parse(verified.stdout), verified.stderr).toMatchObject({
      source: { records: good.length },
      missing: 0,
      foreign: 0,
    });
  },
  3 * TIMEOUT_MS,
);
