/**
 * Account: what becomes of a comparison's verdict when every line and every object of the source has to be accounted for.
 * Takes  what comparing the records gave; the lines as two counters saw them; dead letters; objects that were left out.
 * Gives  the report that `verify` prints.
 * Owns   the rule that a match leaves nothing out: `match-with-rejects` where all that is not on the stream has a dead letter, `differ`
 *        where a rejected line has none, `failed` where something could not be compared.
 * Pure.
 */
import { type ErrorCode, MillraceError, type WireError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { describeObjects, type LeftOut, type LeftOutKind } from './left-out.ts';
import type { DeadLetterAccount, LetterlessPlace, LineAccount, NamedKind, VerifyReport } from './report.ts';
import type { ObjectPlace } from './sides.ts';
import type { ComparedReport } from './verify.ts';

export interface SourceAccount {
  readonly lines: LineAccount;
  /** Objects in which not every byte was counted. */
  readonly uneven: readonly ObjectPlace[];
  readonly deadLetters: DeadLetterAccount;
  readonly withoutLetter: readonly LetterlessPlace[];
  readonly leftOut: LeftOut;
  readonly examplesMax: number;
  /** What limits the account, a sentence each. */
  readonly warnings: readonly string[];
}

/** What a report names, and its kinds. */
const NAMED: Readonly<Record<NamedKind, readonly LeftOutKind[]>> = {
  archived: ['archived'],
  unreadable: ['unreadable', 'givenUp'],
  changed: ['changed', 'newer'],
  excluded: ['excluded'],
};

export function accountFor(compared: ComparedReport, account: SourceAccount): VerifyReport {
  const { excused: _, ...base } = compared;
  const { lines, deadLetters, leftOut, examplesMax, withoutLetter } = account;
  const failure = compared.error ?? failureOf(account);
  const status = statusOf(compared, account, failure);
  const each = <T>(of: (kinds: readonly LeftOutKind[]) => T) =>
    Object.fromEntries(Object.entries(NAMED).map(([name, kinds]) => [name, of(kinds)])) as Record<
      NamedKind,
      T
    >;
  const examples = each((kinds) => kinds.flatMap((kind) => leftOut.of(kind).examples).slice(0, examplesMax));
  return {
    ...base,
    status,
    error: status === 'failed' ? failure : null,
    lines,
    deadLetters: deadLetters,
    objects: each((kinds) => kinds.reduce((sum, kind) => sum + leftOut.of(kind).count, 0)),
    examples: { ...compared.examples, withoutLetter, ...examples },
    warnings: [...compared.warnings, ...account.warnings, ...warningsOf(account)],
  };
}

function statusOf(
  { status }: ComparedReport,
  { lines, deadLetters, leftOut }: SourceAccount,
  failure: WireError | null,
): VerifyReport['status'] {
  if (status !== 'match') return status;
  if (deadLetters.absent > 0) return 'differ';
  if (failure !== null) return 'failed';
  const isUnheld = deadLetters.file === null && lines.rejected > deadLetters.redriven;
  return isUnheld || deadLetters.held > 0 || leftOut.of('givenUp').count > 0 ? 'match-with-rejects' : 'match';
}

/** What keeps the comparison from being one of the whole source, or null. */
function failureOf({ lines, uneven, leftOut }: SourceAccount): WireError | null {
  const sum = lines.records + lines.blank + lines.rejected + lines.filtered;
  if (lines.counted + lines.added !== sum) {
    const found = `${lines.records} records, ${lines.blank} blank, ${lines.filtered} filtered and ${lines.rejected} rejected ones`;
    const why = `the source has ${lines.counted} by its line ends, and ${found} were found`;
    return wireOf('MILLRACE_WORKER', `Cannot account for every line: ${why}. This is a fault of Millrace`);
  }
  if (uneven.length > 0) {
    const what = describeObjects({ count: uneven.length, examples: uneven });
    return wireOf('MILLRACE_WORKER', `Cannot account for every byte of ${what}. This is a fault of Millrace`);
  }
  const parts = unreadOf(leftOut);
  if (parts.length === 0) return null;
  const advice = 'restore or repair what cannot be read, or leave it out with --exclude, and verify again';
  return wireOf(
    'MILLRACE_OBJECT_UNREADABLE',
    `Cannot verify all of the source: ${parts.join('; ')}; ${advice}`,
  );
}

const UNREAD = [
  ['archived', 'archived'],
  ['unreadable', 'could not be read to the end'],
  ['changed', 'changed while being read'],
] as const;

/** A phrase for each kind of object that nothing accounts for. */
function unreadOf(leftOut: LeftOut): string[] {
  return UNREAD.flatMap(([kind, what]) => {
    const named = leftOut.of(kind);
    return named.count === 0 ? [] : [`${what}: ${describeObjects(named)}`];
  });
}

function warningsOf({ deadLetters, leftOut }: SourceAccount): string[] {
  const warnings = unreadOf(leftOut).map((part) => `${capital(part)}: what is in there was not compared.`);
  const givenUp = leftOut.of('givenUp');
  if (givenUp.count > 0)
    warnings.push(`Could not be read to the end, and not by the run either: ${describeObjects(givenUp)}.`);
  const newer = leftOut.of('newer');
  if (newer.count > 0)
    warnings.push(`Changed since the run: ${describeObjects(newer)}; other versions were delivered.`);
  if (deadLetters.unclaimed > 0)
    warnings.push(
      `${deadLetters.unclaimed} dead letters are about lines that are on the stream, or not in what was compared.`,
    );
  return warnings;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function wireOf(code: ErrorCode, message: string): WireError {
  return new MillraceError(code, message, { exitCode: EXIT.resumable }).toWire();
}
