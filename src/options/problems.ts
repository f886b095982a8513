/**
 * Problems: what is wrong with the options of a command, collected, so that one message names it all.
 * Takes  words of one problem. Gives one OptionsError at the end.
 * Owns   the wording of what all flags have in common.
 */
import { OptionsError } from '../base/errors.ts';
import { type Flag, NO_VALUE, type RawFlags } from './flag.ts';
import { nearestTo } from './nearest.ts';

/** A value as a message shows it: as JSON, or where JSON has no such thing, by what it is. */
export function shownValue(value: unknown): string {
  if (value === NO_VALUE) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? `a ${typeof value}`.replace('a undefined', 'nothing');
  } catch {
    return 'an object that JSON cannot hold';
  }
}

export class Problems {
  readonly list: string[] = [];

  add(problem: string): void {
    if (!this.list.includes(problem)) this.list.push(problem);
  }

  /** @param received As it is shown: JSON, without what nobody should read. */
  expected(name: string, expected: string, received: string): void {
    this.add(`Expected --${name} to be ${expected}, but received ${received}.`);
  }

  /** Names flags that the command does not have, and judges those about its output, which nobody else reads. */
  checkFlags(raw: RawFlags, known: ReadonlyMap<string, Flag>): void {
    for (const [name, value] of Object.entries(raw)) {
      const flag = known.get(name);
      if (flag?.group === 'output') flag.read(value, this);
      if (flag !== undefined) continue;
      const nearest = nearestTo(name, [...known.keys()]);
      const hint = nearest === null ? '' : ` Did you mean --${nearest}?`;
      // A name with a hyphen in front is one that was typed with a single one.
      const typed = name.startsWith('-') ? name : `--${name}`;
      this.add(`Expected flags of this command, but received ${typed}. See --help.${hint}`);
    }
  }

  /** For a command that takes no words. @param advice What names things in their place. */
  checkNoWords(words: readonly string[], advice: string): void {
    if (words.length > 0) this.add(`Expected no arguments, but received ${words.join(' ')}. ${advice}`);
  }

  /** Names unknown options that a program gives. */
  unknownOptions(names: readonly string[], known: readonly string[]): void {
    for (const name of names) {
      if (known.includes(name)) continue;
      const nearest = nearestTo(name, known);
      const hint = nearest === null ? '' : ` Did you mean ${nearest}?`;
      this.add(`Expected options of this call, but received ${name}.${hint}`);
    }
  }

  /** Runs something that may throw problems of its own, and adds those. @returns Null where it did. */
  collect<T>(work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      for (const problem of error.problems) this.add(problem);
      return null;
    }
  }

  /** @throws {OptionsError} With every problem, if there is one. */
  finish(): void {
    if (this.list.length > 0) throw new OptionsError(this.list);
  }
}
