/** Values of flags: both sides of each limit, typed at a shell and given by a program. */
import { describe, expect, it } from 'vitest';
import type { Flag } from '../../src/options/flag.ts';
import {
  choice,
  duration,
  globs,
  integer,
  list,
  objectUri,
  pointer,
  size,
  text,
  threads,
  time,
  toggle,
  url,
} from '../../src/options/kinds.ts';
import { Problems } from '../../src/options/problems.ts';

const says = { help: 'what it does' };
const FLAGS: Readonly<Record<string, Flag>> = {
  text: text('x', 'FILE', says),
  pointer: pointer('x', says),
  url: url('x', says),
  choice: choice('x', ['auto', 'gzip'], { ...says, default: 'auto' }),
  integer: integer('x', { min: 1, max: 256 }, { ...says, default: '8' }),
  threads: threads('x', { min: 1, max: 64 }, () => 3, says),
  size: size('x', { min: 1024, max: 10 * 1024 * 1024 }, { ...says, default: '2MiB' }),
  time: time('x', says),
  duration: duration('x', says),
  toggle: toggle('x', says),
  list: list('x', 'URI', says),
  globs: globs('x', says),
  objectUri: objectUri('x', says),
};
const SECOND_OF_JANUARY = Date.UTC(2026, 0, 2);

/** @returns The option, or what is wrong. */
function judged(judge: (problems: Problems) => unknown): unknown {
  const problems = new Problems();
  const option = judge(problems);
  return problems.list.length > 0 ? problems.list : option;
}
const typed = (kind: string, raw: unknown) => judged((problems) => FLAGS[kind]!.read(raw, problems));
const given = (kind: string, option: unknown) => judged((problems) => FLAGS[kind]!.accept(option, problems));

describe('typed', () => {
  it.each([
    ['text', 'a b', 'a b'],
    ['text', 7, '7'],
    ['pointer', '', ''],
    ['pointer', '/a/~0~1', '/a/~0~1'],
    ['url', 'https://host:1', 'https://host:1'],
    ['choice', 'gzip', 'gzip'],
    ['integer', '1', 1],
    ['integer', '256', 256],
    ['integer', 9, 9],
    ['threads', '64', 64],
    ['size', '1k', 1024],
    ['size', '10MiB', 10 * 1024 * 1024],
    ['size', 4096, 4096],
    ['time', '2026-01-02', SECOND_OF_JANUARY],
    ['duration', '1.5s', 1500],
    ['toggle', true, true],
    ['list', 'one', ['one']],
    ['list', ['one', 'two'], ['one', 'two']],
    ['globs', '*.gz', ['*.gz']],
    ['objectUri', 's3://b/a/manifest.json', 's3://b/a/manifest.json'],
  ])('%s takes %j for %j', (kind, raw, option) => {
    expect(typed(kind, raw)).toEqual(option);
  });

  it.each([
    ['text', ''],
    ['text', true],
    ['pointer', 'a'],
    ['pointer', '/~2'],
    ['url', 'ftp://x'],
    ['choice', 'zstd'],
    ['integer', '0'],
    ['integer', '257'],
    ['integer', '1.5'],
    ['threads', '65'],
    ['size', '1023'],
    ['size', '11MiB'],
    ['time', '2026-02-30'],
    ['duration', '5'],
    ['duration', '0s'],
    ['duration', `${'9'.repeat(400)}d`],
    ['toggle', 'yes'],
    ['objectUri', 'manifest.json'],
    ['objectUri', 's3://bucket/'],
    ['list', ['']],
    ['globs', [`{1..${9 ** 9}}`, '*'.repeat(5_000)]],
  ])('%s refuses %j, and names the flag', (kind, raw) => {
    const problems = typed(kind, raw);
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Expected --x to be .+, but received .+\.$|smaller glob/),
      ]),
    );
  });

  it('shows no password of a URL', () => {
    expect(JSON.stringify(typed('url', 'ftp://user:secret@host'))).toMatch(/^(?!.*secret).*ftp:/);
  });
});

describe('given by a program', () => {
  it.each([
    ['text', 'a b'],
    ['pointer', '/a'],
    ['choice', 'gzip'],
    ['integer', 256],
    ['threads', 64],
    ['size', 1024],
    ['time', SECOND_OF_JANUARY],
    ['duration', 0.5],
    ['toggle', true],
    ['list', ['one']],
  ])('%s is %j, as it is', (kind, option) => {
    expect(given(kind, option)).toEqual(option);
  });

  it.each([
    ['text', 7],
    ['pointer', 'a'],
    ['choice', 'zstd'],
    ['integer', 257],
    ['integer', '8'],
    ['integer', 1.5],
    ['threads', 0],
    ['size', 1023],
    ['size', Number.POSITIVE_INFINITY],
    ['time', Number.NaN],
    ['duration', 0],
    ['duration', '90s'],
    ['toggle', 1],
    ['list', 7],
  ])('%s is not %s, in the words of the command line', (kind, option) => {
    const [problem] = given(kind, option) as string[];
    expect(problem).toMatch(/^Expected --x to be .+, but received .+\.$/);
    const shown = typeof option === 'number' ? String(option) : JSON.stringify(option);
    expect(problem).toContain(`received ${shown}.`);
  });

  it.each([
    ['text', null],
    ['choice', 'auto'],
    ['integer', 8],
    ['threads', 3],
    ['size', 2 * 1024 * 1024],
    ['toggle', false],
    ['list', []],
  ])('%s is %j where nobody gives one, typed neither', (kind, fallback) => {
    const nothing = [null, undefined].flatMap((none) => [given(kind, none), typed(kind, none)]);
    expect(nothing).toEqual([fallback, fallback, fallback, fallback]);
    expect(FLAGS[kind]!.fallback()).toEqual(fallback);
  });
});

it('can be typed again as it was', () => {
  expect(FLAGS.time!.typed(SECOND_OF_JANUARY)).toBe('2026-01-02T00:00:00.000Z');
  expect([FLAGS.time!.typed(null), FLAGS.time!.typed('garbage'), FLAGS.integer!.typed(9)]).toEqual([
    null,
    null,
    9,
  ]);
});
