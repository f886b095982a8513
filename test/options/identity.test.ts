/** What makes two commands the same run, nearly the same, or another; and the command that gives an identity again. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { identityDifferences } from '../../src/journal/run-name.ts';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import type { RawFlags } from '../../src/options/flag.ts';
import { commandOf, fieldsOf, flagsOf, identityOf, isAboutSameObjects } from '../../src/options/identity.ts';
import { list, text, toggle } from '../../src/options/kinds.ts';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/orders';

function identity(sources: readonly string[], flags: RawFlags = {}, schema: string | null = null) {
  const options = parseBackfillOptions(sources, { stream: 'orders', ...flags });
  return identityOf(options, ARN, schema);
}

const PLAIN = identity(['s3://b/p/']);

describe('the same run', () => {
  it.each([
    { 'segment-size': '1MiB' },
    { downloads: 3, parsers: 2, publishers: 2, memory: '1GiB' },
    { rate: '5000/s', timeout: '5m', 'new-run': true, wire: 'json' },
  ])('is told by other things than $0', (flags) => {
    expect(identityDifferences(PLAIN, identity(['s3://b/p/'], flags as RawFlags))).toEqual([]);
  });

  it('is a run of the first format, whatever its --segment-size was', () => {
    expect(identityDifferences({ ...PLAIN, segmentBytes: 65_536 }, PLAIN)).toEqual([]);
  });
});

it('leaves a younger option out where nobody gives it, so that runs of before keep their names', () => {
  const says = { help: 'new', identity: 'shapes', isYounger: true } as const;
  const table = {
    where: list('where', 'TEST', says),
    sample: text('sample', 'P', says),
    drop: toggle('drop', says),
    old: text('old', 'X', { help: 'old', identity: 'shapes' }),
  };
  expect(fieldsOf(table, { where: [], sample: null, drop: false, old: null })).toEqual({ old: null });
  const given = { where: ['/a'], sample: '1%', drop: true, old: 'x' };
  expect(fieldsOf(table, given)).toEqual(given);
});

describe('nearly the same run', () => {
  it.each([
    { name: 'without the slash', sources: ['s3://b/p'] },
    { name: 'with another case of the scheme', sources: ['S3://b/p/'] },
    { name: 'named twice', sources: ['s3://b/p/', 's3://b/p'] },
    { name: 'with another key', flags: { 'partition-key': '/id' } },
    { name: 'in order', flags: { order: 'key', 'partition-key': '/id' } },
    { name: 'with another limit', flags: { 'max-depth': 7, 'max-record': '1KiB' } },
    { name: 'read as gzip', flags: { compression: 'gzip' } },
  ])('is one over the same objects $name', ({ sources = ['s3://b/p/'], flags = {} }) => {
    const other = identity(sources, flags);
    expect(identityDifferences(PLAIN, other)).not.toEqual([]);
    expect(isAboutSameObjects(PLAIN, other)).toBe(true);
  });

  it('is one with the same filters in another order', () => {
    const [one, other] = [
      ['a*', 'b*'],
      ['b*', 'a*'],
    ].map((include) => identity(['s3://b/'], { include }));
    expect(isAboutSameObjects(one!, other!)).toBe(true);
  });

  it.each([
    { name: 'another prefix', sources: ['s3://b/q/'] },
    { name: 'a prefix within it', sources: ['s3://b/p/2026-01-02/'] },
    { name: 'another bucket', sources: ['s3://c/p/'] },
    { name: 'one more source', sources: ['s3://b/p/', 's3://b/q/'] },
    { name: 'another day', flags: { 'modified-after': '2026-01-02' } },
    { name: 'another end', flags: { 'modified-before': '2026-01-02' } },
    { name: 'another start', flags: { 'start-after': 'p/m' } },
    { name: 'another filter', flags: { include: ['*.gz'] } },
    { name: 'another exclusion', flags: { exclude: ['*.tmp'] } },
    { name: 'an inventory', flags: { inventory: 's3://i/manifest.json' } },
  ])('is not one over $name', ({ sources = ['s3://b/p/'], flags = {} }) => {
    expect(isAboutSameObjects(PLAIN, identity(sources, flags as RawFlags))).toBe(false);
  });

  it('is not one into another stream', () => {
    expect(isAboutSameObjects(PLAIN, { ...PLAIN, stream: `${ARN}-2` })).toBe(false);
  });
});

describe('the command of a run', () => {
  const context = { options: { stream: 'orders', schema: null }, identity: PLAIN, journal: null };

  it('names what is not at its default', () => {
    expect(commandOf(PLAIN, context)).toBe('millrace backfill s3://b/p/ --stream orders');
    const other = identity(['s3://b/p/'], { 'partition-key': '/id', order: 'key' });
    expect(commandOf(other, { ...context, journal: 'x/run.journal' })).toBe(
      'millrace backfill s3://b/p/ --stream orders --partition-key /id --order key --journal x/run.journal',
    );
  });

  it('names another stream by its ARN, and a schema by its file where that is known', () => {
    const elsewhere = { ...PLAIN, stream: `${ARN}-2` };
    expect(commandOf(elsewhere, context)).toBe(`millrace backfill s3://b/p/ --stream ${ARN}-2`);
    const judged = identity(['s3://b/p/'], {}, '{"type":"object"}');
    expect(commandOf(judged, context)).toMatch(/ --schema FILE$/);
    const same = { options: { stream: 'orders', schema: 's.json' }, identity: judged, journal: null };
    expect(commandOf(judged, same)).toMatch(/ --schema s.json$/);
  });

  it('gives the same identity again through a shell, whatever characters are in it', () => {
    const flags = {
      'partition-key': "/a b/it's",
      'explicit-hash-key': '/$h',
      'on-missing-key': 'coordinates',
      'append-newline': true,
      include: ['*.gz', '"x" y'],
      exclude: ['{a,b}/*'],
      'start-after': 'p/ü',
      'modified-after': '2026-01-02T03:04:05.678Z',
      'modified-before': '2026-02-02',
      compression: 'zstd',
      'max-depth': 7,
      'max-record': '1234',
      order: 'key',
    };
    const before = identity(['s3://b/a key with `ticks`', 's3://b/$(x)'], flags);
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${commandOf(before, context)}`])
      .toString()
      .trim()
      .split('\n')
      .slice(2);
    const sources: string[] = [];
    const raw: Record<string, unknown> = {};
    for (let i = 0; i < words.length; i += 1) {
      const name = words[i]!.startsWith('--') ? words[i]!.slice(2) : null;
      if (name === null) sources.push(words[i]!);
      else if (name === 'append-newline') raw[name] = true;
      else
        raw[name] = ['include', 'exclude'].includes(name)
          ? [...((raw[name] as []) ?? []), words[++i]]
          : words[++i];
    }
    expect(identityDifferences(before, identity(sources, raw))).toEqual([]);
    expect(Object.keys(flagsOf(before))).not.toContain('segment-size');
  });
});
