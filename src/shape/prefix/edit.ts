/**
 * Edit: makes a line's new text by splicing. Every character that no edit names stays as it was: forms of numbers, the order of names,
 * names that stand twice, spaces.
 * Takes  edits; valid JSON as text.
 * Gives  the text with all of them. Where a name stands more than once, every one is edited: what must not go out goes nowhere.
 * Owns   what each edit replaces. The twin of src/native/shape-edit.h, byte for byte.
 */
import { createHmac } from 'node:crypto';
import { parsePointer } from '../../scan/pointer.ts';
import type { Edit, Stages } from '../stages.ts';
import {
  behind,
  Container,
  type Line,
  lineOf,
  nameAt,
  replace,
  scalarEnd,
  spliced,
  valueEnd,
} from './line-text.ts';
import { Places } from './places.ts';

/** Puts something in place of a value, wherever it is there. @returns What is written in its place, given what is written. */
interface Replacement {
  readonly kind: 'replace';
  readonly pointer: string;
  readonly by: (written: string) => string;
}

export class Editor {
  readonly #places = new Places();
  readonly #edits = new Map<number, (Edit | Replacement)[]>();
  readonly #hashKey: Uint8Array | null;

  constructor({
    edits,
    hashKey,
  }: { readonly edits: readonly (Edit | Replacement)[] } & Pick<Stages, 'hashKey'>) {
    this.#hashKey = hashKey;
    for (const edit of edits) {
      const place = this.#places.add(parsePointer(edit.pointer));
      if (place === null) throw new RangeError('edits name too many places');
      this.#edits.set(place, [...(this.#edits.get(place) ?? []), edit]);
    }
  }

  apply(text: string): string {
    const line = lineOf(text);
    this.#visit(0, 0, line);
    return spliced(line);
  }

  /** @returns The token behind the value. */
  #visit(place: number, token: number, line: Line): number {
    const { chars } = line.tokens;
    const { children } = this.#places.list[place]!;
    const opener = chars[token];
    if (children.length === 0 || (opener !== '{' && opener !== '[')) return behind(line.tokens, token);
    const container = new Container(token, line);
    const seen = new Set<number>();
    let at = token + 1;
    for (let position = 0; chars[at] !== '}' && chars[at] !== ']'; position++) {
      const first = at;
      const value = opener === '{' ? at + 2 : at;
      const name = opener === '{' ? nameAt(line, first) : String(position);
      const child = this.#places.child(place, name);
      let next: number;
      if (child === null) next = behind(line.tokens, value);
      else {
        seen.add(child);
        for (const edit of this.#edits.get(child) ?? [])
          this.#change(edit, container, { first, value, isMember: opener === '{' });
        next = this.#visit(child, value, line);
      }
      at = chars[next] === ',' ? next + 1 : next;
    }
    if (opener === '{') this.#addMissing(children, seen, container, at);
    return at + 1;
  }

  #change(
    edit: Edit | Replacement,
    container: Container,
    { first, value, isMember }: { first: number; value: number; isMember: boolean },
  ): void {
    const { line } = container;
    const { at } = line.tokens;
    if (edit.kind === 'drop') container.drop(first, value);
    else if (edit.kind === 'rename') {
      if (isMember) replace(line, at[first]!, scalarEnd(line, first), JSON.stringify(edit.name));
    } else {
      const end = valueEnd(line, value);
      const written = line.text.slice(at[value]!, end);
      if (edit.kind === 'set') replace(line, at[value]!, end, edit.json);
      else if (edit.kind === 'replace') replace(line, at[value]!, end, edit.by(written));
      else if (written !== 'null') replace(line, at[value]!, end, this.#hash(written));
    }
  }

  #addMissing(
    children: readonly number[],
    seen: ReadonlySet<number>,
    container: Container,
    close: number,
  ): void {
    const { line } = container;
    const { at } = line.tokens;
    const place = at[close]!;
    let needsComma = close !== container.open + 1 && !container.isAllGone;
    for (const child of children) {
      if (seen.has(child)) continue;
      for (const edit of this.#edits.get(child) ?? []) {
        if (edit.kind !== 'set') continue;
        const member = `${JSON.stringify(this.#places.list[child]!.name)}:${edit.json}`;
        replace(line, place, place, needsComma ? `,${member}` : member);
        needsComma = true;
      }
    }
  }

  /** The characters of a text; anything else as it is written. */
  #hash(written: string): string {
    const content = written.startsWith('"') ? (JSON.parse(written) as string) : written;
    return `"${createHmac('sha256', this.#hashKey!).update(content.toWellFormed(), 'utf8').digest('hex')}"`;
  }
}
