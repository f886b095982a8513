/**
 * Typed: the words of a command line, told apart. Pure.
 * Takes  words, and the flags that may be among them. Gives  plain words, and what was typed for each flag, right or wrong.
 * Never  takes a flag for the value of the one in front of it: `--journal --restart` would begin a journal called `--restart`. Node's
 *        parser does, and forgets how what it does not know was written.
 */
import { type Flag, NO_VALUE, type RawFlags } from './flag.ts';

/** What may be typed, by name. */
type Known = ReadonlyMap<string, Flag>;

/** A flag that comes twice counts as it was typed last; lists grow. */
export function readTyped(argv: readonly string[], known: Known): { words: string[]; typed: RawFlags } {
  const words: string[] = [];
  const values = new Map<string, unknown>();
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') words.push(...rest.splice(0));
    else if (word === '-' || !word.startsWith('-')) words.push(word);
    else {
      const { name, value } = readFlag(word, rest, known);
      const isMore = known.get(name)?.kind === 'list' && typeof value === 'string';
      const before = values.get(name);
      values.set(name, isMore ? [...(Array.isArray(before) ? before : []), value] : value);
    }
  }
  return { words, typed: Object.fromEntries(values) };
}

/** @param rest What follows: a value is taken from it. */
function readFlag(word: string, rest: string[], known: Known): { name: string; value: unknown } {
  const [, name, inline] = /^--([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  // What the command does not have keeps the name that it was typed with.
  if (name === undefined) return { name: word, value: true };
  const kind = known.get(name)?.kind;
  if (kind === undefined) {
    const isNegated = inline === undefined && known.get(name.replace(/^no-/, ''))?.kind === 'switch';
    return isNegated ? { name: name.slice('no-'.length), value: false } : { name, value: inline ?? true };
  }
  if (kind === 'switch') return { name, value: inline === undefined ? true : switchOf(inline) };
  const isThere = inline !== undefined || (rest.length > 0 && !/^--(?:[a-z]|$)/i.test(rest[0]!));
  return { name, value: isThere ? (inline ?? rest.shift()) : NO_VALUE };
}

function switchOf(text: string): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : text;
}
