/** Which objects, whatever they are called: docs/RELIABILITY.md, row 22, and the choice among them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { BUCKET, dataOf, differences, linesFrom, linesOf, World } from './fixture.ts';

const NOTHING = new Map();
let world: World;
afterEach(() => world?.close());

async function open(...given: Parameters<typeof World.withObjects>) {
  world = await World.withObjects(...given);
}

describe('row 22: hostile names', () => {
  it('50 of them: read and named exactly, and nothing is written but in the run’s own files', async () => {
    const names = [
      ...[
        '../up',
        'a/../../../up',
        '..',
        '.',
        './x',
        '/',
        '//',
        '/etc/passwd',
        'C:\\x',
        '\\\\host\\x',
        '~/x',
        '-rf',
      ],
      ...[
        'nul\0name',
        'line\nbreak',
        'cr\rname',
        'tab\t',
        '\x1b[31mred',
        '\x07bell',
        '\u202ertl',
        '\ufeffbom',
        '\u0085',
      ],
      ...[
        '%',
        '%2e%2e%2f',
        '%00',
        '+',
        'a b',
        ' lead',
        'trail ',
        '?q=1',
        '#f',
        '&amp;',
        '<x>',
        '"',
        "'",
        '`',
        '$(x)',
      ],
      ...[
        '\u{1f600}',
        'ü',
        'u\u0308',
        '\uffee',
        'e'.repeat(1024),
        '好'.repeat(341),
        '*',
        '[a]',
        '{a,b}',
        '!x',
        ';',
        '|',
      ],
      ...['s3://other/key', '__proto__', 'constructor', 'CON', 'a/', 'null', '0'],
    ];
    expect(names.length).toBeGreaterThanOrEqual(50);
    const contents = new Map(
      names.map((name) => [name, Buffer.concat([linesFrom(name, 3), Buffer.from('bad\n')])]),
    );
    await open(contents);
    const { report, ended } = await world.report();
    expect([ended.exitCode, report.objects.done]).toEqual([1, names.length]);
    expect(world.codesByKey()).toEqual(new Map(names.map((name) => [name, ['INVALID_JSON']])));
    const found = dataOf(world.records());
    expect(differences(linesOf(...names.map((name) => linesFrom(name, 3))), found)).toEqual(NOTHING);
    expect(readdirSync(world.folder, { recursive: true }).sort()).toEqual([
      'run.dead.jsonl',
      'run.dead.jsonl.run',
      'run.journal',
    ]);
  });

  it('reach a terminal without their control characters', async () => {
    const key = '\x1b[2J\x07gone\n\x9b31m';
    await open(new Map([[key, zlib.gzipSync(linesFrom('x', 3)).subarray(0, 20)]]));
    const { stdout, stderr, exitCode } = await world.backfill();
    expect(exitCode).toBe(1);
    const shown = stdout + stderr;
    expect(['\x1b', '\x07', '\x9b'].filter((control) => shown.includes(control))).toEqual([]);
  });
});

describe('choosing objects', () => {
  const some = new Map(['a/1', 'a/2', 'b/1', 'c/1'].map((key) => [key, linesFrom(key, 3)]));
  const of = (...keys: string[]) => linesOf(...keys.map((key) => linesFrom(key, 3)));

  it('takes several SOURCEs, and URIs on stdin, and each object once', async () => {
    await open(some);
    const sources = [`s3://${BUCKET}/a/`, '-', `s3://${BUCKET}/a/2`];
    const stdin = `s3://${BUCKET}/c/1\n\ns3://${BUCKET}/a/1\n`;
    // So stdin has ended long before anybody asks for its lines.
    world.s3.setFaults([{ kind: 'slow-down', operation: 'ListObjectsV2', times: 4 }]);
    const { report, ended } = await world.report([], { sources, stdin });
    expect([ended.exitCode, report.objects.done]).toEqual([0, 3]);
    expect(differences(of('a/1', 'a/2', 'c/1'), dataOf(world.records()))).toEqual(NOTHING);
  });

  it('leaves archived objects out and writes what S3 Batch Operations restores', async () => {
    const body = linesFrom('cold', 3);
    world = await World.open({
      objects: [
        ...[...some].map(([key, content]) => ({ key, body: content })),
        { key: 'cold, "1"', body, storageClass: 'DEEP_ARCHIVE' },
        { key: 'empty', body: Buffer.alloc(0) },
        { key: 'folder/', body: Buffer.alloc(0) },
      ],
    });
    const { report, ended } = await world.report();
    expect(ended.exitCode).toBe(1);
    expect(report.objects).toMatchObject({ listed: 4, done: 4, archived: 1 });
    const manifest = readFileSync(join(world.folder, 'run.restore.csv'), 'utf8');
    expect(manifest).toBe(`${BUCKET},cold%2C%20%221%22\n`);
    expect(differences(of(...some.keys()), dataOf(world.records()))).toEqual(NOTHING);
  });
});
