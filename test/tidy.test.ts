/** House rules that a machine can check. Each failure names file and line. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = (pattern: string) => globSync(pattern, { cwd: root }).map((path) => path.replaceAll('\\', '/'));
const sources = [...files('src/**/*.ts'), ...files('workers/*.ts')].filter((path) => !path.endsWith('.d.ts'));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Lines of code, not of comments, that match, as `path:line: text`. */
function grep(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((text, i) =>
        pattern.test(text) && !/^\s*(\/?\*|\/\/)/.test(text) ? [`${path}:${i + 1}: ${text.trim()}`] : [],
      ),
  );
}

/** Files without a test of their own name, each with where it is tested instead. */
const MIRRORED_ELSEWHERE: Readonly<Record<string, string>> = {
  'src/cli.ts': 'test/commands',
  'src/options.ts': 'test/commands/bad-input.test.ts and flags.test.ts',
  'src/commands/': 'test/commands',
  'src/bench.ts': 'test/commands/bench.test.ts',
  'src/demo.ts': 'test/commands',
  'src/accounting/counts.ts': 'test/accounting/accounting.test.ts',
  'src/report/journal-pace.ts': 'test/report/status.test.ts',
  'src/accounting/object-account.ts': 'test/accounting/accounting.test.ts',
  'src/accounting/settling.ts': 'test/chaos',
  'src/engine.ts': 'test/commands',
  'src/run-report.ts': 'test/commands',
  'src/reading.ts': 'test/commands',
  'src/publishing.ts': 'test/commands',
  'src/prepare.ts': 'test/commands',
  'src/parse-pool.ts': 'test/commands',
  'src/index.ts': 'types only',
  'src/installation.ts': 'test/commands/terminals.test.ts',
  'src/limit-watch.ts': 'test/commands/held-back.test.ts',
  'src/limits.ts': 'constants only',
  'src/package-root.ts': 'test/commands',
  'src/letter-source.ts': 'test/commands',
  'src/journal/look.ts': 'test/report/status.test.ts and test/commands/journal-refusals.test.ts',
  'src/verify-run.ts': 'test/commands',
  'src/native/file-lock.ts': 'test/journal/lock.test.ts',
  'src/journal/lock-holder.ts': 'test/journal/lock.test.ts',
  'src/journal/letter-owner.ts': 'test/journal/dead-letters.test.ts',
  'src/journal/take-out.ts': 'test/journal/dead-letters.test.ts',
  'src/verify-facts.ts': 'test/commands/account.test.ts',
  'src/verify-letters.ts': 'test/commands/account.test.ts',
  'src/source-witness.ts': 'test/commands/account.test.ts',
  'src/redrive.ts': 'test/commands/account.test.ts and redrive.test.ts',
  'src/scan/schema-keywords.ts': 'test/scan/schema.test.ts',
  'src/threads/': 'test/commands',
  'src/aws/kinesis-client.ts': 'test/commands',
  'src/aws/s3-client.ts': 'test/commands',
  'src/aws/target.ts': 'test/commands',
  'src/aws/http-body.ts': 'test/aws/http-client.test.ts',
  'src/aws/http-connection.ts': 'test/aws/http-client.test.ts',
  'src/aws/request-handler.ts': 'test/aws/tunnel.test.ts',
  'src/aws/http-exchange.ts': 'test/aws/http-client.test.ts',
  'src/local/': 'test/local',
  'src/source/glob-syntax.ts': 'test/source/glob.test.ts',
  'src/source/object.ts': 'test/source/list.test.ts',
  'src/source/pages.ts': 'test/source/list.test.ts',
  'src/source/list-tally.ts': 'test/source/list.test.ts',
  'src/source/block-target.ts': 'test/source/slot.test.ts',
  'src/source/checksum.ts': 'test/source/proofs.test.ts',
  'src/source/checksum-head.ts': 'test/source/proofs.test.ts',
  'src/source/holdback.ts': 'test/source/proofs.test.ts',
  'src/source/damage.ts': 'test/source/decompress.test.ts',
  'src/source/decoding.ts': 'test/source/decompress.test.ts',
  'src/source/gunzip.ts': 'test/source/decompress.test.ts',
  'src/source/unzstd.ts': 'test/source/decompress.test.ts',
  'src/source/zstd-units.ts': 'test/source/decompress.test.ts',
  'src/native/inflate.ts': 'test/source/decompress.test.ts',
  'src/native/inflate-portable.ts': 'test/source/decompress.test.ts',
  'src/publish/setup.ts': 'types only',
  'src/publish/negotiate-wire.ts': 'test/commands/services.test.ts',
  'src/stream/': 'test/stream',
  'src/verify/': 'test/verify',
  'workers/': 'test/commands',
};

/** Files that may open or write files by themselves, each with its reason. */
const WRITERS = [
  'src/own-file.ts',
  'src/journal/files.ts', // with the flags of own-file.ts
  'src/restore-file.ts', // into what own-file.ts has opened
  'src/fault-points.ts', // tests alone ask for it
];

describe('names', () => {
  it('has no drawers: a shared function belongs to the noun it serves', () => {
    expect(sources.filter((path) => /\/(utils?|helpers?|common|misc)\.ts$/.test(path))).toEqual([]);
  });

  it('gives every time its unit', () => {
    const pattern = /\b(readonly )?[a-z]*([tT]imeout|[iI]nterval|[dD]elay|[dD]uration|[lL]inger)\??: number/;
    expect(grep(sources, pattern)).toEqual([]);
  });
});

describe('types', () => {
  it('never says any', () => {
    expect(
      grep(
        [
          ...sources,
          ...[...files('bench/**/*.ts'), ...files('test/**/*.ts')].filter((p) => !p.includes('node_modules')),
        ],
        /\bas any\b|\w: any(\[\])?(;|, \w+:|\) ?[:{=])/,
      ).filter((line) => !line.includes('tidy.test')),
    ).toEqual([]);
  });
});

describe('tests', () => {
  const tests = files('test/**/*.{ts,mjs,py}').filter((path) => !/node_modules|tidy\.test/.test(path));

  it('need nothing that lies beside the checkout', () => {
    expect(grep(tests, /\.\.\/shared|['"]shared['"]/)).toEqual([]);
  });

  // vitest.config.ts holds every test to have asserted something; this finds a return behind a notice.
  it('that cannot run count as skipped: none returns instead', () => {
    expect(grep(tests, /return console\./)).toEqual([]);
  });
});

describe('files', () => {
  it('that are written are opened by src/own-file.ts, with its care', () => {
    const names = 'open|openSync|createWriteStream|(write|append|copy)File(Sync)?';
    const pattern = new RegExp(`import \\{[^}]*\\b(${names})\\b[^}]*\\} from 'node:fs(/promises)?'`);
    const writers = sources.filter((path) => pattern.test(read(path)) && !path.startsWith('src/local/'));
    expect(writers.toSorted()).toEqual(WRITERS.toSorted());
  });

  it('say in their first lines what they are', () => {
    const needed = sources.filter((path) => !path.startsWith('src/commands/'));
    expect(needed.filter((path) => !read(path).startsWith('/**'))).toEqual([]);
  });

  it('hold one idea: none is longer than 500 lines', () => {
    expect(sources.filter((path) => read(path).split('\n').length > 500)).toEqual([]);
  });

  it('commands stay thin: none is longer than 90 lines', () => {
    expect(files('src/commands/*.ts').filter((path) => read(path).split('\n').length > 91)).toEqual([]);
  });

  it('thread entries stay thin: none is longer than 30 lines', () => {
    expect(files('workers/*.ts').filter((path) => read(path).split('\n').length > 31)).toEqual([]);
  });

  it('have a test of their own name, or a reason', () => {
    const missing = sources.filter((path) => {
      if (existsSync(join(root, path.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts')))) return false;
      return !Object.keys(MIRRORED_ELSEWHERE).some(
        (known) => path === known || (known.endsWith('/') && path.startsWith(known)),
      );
    });
    expect(missing).toEqual([]);
  });
});

/** What every stage may use besides itself. */
const FLOOR =
  /^src\/((ring|native|aws)\/|(limits|errors|printable|quantity|random|fault-points|own-file|package-root)\.ts$)/;
/** Doors between stages, each with its reason. */
const DOORS: Readonly<Record<string, RegExp>> = {
  // The sides of verify read streams, and digests count frames as the codec writes them.
  verify: /^src\/(stream|publish|threads)\//,
  // Status is told from a journal.
  report: /^src\/journal\//,
  // Aggregates and answers are opened on reading as they are packed and read on publishing.
  stream: /^src\/publish\//,
};
const STAGES = ['source', 'scan', 'publish', 'journal', 'stream', 'verify', 'report', 'local'];

/** Pairs of importing and imported file, both below src/. Type-only imports do not run, so they bind nothing. */
function imports(): { from: string; to: string }[] {
  return sources.flatMap((from) =>
    [...read(from).matchAll(/^(?:import|export)(?! type)[^;]*?from '(\.[^']+)'/gms)].map((match) => ({
      from,
      to: normalize(relative(root, join(root, dirname(from), match[1]!))).replaceAll('\\', '/'),
    })),
  );
}

describe('imports', () => {
  it('a stage never imports another stage, but through a listed door', () => {
    const wrong = imports().filter(({ from, to }) => {
      const stage = STAGES.find((name) => from.startsWith(`src/${name}/`));
      if (!stage || !to.startsWith('src/') || to.startsWith(`src/${stage}/`) || FLOOR.test(to)) return false;
      return !DOORS[stage]?.test(to);
    });
    expect(wrong).toEqual([]);
  });

  it('the floor stands on nothing but itself', () => {
    expect(
      imports().filter(({ from, to }) => FLOOR.test(from) && to.startsWith('src/') && !FLOOR.test(to)),
    ).toEqual([]);
  });

  it('nobody imports a command but the program', () => {
    const wrong = imports().filter(
      ({ from, to }) => to.startsWith('src/commands/') && !/^src\/(commands\/|cli\.ts)/.test(from),
    );
    expect(wrong).toEqual([]);
  });
});
