/**
 * Preview: lines before and after the stages of a run, as scripts and people read them.
 * Takes  lines with what became of them; how wide the terminal is, and whether it has colours.
 * Gives  one JSON object a line (docs/CLI.md), or text: side by side where there is room, below each other elsewhere.
 * Owns   the field names, which are a contract, and how changed parts are marked. What others wrote goes through printable.ts.
 */
import type { RejectCode } from '../base/errors.ts';
import { objectUri } from '../base/object-uri.ts';
import { printable } from '../base/printable.ts';
import { formatCount } from '../base/quantity.ts';
import { changesBetween, type Part } from './changes.ts';
import { columnsOf, wrap } from './columns.ts';

/** Bytes of others: as text where they are UTF-8, else in base64. */
export interface PreviewBytes {
  readonly text: string | null;
  readonly base64: string | null;
}

export interface PreviewRecord extends PreviewBytes {
  readonly partitionKey: string;
  /** Decimal, where the record brings one. */
  readonly explicitHashKey: string | null;
}

export interface PreviewLine {
  /** 1 for the first one. */
  readonly line: number;
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** Of its first byte in the (decompressed) object. */
  readonly offset: number;
  /** Without its line end. */
  readonly length: number;
  readonly outcome: 'sent' | 'filtered' | 'rejected' | 'blank' | 'unread';
  /** What filtered or rejected it: `sample`, `where`, a stage's label; null: no stage. */
  readonly stage: string | null;
  /** Of its dead letter. */
  readonly code: RejectCode | null;
  /** One sentence: why it is filtered or rejected. */
  readonly reason: string | null;
  readonly before: PreviewBytes;
  readonly records: readonly PreviewRecord[];
}

/** An object of which lines are missing, because it cannot be read to its end. */
export interface PreviewTrouble {
  readonly bucket: string;
  readonly key: string;
  readonly code: RejectCode;
  readonly reason: string;
}

export interface Preview {
  readonly lines: readonly PreviewLine[];
  readonly troubles: readonly PreviewTrouble[];
  /** Something lies behind the lines. */
  readonly more: boolean;
}

export interface PreviewLook {
  /** 0: nobody knows, as in a file. */
  readonly columns: number;
  readonly hasColours: boolean;
}

/** From so many columns on before and after stand side by side. */
const WIDE_COLUMNS = 100;
const BETWEEN = ' │ ';
/** More of a line is not shown to people. */
const SHOWN_CHARS_MAX = 4_000;
/** What stands around changed parts where there are no colours. */
const MARKS = { removed: ['[-', '-]'], added: ['{+', '+}'] } as const;
const INDENT = '    ';
const COLOURS = { removed: 31, added: 32, dropped: 33, refused: 31, faint: 2 } as const;

/** One JSON object a line; objects that could not be read stand behind the lines. */
export function previewJson({ lines, troubles }: Preview): string {
  const objects = troubles.map((trouble) => ({ line: null, ...trouble, outcome: 'unreadable' }));
  return [...lines, ...objects].map((line) => printable(JSON.stringify(line))).join('\n');
}

/** For people; it may go to a terminal as it is. */
export function formatPreview(preview: Preview, look: PreviewLook): string {
  const painter = new Painter(look);
  const lines = preview.lines.flatMap((line) => painter.line(line));
  const troubles = preview.troubles.map(({ bucket, key, code, reason }) =>
    painter.paint({
      text: `${printable(objectUri({ bucket, key }))}: ${code}: ${printable(reason)}`,
      colour: 'refused',
    }),
  );
  return [...lines, ...troubles, summaryOf(preview)].join('\n');
}

function summaryOf({ lines, more }: Preview): string {
  const count = (outcome: PreviewLine['outcome']) => lines.filter((line) => line.outcome === outcome).length;
  const records = lines.reduce((sum, line) => sum + line.records.length, 0);
  const others = [
    [count('filtered'), 'filtered'],
    [count('rejected'), count('rejected') === 1 ? 'dead letter' : 'dead letters'],
    [count('blank'), 'blank'],
  ] as const;
  const rest = others.filter(([n]) => n > 0).map(([n, name]) => `, ${formatCount(n)} ${name}`);
  const behind = more ? 'more lies behind them' : 'nothing lies behind them';
  return `${counted(lines.length, 'line')}, ${counted(records, 'record')}${rest.join('')}; ${behind}`;
}

function counted(count: number, name: string): string {
  return `${formatCount(count)} ${name}${count === 1 ? '' : 's'}`;
}

/** A remark of ours. */
interface Remark {
  readonly text: string;
  readonly colour: keyof typeof COLOURS;
}

class Painter {
  readonly #isWide: boolean;
  /** Of the column of what comes after, and of all where there is one column. */
  readonly #width: number;
  readonly #hasColours: boolean;

  constructor({ columns, hasColours }: PreviewLook) {
    this.#isWide = columns >= WIDE_COLUMNS;
    const narrow = columns > INDENT.length + 1 ? columns - INDENT.length : Number.POSITIVE_INFINITY;
    this.#width = this.#isWide ? Math.floor((columns - BETWEEN.length) / 2) : narrow;
    this.#hasColours = hasColours;
  }

  line(line: PreviewLine): string[] {
    const { before, records } = line;
    const place = `${line.line} ${printable(objectUri(line))} byte ${line.offset}`;
    const head = this.paint({ text: place, colour: 'faint' });
    const original = shown(before);
    const remark = remarkOn(line);
    if (remark !== null) return [head, ...this.#pair([{ text: original, isChanged: false }], [], remark)];
    const pairs = records.flatMap((record, i) => {
      const [removed, added] = changesBetween(original, shown(record));
      const isSame = record.text !== null && record.text === before.text;
      const key = `${keyOf(record)}${isSame ? ', unchanged' : ''}`;
      return this.#pair(i === 0 ? removed : [], added, { text: key, colour: 'faint' });
    });
    return [head, ...pairs];
  }

  paint({ text, colour }: Remark): string {
    return this.#hasColours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }

  /** @param remark Below what comes after. */
  #pair(before: readonly Part[], after: readonly Part[], remark: Remark): string[] {
    const left = this.#rows(before, 'removed');
    const right = this.#rows(after, 'added');
    const said = wrap([{ text: remark.text, isChanged: false }], this.#width).map((row) =>
      this.paint({ text: row.map(({ text }) => text).join(''), colour: remark.colour }),
    );
    if (this.#isWide) return this.#sideBySide(left, [...right, ...said]);
    const marked = (rows: readonly string[], mark: string) =>
      rows.map((row, i) => `${i === 0 ? mark : INDENT}${row}`);
    return [...marked(left, '  - '), ...marked(right, '  + '), ...said.map((row) => `${INDENT}${row}`)];
  }

  #sideBySide(left: readonly string[], right: readonly string[]): string[] {
    return Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
      const cell = left[i] ?? '';
      return `${cell}${' '.repeat(Math.max(0, this.#width - columnsOf(cell)))}${BETWEEN}${right[i] ?? ''}`;
    });
  }

  /** Changed parts are coloured, or stand in brackets. */
  #rows(parts: readonly Part[], colour: 'removed' | 'added'): string[] {
    const [open, close] = MARKS[colour];
    const marked = parts.map(({ text, isChanged }) => {
      const visible = printable(text);
      return { text: isChanged && !this.#hasColours ? `${open}${visible}${close}` : visible, isChanged };
    });
    return wrap(marked, this.#width).map((row) =>
      row.map(({ text, isChanged }) => (isChanged ? this.paint({ text, colour }) : text)).join(''),
    );
  }
}

/** What stands in place of a record, or null: there is one. */
function remarkOn({ outcome, code, reason, stage }: PreviewLine): Remark | null {
  const why = printable(reason ?? '');
  switch (outcome) {
    case 'sent':
      return null;
    case 'blank':
      return { text: 'blank', colour: 'faint' };
    case 'rejected':
      return { text: `dead letter ${code}: ${why}`, colour: 'refused' };
    case 'unread':
      return { text: why, colour: 'refused' };
    case 'filtered':
      return {
        text: `filtered${stage === null ? '' : ` by ${printable(stage)}`}: ${why}`,
        colour: 'dropped',
      };
  }
}

function keyOf({ partitionKey, explicitHashKey }: PreviewRecord): string {
  const hash = explicitHashKey === null ? '' : `, hash key ${explicitHashKey}`;
  return `key ${printable(partitionKey)}${hash}`;
}

/** Text for people. */
function shown({ text, base64 }: PreviewBytes): string {
  const whole = text ?? `base64 ${base64}`;
  if (whole.length <= SHOWN_CHARS_MAX) return whole;
  return `${whole.slice(0, SHOWN_CHARS_MAX)}… ${formatCount(whole.length - SHOWN_CHARS_MAX)} characters more`;
}
