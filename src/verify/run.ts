/**
 * Verify run: proves that the stream holds what the sources hold.
 * Takes  verify options. Gives  the report of src/verify/verify.ts.
 * Owns   the joining of its two sides, and what a journal says about where to begin.
 */
import { untilNamed } from '../aws/await-name.ts';
import { describeSuccessor, isSameStream } from '../aws/stream-birth.ts';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { formatCount } from '../base/quantity.ts';
import { findTargets, hasStreamEndpoint } from '../options/targets.ts';
import { flagsUnlike, type VerifyRunOptions } from '../options/verify.ts';
import type { SinkFacts, SinkProbe } from '../publish/sink.ts';
import { tableBytesMax } from '../run/budget.ts';
import { untilEnded } from '../run/ending.ts';
import { laterPrintOf, openStages, printOf } from '../run/open-stages.ts';
import { assertSameTables, withTables } from '../run/open-tables.ts';
import { listedSources, readSchema, recordRules } from '../run/prepare.ts';
import { openSink } from '../run/sinks.ts';
import { openSource } from '../run/sources.ts';
import type { RecordRules } from '../scan/scanner.ts';
import type { Stages } from '../shape/stages.ts';
import type { Source } from '../source/source.ts';
import { streamNameOf } from '../stream/list-shards.ts';
import type { StartPosition } from '../stream/position.ts';
import { accountFor } from './account.ts';
import type { ComparePhase } from './compare.ts';
import { readRunDeadLetters } from './dead-letters.ts';
import type { RunFacts } from './facts.ts';
import type { VerifyProgressView } from './progress.ts';
import type { VerifyReport } from './report.ts';
import { createSourceSide, type SourceProgress } from './source-side.ts';
import { SourceWitness } from './source-witness.ts';
import { verify } from './verify.ts';

export interface VerifyHooks {
  readonly signal?: AbortSignal;
  readonly onNotice?: (text: string) => void;
  readonly onPhase?: (phase: ComparePhase) => void;
  /** Called about four times a second. */
  readonly onProgress?: (view: VerifyProgressView) => void;
}

const PROGRESS_INTERVAL_MS = 250;

const VOLATILE_NOTICE =
  '--volatile-transform: the transforms may have made other records of the same lines than the run had, so differences prove no fault, and a line that was sent twice may be two records';

/** Clocks of this machine and the service may differ by this much. Unexpected records from before the run do no harm. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** @param facts Of the journal, or null. @throws {MillraceError} When it cannot begin; later failures are in the report. */
export async function verifyRun(
  options: VerifyRunOptions,
  facts: RunFacts | null,
  hooks: VerifyHooks = {},
): Promise<VerifyReport> {
  const { source: sourceTarget, stream: target, notices } = await findTargets(options.aws, options.stream);
  for (const notice of notices) hooks.onNotice?.(notice);
  const sinks: SinkProbe[] = [];
  const open = (name: string) => {
    const sink = openSink(target, name);
    sinks.push(sink);
    return sink;
  };
  const given = open(options.stream);
  const source = openSource(sourceTarget, options);
  try {
    const { signal } = hooks;
    const notice = (text: string) => hooks.onNotice?.(text);
    const finding = untilNamed(() => findStream(given, open, options, facts, signal), notice, signal);
    const { sink, stream } = await untilEnded(finding, signal);
    if (facts !== null && stream.arn === facts.identity.stream) assertStreamOf(facts, stream);
    const listing = { sources: listedSources(options), allowEmpty: options.allowEmpty };
    const probe = () => source.probe({ ...listing, ...(signal && { signal }) });
    await untilEnded(untilNamed(probe, notice, signal), signal);
    const schemaText = facts?.identity.schema;
    const schema =
      typeof schemaText === 'string'
        ? { text: schemaText, name: 'of the journal' }
        : await readSchema(options.schema);
    const rules = recordRules(options, stream.traits);
    const stages = await untilEnded(openShaped(options, facts, rules, source, hooks), signal);
    const deadLetters = await readRunDeadLetters({
      ...{ deadLetter: options.deadLetter, redriven: options.redriven, facts, stream: stream.name },
      memoryBytesMax: options.memoryBytes,
    });
    const witness = new SourceWitness(deadLetters, facts, options.examplesMax);
    const notices = new Set<string>();
    if (stages?.isVolatile) notices.add(VOLATILE_NOTICE);
    const others = facts === null ? [] : flagsUnlike(options, facts.identity);
    if (others.length > 0)
      notices.add(
        `compared with ${others.map((name) => `--${name}`).join(', ')} as given here, not as the run had it`,
      );
    const sourceSide = createSourceSide({
      sources: options.sources,
      options,
      source,
      rules,
      schema,
      stages,
      firstLines: facts?.firstLines ?? null,
      observer: witness,
      onNotice: (text) => notices.add(text),
    });
    const watch = watchProgress(sourceSide, hooks);
    const compared = await verify({
      source: sourceSide,
      target,
      stream: stream.id,
      start: startOf(options, facts),
      ...(options.untilMs !== null && { untilMs: options.untilMs }),
      ...(facts && { putFromMs: facts.startedAtMs }),
      wire: options.wire,
      isStrict: options.isStrict,
      examplesMax: options.examplesMax,
      memoryBytesMax: options.memoryBytes,
      isExcused: (place) => witness.isExcused(place),
      ...(hooks.signal && { signal: hooks.signal }),
      ...watch.hooks,
    });
    watch.stop();
    if (options.limitLines !== null)
      notices.add(
        `only the first ${formatCount(options.limitLines)} lines of the source were compared, as --limit says`,
      );
    const found = accountFor(compared, witness.account(sourceSide.tally()));
    const report = { ...found, warnings: [...found.warnings, ...Array.from(notices, asSentence)] };
    if (report.status.startsWith('match')) await assertStillThere(sink, stream, hooks.signal);
    return report;
  } finally {
    source.close();
    for (const one of sinks) one.close();
  }
}

/** The stages of the run, with its tables. */
async function openShaped(
  options: VerifyRunOptions,
  facts: RunFacts | null,
  rules: RecordRules,
  source: Source,
  { onNotice = () => {}, signal = new AbortController().signal }: VerifyHooks,
): Promise<Stages | null> {
  const given = await openStages(options);
  assertSameStages(facts, given);
  const bytesMax = tableBytesMax({ ...options, ...rules, publishers: 1, isOrdered: false });
  const stages = await withTables(given, { source, bytesMax, onNotice, signal });
  assertSameTables(facts?.identity, stages);
  return stages;
}

/** @throws {OptionsError} When another key, or another transform, would make other records of every line. */
function assertSameStages(facts: RunFacts | null, stages: Stages | null): void {
  const kept = facts?.identity.hashKeyPrint ?? null;
  if (stages?.hashKey != null && kept !== null && kept !== printOf(stages))
    throw new OptionsError(['Expected the key of --hash that the run had, but received another one.']);
  const later = facts?.identity.laterPrint ?? null;
  if (facts !== null && later !== laterPrintOf(stages))
    throw new OptionsError([
      'Expected the transforms that the run had, but received others: their modules, or files that these import, were changed since.',
    ]);
}

/**
 * A stream of another name is compared as it is: that is what was asked for.
 * @throws {MillraceError} When the run's stream is gone and another stream has its name: nothing that the run put can be on it.
 */
function assertStreamOf({ stream: before, identity }: RunFacts, { name, arn, birth }: SinkFacts): void {
  if (arn !== identity.stream || isSameStream(before, birth)) return;
  const why = describeSuccessor(name, before, birth);
  const advice = 'deliver everything to the new one with `millrace backfill ... --restart`';
  throw new MillraceError('MILLRACE_STREAM', `Cannot verify the run of the journal: ${why}; ${advice}`);
}

/** @throws {MillraceError} When what was read is partly another stream's. */
async function assertStillThere(sink: SinkProbe, stream: SinkFacts, signal?: AbortSignal): Promise<void> {
  const { birth } = await sink.probe(signal);
  if (isSameStream(stream.birth, birth)) return;
  const why = describeSuccessor(stream.name, stream.birth, birth);
  throw new MillraceError('MILLRACE_STREAM', `Cannot call it a match: ${why}; verify again`, {
    exitCode: EXIT.resumable,
  });
}

interface Found {
  readonly sink: SinkProbe;
  readonly stream: SinkFacts;
}

/** A journal knows the stream by its ARN, whatever the run was told; an endpoint that knows no ARNs is asked by name. */
async function findStream(
  sink: SinkProbe,
  openByName: (name: string) => SinkProbe,
  { stream, aws }: VerifyRunOptions,
  facts: RunFacts | null,
  signal: AbortSignal | undefined,
): Promise<Found> {
  try {
    return { sink, stream: await sink.probe(signal) };
  } catch (error) {
    const isNameable =
      stream.startsWith('arn:') && stream === facts?.identity.stream && hasStreamEndpoint(aws);
    if (!isNameable || !(error instanceof MillraceError) || error.exitCode !== EXIT.refused) throw error;
    const byName = openByName(streamNameOf(stream));
    const found = await byName.probe(signal).catch(() => {
      throw error;
    });
    return { sink: byName, stream: found };
  }
}

/** A warning is a sentence. */
function asSentence(notice: string): string {
  return `${notice[0]!.toUpperCase()}${notice.slice(1)}.`;
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
