/** House rules that a machine can check. Each failure names file and line. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import './house/pages.ts';

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
  'src/commands/main.ts': 'test/commands',
  'src/options/demo.ts': 'test/commands/flags.test.ts',
  'src/parse/giving.ts': 'test/parse/inflation.test.ts',
  'src/parse/value-table.ts': '',
  'src/publish/epoch.ts': 'test/publish/pace.test.ts',
  'src/scan/json-text.ts': 'test/scan/values.test.ts',
  'src/scan/values-native.ts': 'test/scan/values.test.ts',
  'src/scan/values-portable.ts': 'test/scan/values.test.ts',
  'src/options/manual.ts': 'test/house/generated.test.ts',
  'src/options/output.ts': 'constants only',
  'src/options/records.ts': 'test/options/backfill.test.ts, verify.test.ts',
  'src/run/backfill.ts': 'test/examples',
  'src/commands/': 'test/commands',
  'src/embedded/bench.ts': 'test/commands/bench.test.ts',
  'src/embedded/demo.ts': 'test/commands',
  'src/accounting/counts.ts': 'test/accounting/accounting.test.ts',
  'src/observe/journal-pace.ts': 'test/observe/status.test.ts',
  'src/accounting/object-account.ts': 'test/accounting/accounting.test.ts',
  'src/run/run.ts': 'test/commands',
  'src/run/hooks.ts': 'types only',
  'src/run/stdin-lines.ts': 'test/commands/names.test.ts',
  'src/native/process-end.ts': 'test/commands/leave.test.ts',
  'src/run/run-memory.ts': 'test/commands',
  'src/run/report.ts': 'test/commands',
  'src/run/publishing.ts': 'test/commands',
  'src/run/prepare.ts': 'test/commands',
  'src/index.ts': 'types only',
  'src/shape/stage.ts': 'types only',
  'src/parse/letters.ts': 'test/commands/redrive-framing.test.ts and test/commands/redrive.test.ts',
  'src/run/preview-values.ts': 'test/run/first-values.test.ts and test/commands/first-values.test.ts',
  'src/run/pass.ts': 'test/verify/source-side.test.ts and test/commands/preview.test.ts',
  'src/accounting/left-part.ts': 'test/accounting/accounting.test.ts and test/commands/many-records.test.ts',
  'src/shape/stages/open-stage.ts': 'test/shape/stages/use.test.ts',
  'src/shape/figures.ts': 'test/shape/pipeline.test.ts',
  'src/shape/line-outcome.ts': 'test/shape/pipeline.test.ts',
  'src/shape/awaiting.ts': 'test/shape/pipeline.test.ts and test/commands/failing-transforms.test.ts',
  'src/parse/trial.ts': 'test/commands/transforms.test.ts',
  'src/shape/stages/own-names.ts': 'test/commands/transforms.test.ts and test/package.test.ts',
  'src/shape/stages/module-loader.ts': 'test/shape/stages/use.test.ts and test/commands/transforms.test.ts',
  'src/parse/slice-cut.ts': 'test/parse/slicer.test.ts',
  'src/shape/stages/probe.ts': 'test/commands/transforms.test.ts',
  'src/run/probe-modules.ts': 'test/commands/transforms.test.ts',
  'src/parse/outputs.ts': 'test/parse/transformer.test.ts',
  'src/parse/unwritten.ts': 'test/parse/slicer.test.ts',
  'src/parse/workbench.ts': 'test/parse/bench-lines.test.ts',
  'src/scan/line-text.ts': 'test/parse/bench-lines.test.ts',
  'src/base/installation.ts': 'test/commands/terminals.test.ts',
  'src/base/limits.ts': 'constants only',
  'src/base/package-root.ts': 'test/commands',
  'src/source/dead-letters.ts': 'test/commands',
  'src/journal/look.ts': 'test/observe/status.test.ts and test/commands/journal-refusals.test.ts',
  'src/journal/first-lines.ts': 'test/run/first-lines.test.ts',
  'src/source/content.ts': 'test/run/first-lines.test.ts',
  'src/run/trial-turns.ts': 'test/commands/transforms.test.ts',
  'src/run/limited-listing.ts': 'test/run/first-lines.test.ts and test/commands/first-lines.test.ts',
  'src/run/left-out-by.ts': 'test/commands/preview.test.ts',
  'src/run/preview.ts': 'test/commands/preview.test.ts',
  'src/run/preview-findings.ts': 'test/commands/preview.test.ts',
  'src/verify/run.ts': 'test/commands',
  'src/native/file-lock.ts': 'test/journal/lock.test.ts',
  'src/journal/open-journal.ts': 'test/journal/journal.test.ts',
  'src/journal/lock-holder.ts': 'test/journal/lock.test.ts',
  'src/journal/dead-letter-owner.ts': 'test/journal/dead-letters.test.ts',
  'src/journal/take-out.ts': 'test/journal/dead-letters.test.ts',
  'src/verify/facts.ts': 'test/commands/account.test.ts',
  'src/verify/dead-letters.ts': 'test/commands/account.test.ts',
  'src/verify/source-witness.ts': 'test/commands/account.test.ts',
  'src/run/redrive.ts': 'test/commands/account.test.ts and redrive.test.ts',
  'src/scan/schema-keywords.ts': 'test/scan/schema.test.ts',
  'src/ring/phases.ts': 'constants only',
  'src/record/frame.ts': 'test/native/constants.test.ts and test/ring',
  'src/publish/kinesis/thread.ts': 'test/commands',
  'src/digest/lane-digest.ts': 'test/parse/slicer.test.ts',
  'src/base/object-uri.ts': 'test/source/s3/uri.test.ts',
  'src/source/source.ts': 'types only',
  'src/source/source-failure.ts': 'test/source/s3/failure.test.ts',
  'src/source/s3/source.ts': 'test/verify/source-side.test.ts and test/commands',
  'src/run/sources.ts': 'test/commands',
  'src/parse/': 'test/commands',
  'src/aws/kinesis-client.ts': 'test/commands',
  'src/aws/s3-client.ts': 'test/commands',
  'src/aws/target.ts': 'test/commands',
  'src/aws/http-body.ts': 'test/aws/http-client.test.ts',
  'src/aws/http-connection.ts': 'test/aws/http-client.test.ts',
  'src/aws/request-handler.ts': 'test/aws/tunnel.test.ts',
  'src/aws/http-exchange.ts': 'test/aws/http-client.test.ts',
  'src/embedded/': 'test/embedded',
  'src/source/glob-syntax.ts': 'test/source/glob.test.ts',
  'src/source/object.ts': 'test/source/s3/list.test.ts',
  'src/source/list-tally.ts': 'test/source/s3/list.test.ts',
  'src/source/block-target.ts': 'test/source/slot.test.ts',
  'src/source/checksum.ts': 'test/source/proofs.test.ts',
  'src/source/s3/checksum-head.ts': 'test/source/proofs.test.ts',
  'src/source/holdback.ts': 'test/source/proofs.test.ts',
  'src/inflate/damage.ts': 'test/inflate/decompress.test.ts',
  'src/inflate/decoding.ts': 'test/inflate/decompress.test.ts',
  'src/inflate/magic.ts': 'test/source/format.test.ts',
  'src/inflate/parquet-compressors.ts': 'test/source/s3/inventory.test.ts and test/shape/table/load.test.ts',
  'src/source/ranges.ts': 'test/source/table-object.test.ts',
  'src/inflate/gunzip.ts': 'test/inflate/decompress.test.ts',
  'src/inflate/unzstd.ts': 'test/inflate/decompress.test.ts',
  'src/inflate/zstd-units.ts': 'test/inflate/decompress.test.ts',
  'src/native/addon-file.ts': 'test/native/load.test.ts',
  'src/native/inflate.ts': 'test/inflate/decompress.test.ts',
  'src/native/inflate-portable.ts': 'test/inflate/decompress.test.ts',
  'src/native/unzstd.ts': 'test/inflate/decompress.test.ts',
  'src/publish/setup.ts': 'types only',
  'src/publish/batch.ts': 'types only',
  'src/publish/frame-cursor.ts': 'test/publish/codec.test.ts',
  'src/publish/open-batches.ts': 'test/publish/shard-queues.test.ts',
  'src/publish/kinesis/put-codec-portable.ts': 'test/publish/kinesis/put-codec.test.ts',
  'src/publish/kinesis/open-put-codec.ts': 'test/publish/kinesis/put-codec.test.ts',
  'src/publish/kinesis/sink.ts': 'test/publish/publisher.test.ts',
  'src/publish/kinesis/probe.ts': 'test/run/stream-watch.test.ts and test/commands',
  'src/run/sinks.ts': 'test/run/stream-watch.test.ts',
  'src/stream/': 'test/stream',
  'src/verify/': 'test/verify',
  'src/shape/': 'test/shape',
  'src/scan/shaper.ts': 'types only',
  'src/options/stages.ts': 'test/commands/stages.test.ts',
  'src/run/open-stages.ts': 'test/commands/stages.test.ts',
  'workers/': 'test/commands',
};

/** Files that may open or write files by themselves, each with its reason. */
const WRITERS = [
  'src/base/own-file.ts',
  'src/journal/files.ts', // with the flags of own-file.ts
  'src/run/restore-file.ts', // into what own-file.ts has opened
  'src/base/fault-points.ts', // tests alone ask for it
  'src/base/given-file.ts', // reads pipes without standing still
  'src/native/addon-file.ts', // reads the head of Node's executable
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

describe('exit codes', () => {
  it('are numbers in src/base/exit-code.ts alone', () => {
    const literal =
      /\bexitCode ?([:?=]|[=!]==|[<>]=?) ?\(?([0-3]|1[234]\d)\b|process\.exit(Code = |\()\d|\b2 \| 3\b(?! \|| ?\])|printReport\(.*, \d\)/;
    const others = sources.filter((path) => path !== 'src/base/exit-code.ts');
    expect(grep(others, literal)).toEqual([]);
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

const hasGit = existsSync(join(root, '.git'));
const whyNoGit = hasGit ? '' : ' (not run: this is no checkout)';
const TOP =
  /^(src|workers|bench|test|docs|examples|\.ci)\/|^(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$|^LICENSE$|^\.git(ignore|attributes)$|^\.npmrc$|^[\w.-]+\.(json|ts)$/;

describe('files', () => {
  it.skipIf(!hasGit)(`lie in the folders that are named, and none beside them${whyNoGit}`, () => {
    const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
    expect(tracked.length).toBeGreaterThan(500);
    expect(tracked.filter((path) => !TOP.test(path))).toEqual([]);
  });

  it('that are written are opened by src/base/own-file.ts, with its care', () => {
    const names = 'open|openSync|createWriteStream|(write|append|copy)File(Sync)?';
    const pattern = new RegExp(`import \\{[^}]*\\b(${names})\\b[^}]*\\} from 'node:fs(/promises)?'`);
    const writers = sources.filter((path) => pattern.test(read(path)) && !path.startsWith('src/embedded/'));
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

/**
 * The rooms of src/, in the order in which they stand on each other: each imports only those before it, types included. From `source` to
 * `accounting` it is the path of a record.
 */
const ROOMS = [
  ...['base', 'native', 'record', 'ring', 'aws', 'digest', 'scan', 'inflate', 'shape', 'journal'],
  ...['source', 'parse', 'publish', 'stream', 'accounting'],
  ...['options', 'observe', 'run', 'verify', 'embedded', 'commands'],
];

/** Loose files: the library's face and the program's entry. */
const DOORS = ['src/bin.mjs', 'src/index.ts'];

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Pairs of importing and imported file, both below src/. */
function imports(): { from: string; to: string }[] {
  return sources.flatMap((from) =>
    [...read(from).matchAll(/^(?:import|export)[^;]*?from '(\.[^']+)'/gms)].map((match) => ({
      from,
      to: normalize(relative(root, join(root, dirname(from), match[1]!))).replaceAll('\\', '/'),
    })),
  );
}

describe('threads', () => {
  it('stand still and are woken in src/ring/wait.ts alone, and where a test asks for it', () => {
    const waits = grep(sources, /Atomics\.(wait|waitAsync|notify)\(/).map((line) => line.split(':')[0]);
    expect([...new Set(waits)].toSorted()).toEqual(['src/base/fault-points.ts', 'src/ring/wait.ts']);
  });

  it('never look by a timer for what is settled: the accounting has one clock, for what is due by time', () => {
    const timers = grep(sources, /set(Timeout|Interval)\(/).filter((line) =>
      line.startsWith('src/accounting/'),
    );
    expect(timers).toEqual([expect.stringMatching(/^src\/accounting\/settling\.ts:\d+: .*#tick\(\)/)]);
    const takers = grep(sources, /takeSettled\(\)/).filter((line) => !/ takeSettled\(\): /.test(line));
    expect(takers.every((line) => line.startsWith('src/accounting/'))).toBe(true);
  });
});

/** Rooms and files that may name Kinesis or its calls, each with its reason. Other rooms know a sink by src/publish/sink.ts, a stream by src/stream. */
const KINESIS_NAMED: Readonly<Record<string, string>> = {
  'src/publish/kinesis/': 'it is what only Kinesis knows',
  'src/stream/': 'it reads Kinesis',
  'src/aws/': 'it is how Kinesis and S3 are reached',
  'src/embedded/': 'it is a Kinesis',
  'src/options/': 'flags and variables have the name',
  'src/base/limits.ts': 'each limit stands beside its source',
  'src/run/sinks.ts': 'it chooses the sink',
  'src/commands/demo.ts': 'people read what the command does',
  'src/verify/verify.ts': 'a warning names the library that drops records',
  // Not its scanner: see below.
  'src/native/': 'the addon holds the twins of src/publish/kinesis and src/stream in one folder',
};

/** They are imported while a run is under way, by what needs a client of the SDK. */
const WITH_CLIENTS = ['src/aws/kinesis-client.ts', 'src/aws/s3-client.ts', 'src/source/s3/inventory.ts'];

describe('rooms', () => {
  it("hold every file but the library's face and the program's entry", () => {
    expect(files('src/*.*').toSorted()).toEqual(DOORS);
    expect([...new Set(sources.filter((path) => /^src\/.+\//.test(path)).map(roomOf))].toSorted()).toEqual(
      ROOMS.toSorted(),
    );
  });

  it('stand on those before them alone', () => {
    const upwards = imports()
      .filter(
        ({ from, to }) => from.split('/').length > 2 && to.startsWith('src/') && to.split('/').length > 2,
      )
      .filter(({ from, to }) => ROOMS.indexOf(roomOf(to)) > ROOMS.indexOf(roomOf(from)));
    expect(upwards).toEqual([]);
  });

  it('of a sink stand on src/publish, which knows none of them', () => {
    const intoSinks = imports().filter(({ to }) => /^src\/publish\/.+\//.test(to));
    const outsiders = intoSinks.map(({ from }) => from).filter((from) => !/^src\/publish\/.+\//.test(from));
    expect([...new Set(outsiders)].toSorted()).toEqual(['src/run/sinks.ts', 'workers/publish.ts']);
  });

  it('load the clients of the SDK where one is needed, and not with every start', () => {
    const loading = grep(sources, /^import (?!type\b).*'@aws-sdk\/client-|^\} from '@aws-sdk\/client-/);
    const loaders = new Set(loading.map((line) => line.split(':')[0]!));
    expect([...loaders].filter((path) => !path.startsWith('src/embedded/')).toSorted()).toEqual(WITH_CLIENTS);
    const names = WITH_CLIENTS.map((path) => path.split('/').at(-1));
    const early = grep(sources, new RegExp(`^(?:import|export|\\}).* from '[^']*/(?:${names.join('|')})'`));
    expect(early.filter((line) => !/^\S+ import type\b/.test(line))).toEqual([]);
  });

  it('name Kinesis and its calls only where that has a reason', () => {
    const code = files('src/**/*.{ts,cc,h}').filter((path) => !path.endsWith('.d.ts'));
    const naming = code.filter((path) => /kinesis|putrecords|getrecords/i.test(read(path)));
    const isNamed = (path: string) =>
      Object.keys(KINESIS_NAMED).some(
        (known) => path === known || (known.endsWith('/') && path.startsWith(known)),
      );
    expect(naming.filter((path) => !isNamed(path) || path.startsWith('src/native/scan'))).toEqual([]);
    const reasons = Object.keys(KINESIS_NAMED).filter(
      (known) => !naming.some((path) => path.startsWith(known)),
    );
    expect(reasons).toEqual([]);
  });
});
