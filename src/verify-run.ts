/**
 * Verify run: proves that the stream holds what the sources hold.
 * Takes  verify options. Gives  the report of src/verify/verify.ts.
 * Owns   the joining of its two sides, and what a journal says about where to begin.
 */
import { createKinesisClient } from './aws/kinesis-client.ts';
import { createS3Client } from './aws/s3-client.ts';
import { MillraceError } from './errors.ts';
import { realFiles } from './journal/files.ts';
import { readJournal } from './journal/read.ts';
import { JournalState } from './journal/state.ts';
import { readSchema, recordRules } from './prepare.ts';
import { probeStream } from './publish/stream-probe.ts';
import type { VerifyProgressView } from './report/verify-progress.ts';
import { probeSources } from './source/list.ts';
import { createSourceSide, type SourceProgress } from './source-side.ts';
import type { StartPosition } from './stream/position.ts';
import type { ComparePhase } from './verify/compare.ts';
import type { VerifyReport } from './verify/report.ts';
import { verify } from './verify/verify.ts';
import type { VerifyRunOptions } from './verify-options.ts';

export interface VerifyHooks {
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: ComparePhase) => void;
  /** Called about four times a second. */
  readonly onProgress?: (view: VerifyProgressView) => void;
}

const PROGRESS_INTERVAL_MS = 250;

/** What `verify` takes from a journal. */
export interface RunFacts {
  readonly identity: Readonly<Record<string, unknown>>;
  /** Before this time, in milliseconds since 1970, the run had put nothing. */
  readonly startedAtMs: number;
  /** Objects that the run could not read to their end. */
  readonly objectsFailed: number;
}

/** Clocks of this machine and the service may differ by as much. Foreign records from before the run do not disturb. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** @throws {MillraceError} MILLRACE_JOURNAL when it cannot be read. */
export async function readRunFacts(path: string): Promise<RunFacts> {
  const state = new JournalState({ rememberSettled: false });
  try {
    const file = await realFiles.open(path, 'read');
    try {
      await readJournal(file, (entry, atMs) => state.apply(entry, atMs));
    } finally {
      await file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MillraceError('MILLRACE_JOURNAL', `Cannot read journal ${path}: ${why}`, { cause: error });
  }
  if (state.header === null)
    throw new MillraceError(
      'MILLRACE_JOURNAL',
      `Cannot read journal ${path}: it is not a journal of Millrace`,
    );
  return {
    identity: state.header.identity,
    startedAtMs: state.createdAtMs,
    objectsFailed: state.totals.objectsFailed,
  };
}

/** @param facts Of the journal, or null. @throws {MillraceError} When it cannot begin; later failures are in the report. */
export async function verifyRun(
  options: VerifyRunOptions,
  facts: RunFacts | null,
  hooks: VerifyHooks = {},
): Promise<VerifyReport> {
  const { aws } = options;
  const target = { region: aws.region, profile: aws.profile, endpoint: aws.kinesisEndpoint };
  const kinesis = createKinesisClient(target);
  const s3 = createS3Client({ ...target, endpoint: aws.s3Endpoint }, options.downloads + 4);
  try {
    const stream = await probeStream(kinesis, options.stream);
    await probeSources(s3, options.sources, { requesterPays: options.requestPayer });
    const schemaText = facts?.identity.schema;
    const schema =
      typeof schemaText === 'string'
        ? { text: schemaText, name: 'of the journal' }
        : await readSchema(options.schema);
    let unreadable = 0;
    const source = createSourceSide({
      sources: options.sources,
      options,
      s3,
      rules: recordRules(options, stream),
      schema,
      onUnreadable: (count) => {
        unreadable = count;
      },
    });
    const watch = watchProgress(source, hooks);
    const report = await verify({
      source,
      target,
      stream: stream.arn,
      start: startOf(options, facts),
      ...(options.untilMs !== null && { untilMs: options.untilMs }),
      ...(facts && { putFromMs: facts.startedAtMs }),
      isStrict: options.isStrict,
      examplesMax: options.examplesMax,
      memoryBytesMax: options.memoryBytes,
      ...(hooks.signal && { signal: hooks.signal }),
      ...watch.hooks,
    });
    watch.stop();
    return unreadable === 0 ? report : withUnreadable(report, unreadable, facts?.objectsFailed ?? 0);
  } finally {
    s3.destroy();
    kinesis.destroy();
  }
}

/** What could not be read was not compared: a match is none, unless the run could not read it either. Differences stand. */
function withUnreadable(report: VerifyReport, unreadable: number, objectsFailed: number): VerifyReport {
  const what =
    unreadable === 1
      ? '1 object could not be read to its end'
      : `${unreadable} objects could not be read to their ends`;
  const warnings = [...report.warnings, `${what}: what is behind that was not compared.`];
  if (unreadable <= objectsFailed || report.status !== 'match') return { ...report, warnings };
  const message = `Cannot verify all of the source: ${what}; repair or --exclude what is damaged, and verify again`;
  const error = new MillraceError('MILLRACE_OBJECT_UNREADABLE', message, { exitCode: 3 }).toWire();
  return { ...report, status: 'failed', error, warnings };
}

function startOf(options: VerifyRunOptions, facts: RunFacts | null): StartPosition {
  if (options.from === 'trim-horizon') return { type: 'TRIM_HORIZON' };
  const timestampMs = options.from === 'journal' ? facts!.startedAtMs - CLOCK_SKEW_MS : options.from.timeMs;
  return { type: 'AT_TIMESTAMP', timestampMs };
}

/** Tells of both sides while they are read, until it is stopped. */
function watchProgress(source: { progress(): SourceProgress }, { onPhase, onProgress }: VerifyHooks) {
  const startedAtMs = performance.now();
  let phase: ComparePhase = { name: 'digest' };
  let records = 0;
  let streamTotal = 0;
  const tell = () => {
    const elapsedMs = performance.now() - startedAtMs;
    onProgress?.({ phase, source: source.progress(), stream: { records }, streamTotal, elapsedMs });
  };
  const timer = setInterval(tell, PROGRESS_INTERVAL_MS);
  return {
    hooks: {
      onPhase(next: ComparePhase) {
        if (phase.name === 'digest') streamTotal = records;
        phase = next;
        records = 0;
        onPhase?.(next);
      },
      onProgress: (count: number) => {
        records = count;
      },
    },
    stop: () => clearInterval(timer),
  };
}
