/**
 * Line text: the text of a valid line as tokens, and the pieces of it that are replaced.
 * Takes  valid JSON as text. Gives  its tokens, where values end; the text with all splices.
 * Owns   the rule which comma and which white space go with a member that is dropped: those behind it. So edits of different places come to
 *        the same bytes in whatever order they are made (plan.ts).
 */

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

export interface Line {
  readonly text: string;
  readonly tokens: Tokens;
  readonly splices: Splice[];
}

export function lineOf(text: string): Line {
  return { text, tokens: tokenize(text), splices: [] };
}

/** The text with all splices of the line. */
export function spliced({ text, splices }: Line): string {
  let edited = '';
  let from = 0;
  // Sorting is stable: of splices at one place the first one comes first.
  for (const { at, end, text: inserted } of splices.sort((one, other) => one.at - other.at)) {
    edited += text.slice(from, at) + inserted;
    from = end;
  }
  return edited + text.slice(from);
}

/** An object or array of which children are dropped. */
export class Container {
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
      replace(this.line, tokens.at[first - 1]!, tokens.at[next]!, '');
      return;
    }
    this.#nextGone = next + 1;
    if (isLast) this.isAllGone = true;
    replace(this.line, tokens.at[first]!, tokens.at[isLast ? next : next + 1]!, '');
  }
}

export function replace({ splices }: Line, at: number, end: number, text: string): void {
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
export function behind({ chars }: Tokens, token: number): number {
  let depth = 0;
  for (let at = token; ; at++) {
    const char = chars[at];
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth === 0) return at + 1;
  }
}

/** Behind the last character of the name or value that is this one token. */
export function scalarEnd({ text, tokens }: Line, token: number): number {
  return tokens.at[token]! + text.slice(tokens.at[token]!, tokens.at[token + 1]!).trimEnd().length;
}

export function valueEnd(line: Line, token: number): number {
  const { chars, at } = line.tokens;
  const isContainer = chars[token] === '{' || chars[token] === '[';
  return isContainer ? at[behind(line.tokens, token) - 1]! + 1 : scalarEnd(line, token);
}

export function nameAt(line: Line, token: number): string {
  return JSON.parse(line.text.slice(line.tokens.at[token]!, scalarEnd(line, token))) as string;
}
