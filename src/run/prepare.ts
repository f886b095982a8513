/**
 * Prepare: everything that has to be known and open before the first byte moves, so that a mistake ends the run at once.
 * Takes  checked options.
 * Gives  clients, the stream's facts, the run's identity, its journal and its dead letters.
 * Owns   the order of the questions: nothing is written before the services have answered and every choice is made.
 */

import { createHash, randomBytes } from 'node:crypto';

import { dirname, join, resolve } from 'node:path';
import { untilNamed } from '../aws/await-name.ts';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { readGivenFile } from '../base/given-file.ts';
import { isObjectUri } from '../base/object-uri.ts';
import { DeadLetters } from '../journal/dead-letters.ts';
import { Journal } from '../journal/journal.ts';
import { tracePath } from '../journal/redrive-trace.ts';
import { type Identity, RUNS_FOLDER, runName } from '../journal/run-name.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { assertDistinct, deadLetterFiles, journalFiles, type NamedFile } from '../options/distinct-files.ts';
import { commandOf, identityOf } from '../options/identity.ts';
import type { RecordOptions } from '../options/records.ts';
import { findTargets } from '../options/targets.ts';
import type { SinkAddress, SinkFacts, SinkProbe, SinkTraits } from '../publish/sink.ts';
import type { ShardRange } from '../record/hash-range.ts';
import type { RecordRules } from '../scan/scanner.ts';
import type { StageSpec } from '../shape/stage.ts';
import type { Stages } from '../shape/stages.ts';
import { checkDeadLetters } from '../source/dead-letters.ts';
import type { Source } from '../source/source.ts';
import { type BudgetInput, tableBytesMax } from './budget.ts';
import { untilEnded } from './ending.ts';
import { type Chosen, chooseJournal, namedJournal, newRunRefusal, type Sought } from './near-runs.ts';
import { laterPrintOf, openStages, printOf } from './open-stages.ts';
import { tableIdentity, withTables } from './open-tables.ts';
import { openSink } from './sinks.ts';
import { openSource } from './sources.ts';

export interface Prepared {
  readonly source: Source;
  readonly sink: SinkProbe;
  readonly stream: SinkFacts;
  /** How publishers reach the sink. */
  readonly address: SinkAddress;
  readonly shards: readonly ShardRange[];
  readonly rules: RecordRules;
  readonly schema: { readonly text: string; readonly name: string } | null;
  readonly stages: Stages | null;
  readonly run: string;
  /** Null in a dry run, which delivers nothing, and in a redrive, whose file of dead letters that failed again says what is left. */
  readonly journal: Journal | null;
  readonly deadLetters: DeadLetters | null;
  readonly deadLetterPath: string | null;
  readonly digestKey: Uint8Array;
  /** Things the user should know, one line each. */
  readonly notices: readonly string[];
}

const DIGEST_KEY_BYTES = 16;

export interface PrepareHooks {
  /** Told at once what is waited for. */
  readonly onNotice?: (notice: string) => void;
  /** Whether a new run is wanted although another one covers the same objects; absent: nobody can be asked. */
  readonly askNewRun?: (warning: readonly string[], signal: AbortSignal) => Promise<boolean>;
}

/**
 * @param signal Ends it with the signal's reason, whatever is waited for. No journal has been opened then.
 * @throws {MillraceError} For whatever cannot work, with what to do about it.
 */
export async function prepare(
  options: BackfillOptions,
  signal: AbortSignal,
  { onNotice: onWait = () => {}, askNewRun }: PrepareHooks = {},
): Promise<Prepared> {
  const targets = await findTargets(options.aws, options.stream);
  const notices = [...targets.notices];
  const schema = await readSchema(options.schema, (notice) => notices.push(notice));
  const stages = await openStages(options);
  const sink = openSink(targets.stream, options.stream);
  const source = openSource(targets.source, options);
  try {
    const services = await untilEnded(ask(options, { sink, source, notices, signal, onWait }), signal);
    const asked = { source, sink, schema, notices, ...services };
    const tables = {
      ...{ source, signal, onNotice: (notice: string) => notices.push(notice) },
      bytesMax: tableBytesMax(budgetInputOf(options, services)),
    };
    const shaped = await untilEnded(withTables(stages, tables), signal);
    return await open(options, { ...asked, stages: shaped }, (warning) => agree(warning, signal, askNewRun));
  } catch (error) {
    source.close();
    sink.close();
    throw error;
  }
}

/** Who is asked, and who is told. */
interface Asking {
  readonly sink: SinkProbe;
  readonly source: Source;
  readonly notices: string[];
  readonly signal: AbortSignal;
  readonly onWait: (notice: string) => void;
}

/** Everything that the services have to answer. */
async function ask(
  options: BackfillOptions,
  { sink, source, notices, signal, onWait }: Asking,
): Promise<Pick<Prepared, 'stream' | 'shards' | 'address'>> {
  const stream = await untilNamed(() => sink.probe(signal), onWait, signal);
  checkTraits(options, stream);
  const shards = await sink.partitions(signal);
  if (options.deadLetters !== null) await checkDeadLetters(options.deadLetters, options.framing !== 'lines');
  const listing = { sources: listedSources(options), allowEmpty: options.allowEmpty, signal };
  await untilNamed(() => source.probe(listing), onWait, signal);
  const address = await sink.address(stream, { wire: options.wire, isAsked: !options.dryRun }, notices);
  return { stream, shards, address };
}

type Asked = Pick<
  Prepared,
  'source' | 'sink' | 'schema' | 'stages' | 'notices' | 'stream' | 'shards' | 'address'
>;

/** Opens what is on the disk. */
async function open(
  options: BackfillOptions,
  asked: Asked & { readonly notices: string[] },
  agreeTo: (warning: readonly string[]) => Promise<void>,
): Promise<Prepared> {
  const { stream, schema, stages, notices } = asked;
  const rules = recordRules(options, stream.traits);
  const prints = { hashKeyPrint: printOf(stages), laterPrint: laterPrintOf(stages) };
  const identity = {
    ...identityOf(options, stream.arn, schema?.text ?? null, prints),
    ...tableIdentity(stages),
  };
  const run = runName(stream.name, identity);
  const commandFor = (other: Identity, journal: string | null) =>
    commandOf(other, { options, identity, journal });
  const sought = {
    run,
    identity,
    birth: stream.birth,
    segmentBytes: options.segmentBytes,
    commandOf: commandFor,
  };
  const chosen = await choose(options, sought, (notice) => notices.push(notice));
  const base = { ...asked, rules, run: chosen.run };
  const paths = pathsOf(options, chosen);
  assertDistinct(filesOf(options, paths));
  if (chosen.warning.length > 0 && !options.newRun && !options.restart) await agreeTo(chosen.warning);
  if (paths.journal === null) {
    const { deadLetter: path } = paths;
    const owner = { id: randomBytes(8).toString('hex'), run, journal: null };
    const deadLetters = path === null ? null : await DeadLetters.open({ path, owner, resume: null });
    noticeAside(deadLetters, notices);
    const digestKey = randomBytes(DIGEST_KEY_BYTES);
    return { ...base, journal: null, deadLetters, deadLetterPath: path, digestKey };
  }
  const digestKey = randomBytes(DIGEST_KEY_BYTES).toString('hex');
  const { restart, requestPayer } = options;
  const named = { path: paths.journal, run: chosen.run, identity };
  const journal = await Journal.open({
    ...named,
    commandOf: (other) => commandFor(other, paths.journal),
    stream,
    digestKey,
    restart,
    requestPayer,
    deadLetter: resolve(paths.deadLetter),
  });
  const deadLetters = await openDeadLetters(journal, paths.deadLetter, notices);
  return {
    ...base,
    journal,
    deadLetters,
    deadLetterPath: paths.deadLetter,
    digestKey: Buffer.from(journal.digestKey, 'hex'),
  };
}

/** @throws {MillraceError} When nobody wants the run. */
async function agree(
  warning: readonly string[],
  signal: AbortSignal,
  askNewRun: PrepareHooks['askNewRun'],
): Promise<void> {
  if (askNewRun === undefined) throw newRunRefusal(warning);
  if (await untilEnded(askNewRun(warning, signal), signal)) return;
  throw new MillraceError('MILLRACE_JOURNAL', 'Nothing was sent: no new run was wanted');
}

/** Where a run keeps what it has to remember. */
type Paths =
  | { readonly journal: null; readonly deadLetter: string | null }
  | { readonly journal: string; readonly deadLetter: string };

function pathsOf(options: BackfillOptions, { path: journal, run }: Chosen): Paths {
  if (keepsNothing(options)) return { journal: null, deadLetter: options.deadLetter };
  return { journal, deadLetter: options.deadLetter ?? deadLettersBeside(journal, run) };
}

/** Where dead letters go when no file is named. */
export function deadLettersBeside(journalPath: string, run: string): string {
  return join(dirname(journalPath), `${run}.dead-letters.jsonl`);
}

/** A dry run delivers nothing; a redrive's file of dead letters that failed again says what is left. */
function keepsNothing({ dryRun, deadLetters }: BackfillOptions): boolean {
  return dryRun || deadLetters !== null;
}

/** Which journal the run goes on with. */
async function choose(
  options: BackfillOptions,
  sought: Sought,
  notice: (text: string) => void,
): Promise<Chosen> {
  if (keepsNothing(options)) return { path: '', run: sought.run, warning: [] };
  return options.journal === null
    ? await chooseJournal(RUNS_FOLDER, sought, notice)
    : await namedJournal(options.journal, sought);
}

/** All files of a run, read and written. */
function filesOf(
  { deadLetters, schema, hashKeyFile, stages }: BackfillOptions,
  { journal, deadLetter }: Paths,
): NamedFile[] {
  return [
    ...(deadLetters === null ? [] : deadLettersToSend(deadLetters)),
    ...(schema === null ? [] : [{ name: '--schema', path: schema }]),
    ...(hashKeyFile === null ? [] : [{ name: '--hash-key-file', path: hashKeyFile }]),
    ...tableFiles(stages),
    ...(journal === null ? [] : journalFiles(journal)),
    ...(deadLetter === null ? [] : deadLetterFiles(deadLetter)),
  ];
}

function tableFiles(specs: readonly StageSpec[]): NamedFile[] {
  const tables = specs.flatMap((spec) => (spec.kind === 'enrich' ? [spec.table] : []));
  // Stages may share one.
  const paths = new Set(tables.filter((table) => !isObjectUri(table)).map((path) => resolve(path)));
  return Array.from(paths, (path) => ({ name: 'a lookup table', path }));
}

function deadLettersToSend(path: string): NamedFile[] {
  return [
    { name: 'the dead letters to send', path },
    { name: 'the trace of the redrive', path: tracePath(path) },
  ];
}

/** The SOURCEs that are listed: beside an inventory they only choose among its objects. */
export function listedSources({ sources, inventory }: Pick<BackfillOptions, 'sources' | 'inventory'>) {
  return inventory === null ? sources : [];
}

/** What a run's buffers depend on, without its tables. */
export function budgetInputOf(
  options: BackfillOptions,
  { stream, shards }: Pick<Prepared, 'stream' | 'shards'>,
): BudgetInput {
  return {
    ...options,
    publishers: options.dryRun ? 1 : Math.max(1, Math.min(options.publishers, shards.length)),
    recordBytesMax: recordRules(options, stream.traits).recordBytesMax,
    isOrdered: options.order === 'key',
  };
}

/** What makes a line a record: the same for the run that sends it and the one that looks for it. */
export function recordRules(
  options: RecordOptions,
  { recordBytesMax: streamMax, keyCharsMax }: Pick<SinkTraits, 'recordBytesMax' | 'keyCharsMax'>,
): RecordRules {
  const { partitionKey, explicitHashKey, onMissingKey, appendNewline, depthMax } = options;
  const recordBytesMax = Math.min(options.recordBytesMax ?? streamMax, streamMax);
  return {
    partitionKey,
    explicitHashKey,
    onMissingKey,
    appendNewline,
    depthMax,
    recordBytesMax,
    keyCharsMax,
  };
}

async function openDeadLetters(journal: Journal, path: string, notices: string[]): Promise<DeadLetters> {
  try {
    const covers = journal.state.covers.bind(journal.state);
    const resume = journal.resumed ? { covers, count: journal.before.tally.rejected } : null;
    // A journal's key is its own; its hash names the run without giving the key away.
    const id = createHash('sha256').update(journal.digestKey).digest('hex').slice(0, 16);
    const owner = { id, run: journal.run, journal: resolve(journal.path) };
    const deadLetters = await DeadLetters.open({ path, owner, resume });
    noticeAside(deadLetters, notices);
    journal.beforeCommit = () => deadLetters.flush();
    return deadLetters;
  } catch (error) {
    await journal.close({ status: 'failed', complete: false });
    throw error;
  }
}

function noticeAside(deadLetters: DeadLetters | null, notices: string[]): void {
  if (deadLetters === null || deadLetters.setAside === null) return;
  notices.push(
    deadLetters.removed === 0
      ? `earlier letters were moved from ${deadLetters.path} to ${deadLetters.setAside}`
      : `${deadLetters.path} does not say whose letters it holds: ${deadLetters.removed} that this run's journal does not know were taken out, and all are kept in ${deadLetters.setAside}`,
  );
}

function checkTraits(options: BackfillOptions, stream: SinkFacts): void {
  const problems: string[] = [];
  if (stream.traits.isAutoDistributed) {
    const why = `stream ${stream.name} distributes records by itself (RecordDistributionStrategy AUTO)`;
    if (options.order === 'key') problems.push(`Expected --order none: ${why}, so no order can hold.`);
    if (options.aggregate)
      problems.push(`Expected no --aggregate: ${why}, so consumers would drop aggregated records.`);
  }
  if (problems.length > 0) throw new OptionsError(problems);
}

/** Reads and tries a schema. @throws {OptionsError} When it cannot be read or is not a schema. */
export async function readSchema(
  path: string | null,
  onNotice: (notice: string) => void = () => {},
): Promise<{ text: string; name: string } | null> {
  if (path === null) return null;
  let text: string;
  try {
    text = await readGivenFile(path);
  } catch (error) {
    throw new OptionsError([
      `Cannot read --schema ${path}: ${error instanceof Error ? error.message : error}.`,
    ]);
  }
  // Loaded here alone: the compiler of schemas is most of what a start without one would load.
  (await import('../scan/schema.ts')).createValidator(text, path, onNotice);
  return { text, name: path };
}
