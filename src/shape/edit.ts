/**
 * Edit: makes a line's new text by splicing. Every character that no edit names stays as it was: forms of numbers, the order of names,
 * names that stand twice, spaces.
 * Takes  edits; valid JSON as text.
 * Gives  the text with all of them. Where a name stands more than once, every one is edited: what must not go out goes nowhere.
 * Owns   the rule which comma and which white space go with a member: those behind it. So edits of different places come to the same bytes
 *        in whatever order they are made (plan.ts). The twin of src/native/shape-edit.h, byte for byte.
 */
import { createHmac } from 'node:crypto';
import { parsePointer } from '../scan/pointer.ts';
import { Places } from './places.ts';
import type { Edit, Stages } from './stages.ts';

interface Splice {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

/** Tokens of a line: structural characters, the first ones of strings and other values, and the end. */
interface Tokens {
  readonly chars: readonly string[];
  readonly at: readonly number[];
}

export class Editor {
  readonly #places = new Places();
  readonly #edits = new Map<number, Edit[]>();
  readonly #hashKey: Uint8Array | null;

  constructor({ edits, hashKey }: Pick<Stages, 'edits' | 'hashKey'>) {
    this.#hashKey = hashKey;
    for (const edit of edits) {
      const place = this.#places.add(parsePointer(edit.pointer));
      if (place === null) throw new RangeError('edits name too many places');
      this.#edits.set(place, [...(this.#edits.get(place) ?? []), edit]);
    }
  }

  apply(text: string): string {
    const tokens = tokenize(text);
    const splices: Splice[] = [];
    this.#visit(0, 0, { text, tokens, splices });
    let edited = '';
    let from = 0;
    // Sorting is stable: of splices at one place the first one comes first.
    for (const { at, end, text: inserted } of splices.sort((one, other) => one.at - other.at)) {
      edited += text.slice(from, at) + inserted;
      from = end;
    }
    return edited + text.slice(from);
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
    edit: Edit,
    container: Container,
    { first, value, isMember }: { first: number; value: number; isMember: boolean },
  ): void {
    const { line } = container;
    const { at } = line.tokens;
    if (edit.kind === 'drop') container.drop(first, value);
    else if (edit.kind === 'rename') {
      if (isMember) add(line, at[first]!, scalarEnd(line, first), JSON.stringify(edit.name));
    } else if (edit.kind === 'set') add(line, at[value]!, valueEnd(line, value), edit.json);
    else if (line.tokens.chars[value] !== 'n')
      add(
        line,
        at[value]!,
        valueEnd(line, value),
        this.#hash(line.text.slice(at[value]!, valueEnd(line, value))),
      );
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
        add(line, place, place, needsComma ? `,${member}` : member);
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

interface Line {
  readonly text: string;
  readonly tokens: Tokens;
  readonly splices: Splice[];
}

/** An object or array of which children are dropped. */
class Container {
  readonly open: number;
  readonly line: Line;
  isAllGone = false;
  /** Where the next child starts, while none before it stays. */
  #nextGone: number;

  constructor(open: number, line: Line) {
    this.open = open;
    this.line = line;
    this.#nextGone = open + 1;
  }

  drop(first: number, value: number): void {
    const { tokens } = this.line;
    const next = behind(tokens, value);
    const isLast = tokens.chars[next] !== ',';
    if (first !== this.#nextGone) {
      // Something stays in front of it: its comma goes with it.
      add(this.line, tokens.at[first - 1]!, tokens.at[next]!, '');
      return;
    }
    this.#nextGone = next + 1;
    if (isLast) this.isAllGone = true;
    add(this.line, tokens.at[first]!, tokens.at[isLast ? next : next + 1]!, '');
  }
}

function add({ splices }: Line, at: number, end: number, text: string): void {
  splices.push({ at, end, text });
}

function tokenize(text: string): Tokens {
  const chars: string[] = [];
  const at: number[] = [];
  const pattern = /[{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+/gy;
  for (let from = 0; from < text.length; from = pattern.lastIndex) {
    while (/[ \t\r\n]/.test(text[from] ?? '')) from++;
    pattern.lastIndex = from;
    if (!pattern.test(text)) break;
    chars.push(text[from]!);
    at.push(from);
  }
  chars.push('\n');
  at.push(text.length);
  return { chars, at };
}

/** The token behind a value's last. */
function behind({ chars }: Tokens, token: number): number {
  let depth = 0;
  for (let at = token; ; at++) {
    const char = chars[at];
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth === 0) return at + 1;
  }
}

/** Behind the last character of the name or value that is this one token. */
function scalarEnd({ text, tokens }: Line, token: number): number {
  return tokens.at[token]! + text.slice(tokens.at[token]!, tokens.at[token + 1]!).trimEnd().length;
}

function valueEnd(line: Line, token: number): number {
  const { chars, at } = line.tokens;
  const isContainer = chars[token] === '{' || chars[token] === '[';
  return isContainer ? at[behind(line.tokens, token) - 1]! + 1 : scalarEnd(line, token);
}

function nameAt(line: Line, token: number): string {
  return JSON.parse(line.text.slice(line.tokens.at[token]!, scalarEnd(line, token))) as string;
}
