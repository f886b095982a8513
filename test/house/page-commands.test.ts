/**
 * Every command on a page is run by somebody: the light ones by tests, as they stand there, the heavy ones by `.ci/run`. Their flags are
 * those that the program knows.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programNames } from '../../bench/programs.ts';
import { COMMANDS } from '../../src/commands/index.ts';
import { type PageCommand, ROOT, readPageCommands } from './page-commands.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
const CI = read('.ci/run');
const commands = readPageCommands();

/** Who runs a command: a test file, a line of `.ci/run`, or nobody, and why. The first pattern that fits counts. */
type Way = { readonly test: string } | { readonly ci: RegExp } | { readonly nobody: string };
const BLOCKS = { test: 'test/house/page-blocks.test.ts' };
const WAYS: readonly (readonly [RegExp, Way])[] = [
  [/^npm ci && npm run demo$|^npm run demo$/, { test: 'test/commands/demo.test.ts' }],
  [/^npm run demo -- --keep$/, BLOCKS],
  [/^npm (ci|cit)$/, { ci: /^npm ci$/m }],
  [/^npm ci --prefix bench$/, { ci: /^npm ci --prefix bench /m }],
  [/^npm run contenders\b/, { ci: /^npm run contenders -- /m }],
  [/^node bench\/peers\.ts\b/, { test: 'test/bench/peers.test.ts' }],
  [/^npm pack$/, { test: 'test/package.test.ts' }],
  [/^npm install millrace/, { nobody: 'it is not published yet' }],
  [/^(npm run check|npm test|npx vitest run )/, { ci: /^npm (test|run test:all)\b/m }],
  [/^npm run test:heavy$/, { ci: /^npm run test:heavy$/m }],
  [/^npm run (lint|format)$/, { ci: /^npm run lint$/m }],
  [/^npm run types$/, { ci: /^npm run types$/m }],
  [/^npm run build:native$/, { ci: /^npm run build:native$/m }],
  [/^npm run build$/, { ci: /^npm run release -- --dry-run$/m }],
  [/^npm run release -- --dry-run$/, { ci: /^npm run release -- --dry-run$/m }],
  [/^npm run sanitize\b/, { ci: /^npm run sanitize$/m }],
  [/^npm run arm64\b/, { ci: /^npm run arm64$/m }],
  [/^(npm run fuzz\b|apt-get install clang)/, { ci: /^npm run fuzz -- / }],
  [/^npm run chaos:slow\b/, { ci: /^npm run chaos:slow -- /m }],
  [/^npm run chaos\b/, { ci: /^npm run chaos -- /m }],
  [/^npm run soak\b/, { ci: /^npm run soak -- /m }],
  [/^(npm run test:services|test\/services\/install)$/, { ci: /^npm run test:services$/m }],
  [/^\.ci\/run$/, { ci: /^#!/ }],
  [/^npm run (imports|api|flags)\b/, { test: 'test/house/generated.test.ts' }],
  [/^(npm run bench\b|node bench\/)/, { test: 'test/bench/smoke.test.ts' }],
  [/^node examples\//, { test: 'test/examples/examples.test.ts' }],
  [/^npm run millrace -- bench$|^millrace bench$/, { test: 'test/commands/bench.test.ts' }],
  [/^millrace\/(stages|transform)$/, { test: 'test/package.test.ts' }],
  [/^millrace --version$/, { test: 'test/package.test.ts' }],
  [/^(eval "\$\(|source <\()?millrace completion\b/, { test: 'test/options/completion.test.ts' }],
  [/^millrace preview\b/, { test: 'test/commands/preview.test.ts' }],
  [/^millrace demo$/, { test: 'test/commands/demo.test.ts' }],
  [/^millrace (status|verify|redrive|backfill)\b/, BLOCKS],
  [/npm run millrace -- /, BLOCKS],
  [/^(jq|cat|node -e) /, BLOCKS],
  [/^millrace plan$/, { nobody: 'docs/CLI.md says that it comes later' }],
  [/^node src\/bin\.mjs$/, { nobody: 'named as what does not have the flag' }],
  [
    /^(kill -USR1|node inspect|top|node --cpu-prof) /,
    { nobody: 'tools of Node and of the system, for people at a terminal' },
  ],
];
const wayOf = ({ command }: PageCommand) => WAYS.find(([pattern]) => pattern.test(command));

it('finds commands where they are known to be', () => {
  const pages = new Set(commands.map(({ page }) => page));
  const known = [
    'README.md',
    'CONTRIBUTING.md',
    'examples/README.md',
    'docs/DEBUGGING.md',
    'docs/JOURNAL.md',
  ];
  expect([...pages]).toEqual(expect.arrayContaining(known));
});

it('every command of a page has somebody who runs it, or a reason', () => {
  expect(commands.filter((one) => wayOf(one) === undefined)).toEqual([]);
});

it('no way is left of a command that no page shows any more', () => {
  const used = new Set(commands.map((one) => wayOf(one)?.[0]));
  expect(WAYS.filter(([pattern]) => !used.has(pattern)).map(([pattern]) => String(pattern))).toEqual([]);
});

it('those who run them are there', () => {
  const absent = WAYS.filter(([, way]) => {
    if ('test' in way) return !existsSync(join(ROOT, way.test));
    return 'ci' in way && !new RegExp(way.ci, 'm').test(CI);
  });
  expect(absent.map(([pattern]) => String(pattern))).toEqual([]);
});

/** Long flags of a command's own part. */
const flagsIn = (words: string) => [...words.matchAll(/(?<=\s)--([a-z][\w-]*)/g)].map(([, name]) => name!);

describe('flags', () => {
  it('of millrace are those of its commands', () => {
    const own = commands.flatMap(({ page, command }) => {
      const words = /(?:^millrace|npm run millrace --) (?!--)(.*)$/.exec(command)?.[1];
      return words === undefined || words === 'plan' ? [] : [{ page, words }];
    });
    expect(own.length).toBeGreaterThan(5);
    const unknown = own.filter(({ words }) => {
      const known = Object.keys(COMMANDS[words.split(' ')[0]!]!.flags);
      return flagsIn(` ${words}`).some((flag) => !known.includes(flag));
    });
    expect(unknown).toEqual([]);
  });

  it('and names of the repository’s own programs are those that they read', () => {
    const programs = commands.flatMap((one) => {
      const [, script, words = ''] = /^npm run ([\w:]+)(?: -- (.*))?$/.exec(one.command) ?? [];
      const [, file, more = ''] = /^node (bench\/[\w-]+\.ts)(.*)$/.exec(one.command) ?? [];
      const path = file ?? /^node (\S+\.ts)$/.exec(scripts[script ?? ''] ?? '')?.[1];
      return path === undefined ? [] : [{ ...one, path, words: ` ${words}${more}` }];
    });
    expect(programs.length).toBeGreaterThan(10);
    const unknown = programs.filter(({ path, words }) => {
      const source = read(path);
      return flagsIn(words).some(
        (flag) => !new RegExp(`['"]?\\b${flag}['"]?: \\{ type|--${flag}\\b`).test(source),
      );
    });
    expect(unknown).toEqual([]);
    const benches = programs
      .filter(({ path }) => path === 'bench/run.ts')
      .flatMap(({ words }) => words.trim().split(' '));
    expect(
      benches.filter((name) => !['', 'full', 'smoke', 'report', ...programNames()].includes(name)),
    ).toEqual([]);
    expect(programs.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
