/**
 * Near runs: which journal a run goes on with where none is named, and which runs are nearly the same.
 * Takes  the folder of journals, the run's name and identity.
 * Gives  the journal's path; the journals of runs about the same objects, with what they have delivered.
 * Owns   the rule that a slip of the hand delivers nothing twice: where such a run is found, somebody has to choose.
 * Never  writes, and never takes a file that it cannot read for another run.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isSameStream, type StreamBirth } from '../aws/stream-birth.ts';
import { MillraceError } from '../base/errors.ts';
import { formatCount } from '../base/quantity.ts';
import type { RunEntry } from '../journal/entries.ts';
import { errnoOf, realFiles, reasonOf } from '../journal/files.ts';
import { headerOf, lookInto } from '../journal/look.ts';
import { conditionOf, type Identity, identityDifferences } from '../journal/run-name.ts';
import { JournalState } from '../journal/state.ts';
import { isAboutSameObjects } from '../options/identity.ts';

export interface Sought {
  /** From `runName`. */
  readonly run: string;
  readonly identity: Identity;
  /** The stream as it is now. */
  readonly birth: StreamBirth;
  /** Of the present command: among several journals of the run, the one with the same value counts. */
  readonly segmentBytes: number;
  /** The command that goes on with a run. @param journal Null: the default place. */
  readonly commandOf: (identity: Identity, journal: string | null) => string;
}

/** Where the run's journal is, or will be. */
export interface Chosen {
  readonly path: string;
  /** The run's name. Runs of the first format keep theirs. */
  readonly run: string;
  /** What has to be known before the run may begin: one line each. Empty where it goes on, or resembles no other. */
  readonly warning: readonly string[];
}

interface Found {
  readonly path: string;
  readonly header: RunEntry;
}

/** @param notice Told of files that could not be looked at. @throws {MillraceError} Where it cannot be known which journal is the run's. */
export async function chooseJournal(
  folder: string,
  sought: Sought,
  notice: (text: string) => void,
): Promise<Chosen> {
  const path = join(folder, `${sought.run}.journal`);
  const chosen = { path, run: sought.run, warning: [] };
  if (await isThere(path)) return chosen;
  const found = await journalsIn(folder, notice);
  // Runs of the first format were named while --segment-size was part of their identity.
  const former = found.filter(
    (one) => isAtDefault(one) && identityDifferences(one.header.identity, sought.identity).length === 0,
  );
  if (former.length > 0) {
    const { path: formerPath, header } = oneOf(former, sought);
    return { ...chosen, path: formerPath, run: header.run };
  }
  const near = found.filter(({ header }) => isAboutSameObjects(header.identity, sought.identity));
  return { ...chosen, warning: await warningOf(near, sought) };
}

/** A journal that somebody has named: it is the run's, or it will be refused. */
export async function namedJournal(path: string, { run, identity }: Sought): Promise<Chosen> {
  const header = await headerOf(path).catch(() => null);
  const isOwn = header !== null && identityDifferences(header.identity, identity).length === 0;
  return { path, run: isOwn ? header.run : run, warning: [] };
}

/** What is said where nobody can be asked. @param warning About the run that has to be chosen. */
export function newRunRefusal(warning: readonly string[]): MillraceError {
  return new MillraceError('MILLRACE_JOURNAL', [
    'Cannot begin the run without a choice: it might send the same objects again',
    ...warning,
    'To deliver everything in a new run: the same command with --new-run',
  ]);
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await realFiles.sizeBytes(path)) !== null;
  } catch {
    // Whatever is wrong with it is reported when it is opened.
    return true;
  }
}

/** Whether the run's own command finds the journal without being told. */
function isAtDefault({ path, header }: Found): boolean {
  return basename(path) === `${header.run}.journal`;
}

function oneOf(former: readonly Found[], { segmentBytes, commandOf }: Sought): Found {
  const same = former.filter(({ header }) => header.identity.segmentBytes === segmentBytes);
  const [only, ...others] = same.length > 0 ? same : former;
  if (others.length === 0) return only!;
  throw new MillraceError('MILLRACE_JOURNAL', [
    `Cannot choose between ${former.length} journals of this run, which were begun with different --segment-size: name one with --journal`,
    ...former.map(({ path, header }) => `To resume it: ${commandOf(header.identity, path)}`),
  ]);
}

async function journalsIn(folder: string, notice: (text: string) => void): Promise<Found[]> {
  let names: string[];
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    names = entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.journal'))
      .map(({ name }) => name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new MillraceError('MILLRACE_JOURNAL', `Cannot read the folder ${folder}: ${reasonOf(error)}`);
  }
  const found: Found[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    try {
      const header = await headerOf(path);
      if (header !== null) found.push({ path, header });
    } catch (error) {
      notice(
        `the journal ${path} could not be looked at, so whether it is about the same objects is not known: ${reasonOf(error)}`,
      );
    }
  }
  return found;
}

async function warningOf(near: readonly Found[], sought: Sought): Promise<string[]> {
  const told: string[] = [];
  for (const one of near) {
    const { path, header } = one;
    const state = new JournalState({ rememberSettled: false });
    const why = await lookInto(path, (entry, atMs) => state.apply(entry, atMs)).then(
      ({ damage }) => (damage === null ? null : 'its journal is damaged'),
      (error: unknown) => reasonOf(error),
    );
    if (why === null && !hasDelivered(state, sought.birth)) continue;
    const differences = identityDifferences(header.identity, sought.identity);
    const how = differences.length > 0 ? differences.join('; ') : `its journal is ${path}`;
    const what = why ?? `${formatCount(state.acknowledged.records)} records of it are on the stream`;
    told.push(
      `${header.run} is about the same objects and the same stream (${what}): ${how}`,
      `To resume it, ${conditionOf(differences)}: ${sought.commandOf(header.identity, isAtDefault(one) ? null : path)}`,
    );
  }
  return told;
}

/** Whether anything of the run may be on the stream beyond what every resume sends again. */
function hasDelivered(state: JournalState, birth: StreamBirth): boolean {
  if (!isSameStream(state.stream, birth)) return false;
  return state.acknowledged.records > 0 || state.ended === null;
}
