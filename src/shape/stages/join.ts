/**
 * Join: where in a record the key of a lookup stands, and how what was found gets into it.
 * Takes  a record as text; what was found, as JSON.
 * Gives  the key; the record with it, in which every byte that it does not replace stays as it was.
 * Owns   what becomes of a record for which nothing was found, and which places can be filled: members of objects, which are made where
 *        they are missing, and elements that are there.
 */
import { locate, parsePointer } from '../../scan/pointer.ts';
import { Editor } from '../prefix/edit.ts';
import { StageFailure } from '../stage-failure.ts';
import type { JoinSpec } from './join-spec.ts';

export class Join {
  readonly #spec: JoinSpec;
  readonly #where: string;
  readonly #on: readonly string[];
  readonly #into: readonly string[];
  /** The last name of `into` in quotes, or null where it may be written in other ways, too. */
  readonly #quoted: string | null;

  /** @param where What is looked into, for dead letters: `the table users.csv`. */
  constructor(spec: JoinSpec, where: string) {
    this.#spec = spec;
    this.#where = where;
    this.#on = parsePointer(spec.on);
    this.#into = parsePointer(spec.into);
    const name = this.#into.at(-1) ?? '';
    const quoted = JSON.stringify(name);
    this.#quoted = quoted === `"${name}"` && !name.includes('/') ? quoted : null;
  }

  /**
   * @param text Valid JSON.
   * @returns null where there is no key. Integers are taken as they are written: a double may not hold them.
   */
  keyIn(text: string): string | number | bigint | boolean | null {
    const at = locate(text, this.#on);
    if (at === undefined) return null;
    const written = text.slice(at.start, at.end);
    if (written.startsWith('{') || written.startsWith('[')) return null;
    return /^-?\d+$/.test(written)
      ? BigInt(written)
      : (JSON.parse(written) as string | number | boolean | null);
  }

  /**
   * @param found What was found, as JSON, or undefined.
   * @returns null: the record is dropped. @throws {StageFailure} It is a dead letter.
   */
  outcome(text: string, found: string | undefined): string | null {
    const { onMissing, on } = this.#spec;
    if (found !== undefined) return this.#put(text, found);
    if (onMissing === 'drop') return null;
    if (onMissing === 'null') return this.#put(text, 'null');
    throw new StageFailure(`${this.#where} has nothing for what ${on} leads to`);
  }

  #put(text: string, json: string): string {
    // Nearly always the member is not there yet: then no other one need be looked at.
    const isNew = this.#quoted !== null && !text.includes(this.#quoted) && !text.includes('\\u');
    const end = isNew ? this.#endOfParent(text) : null;
    return end === null ? this.#set(text, json) : append(text, end, `${this.#quoted}:${json}`);
  }

  /** Where the object that the member goes into is closed, or null. */
  #endOfParent(text: string): number | null {
    if (this.#into.length === 1) return /^\s*\{/.test(text) ? text.lastIndexOf('}') : null;
    const at = locate(text, this.#into.slice(0, -1));
    return at !== undefined && text[at.start] === '{' ? at.end - 1 : null;
  }

  #set(text: string, json: string): string {
    for (let depth = this.#into.length - 1; ; depth--) {
      const at = locate(text, this.#into.slice(0, depth));
      if (at === undefined) continue;
      const isLast = depth === this.#into.length - 1;
      const isElement = text[at.start] === '[' && isLast && locate(text, this.#into) !== undefined;
      if (text[at.start] !== '{' && !isElement) throw this.#inTheWay(depth);
      return set(text, this.#pointer(depth + 1), this.#within(depth + 1, json));
    }
  }

  /** What goes in where objects around it have to be made. */
  #within(depth: number, json: string): string {
    return this.#into.slice(depth).reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, json);
  }

  /** The beginning of `into`. */
  #pointer(depth: number): string {
    return this.#spec.into
      .split('/')
      .slice(0, depth + 1)
      .join('/');
  }

  #inTheWay(depth: number): StageFailure {
    const place = depth === 0 ? 'the record' : `what ${this.#pointer(depth)} leads to`;
    return new StageFailure(`nothing can go to ${this.#spec.into}: ${place} is no object`);
  }
}

/** @param end The place of the bracket that closes the object. */
function append(text: string, end: number, member: string): string {
  let before = end - 1;
  while (isSpace(text.charCodeAt(before))) before--;
  return `${text.slice(0, end)}${text[before] === '{' ? '' : ','}${member}${text.slice(end)}`;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

function set(text: string, pointer: string, json: string): string {
  return new Editor({ edits: [{ kind: 'set', pointer, json }], hashKey: null }).apply(text);
}
