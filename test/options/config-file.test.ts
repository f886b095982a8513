/** Files of flags: YAML or JSON, by the names of the flags. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/options/config-file.ts';
import { flagsByName } from '../../src/options/flag.ts';
import { MANUAL } from '../../src/options/manual.ts';
import { Problems } from '../../src/options/problems.ts';
import { configSchema } from '../house/flags.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (content: string | Buffer) => {
  const path = join(folder, 'config');
  writeFileSync(path, content);
  return readConfigFile(path);
};

it.each([
  ['YAML', 'stream: events\ninclude:\n  - "*.gz"\ndownloads: 8\ndry-run: true\n'],
  ['JSON', '{ "stream": "events", "include": ["*.gz"], "downloads": 8, "dry-run": true }'],
])('reads %s', async (_, content) => {
  expect(await read(content)).toEqual({ stream: 'events', include: ['*.gz'], downloads: 8, 'dry-run': true });
});

it.each([
  ['', {}],
  ['# nothing yet\n', {}],
])('takes a file without keys for one that says nothing: %j', async (content, flags) => {
  expect(await read(content)).toEqual(flags);
});

it.each([
  ['- a\n- list\n', 'to hold keys and values'],
  ['just text', 'to hold keys and values'],
  ['a: [', 'Cannot read --config'],
  ['config: other.yaml', 'to name no other file'],
  ['a: 1\n---\nb: 2\n', /config: it holds more than one document\.$/],
  ['stream: !!js/function "x"', /config: Unresolved tag: \S+ at line 1, column 9\.$/],
  ['stream: a\nstream: b', /config: Map keys must be unique at line 2, column 1\.$/],
  [Buffer.from('where: record.name == "M\xfcller"', 'latin1'), /config: it is not UTF-8\.$/],
])('refuses %j', async (content, says) => {
  await expect(read(content)).rejects.toThrow(says);
});

it('names a file that is not there', async () => {
  await expect(readConfigFile(join(folder, 'none'))).rejects.toThrow(/Cannot read --config .*none: ENOENT/);
});

it("leaves editors their key, which names the file's schema", async () => {
  expect(await read('{ "$schema": "config.schema.json", "stream": "s" }')).toEqual({ stream: 's' });
});

describe('docs/config.schema.json', () => {
  const { $defs } = JSON.parse(configSchema());
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const fits = (command: string) => ajv.compile({ ...$defs[command], $defs });

  /** Each with what the program says. */
  const VALUES: readonly unknown[] = [
    ...[
      '',
      '0',
      '1',
      '8',
      '64',
      '500',
      '501',
      'abc',
      '16MiB',
      '1kb',
      '64 KiB',
      '5GiB',
      '1.5m',
      '7ib',
      '/a/b',
      'a~',
      '/~0',
      '/~2',
    ],
    ...[
      '2026-01-31',
      '2026-01-31T12:00:00Z',
      '2026-01-31 12:00',
      'yesterday',
      'http://x',
      'HTTPS://x',
      'ftp://x',
      '90s',
      '1.5 h',
      '5',
      '0s',
    ],
    ...[
      '20MiB/s',
      '5000/s',
      '10%',
      '99%',
      '0.1 %',
      '101%',
      'journal',
      'trim-horizon',
      'auto',
      'none',
      'gzip',
      'key',
      'cbor',
      'dead-letter',
    ],
    ...[8, 0, -1, 70_000, 1e8, 1.5, true, false, ['a'], ['a', ''], [], {}],
  ];
  /** Sizes and times by number, and shares, are bounded by the program alone. */
  const BOUNDED =
    /^(segment-size|memory|max-record|batch-bytes|aggregate-bytes|size|line-bytes|downloads|parsers|publishers|in-flight|batch-records|max-depth|examples|limit|shards|rate|headroom|max-rejects|timeout|transform-timeout|modified-.*|until|from|.*endpoint-url)$/;

  it.each(['backfill', 'preview', 'verify', 'redrive', 'bench'] as const)(
    'takes for %s what the program takes',
    (command) => {
      const validate = fits(command);
      const flags = [...flagsByName(MANUAL[command].flags).values()].filter(({ name }) => name !== 'config');
      let taken = 0;
      for (const flag of flags) {
        for (const value of VALUES) {
          const problems = new Problems();
          flag.read(value, problems);
          const isTaken = problems.list.length === 0;
          const isFit = validate({ [flag.name]: value });
          if (isTaken || !BOUNDED.test(flag.name))
            expect([flag.name, value, isFit]).toEqual([flag.name, value, isTaken]);
          taken += isTaken ? 1 : 0;
        }
      }
      expect(taken).toBeGreaterThan(100);
    },
  );

  it('refuses keys that no flag has, another file, and words for numbers', () => {
    const validate = fits('backfill');
    expect(validate({ $schema: 'x', stream: 's', include: '*.gz', downloads: 8 })).toBe(true);
    for (const wrong of [
      { straem: 's' },
      { config: 'x' },
      { downloads: 'many' },
      { downloads: 257 },
      { rate: 'fast' },
      { timeout: '5' },
    ])
      expect([wrong, validate(wrong)]).toEqual([wrong, false]);
  });
});
