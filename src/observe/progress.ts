/**
 * Progress: what a run shows while it works, on stderr.
 * Takes  views of the work, about four times a second; a teller, which knows what to say of them.
 * Gives  one live line on a terminal, with a bar where there is room; a line with its time every few seconds elsewhere; nothing when quiet.
 * Owns   the displays. Never writes to stdout.
 */
import { type Options, type Params, Presets, SingleBar } from 'cli-progress';
import { printableLines } from '../base/printable.ts';

/** What a display says of a view. */
export interface Told {
  /** Of the work that is done, 0 to 1. */
  readonly share: number;
  /** The most important first: what a narrow terminal has no room for is left out from the end. */
  readonly parts: readonly string[];
}

/** Says what to show of each of a series of views. */
export type Teller<View> = (view: View) => Told;

export interface ProgressDisplay<View> {
  update(view: View): void;
  /** A line of its own, above the bar. */
  notice(text: string): void;
  stop(): void;
}

const LINE_INTERVAL_MS = 5_000;
/** A terminal with this many columns has room for the bar beside all the text. */
const BAR_COLUMNS_MIN = 120;
const BAR_COLUMNS = 20;
/** Where a terminal does not say. */
const COLUMNS = 80;
/** Steps of the bar. */
const BAR_TOTAL = 10_000;
const SEPARATOR = ' | ';

/** @param kind `bar` on a terminal, `lines` elsewhere, `none` with --quiet. */
export function createProgress<View extends { readonly elapsedMs: number }>(
  kind: 'bar' | 'lines' | 'none',
  tell: Teller<View>,
  stream: NodeJS.WriteStream = process.stderr,
  nowMs: () => number = Date.now,
): ProgressDisplay<View> {
  if (kind === 'none') return { update() {}, notice() {}, stop() {} };
  return kind === 'bar' ? new BarDisplay(tell, stream) : new LineDisplay(tell, stream, nowMs);
}

class LineDisplay<View extends { readonly elapsedMs: number }> implements ProgressDisplay<View> {
  readonly #tell: Teller<View>;
  readonly #stream: NodeJS.WriteStream;
  readonly #nowMs: () => number;
  #shownAtMs = 0;

  constructor(tell: Teller<View>, stream: NodeJS.WriteStream, nowMs: () => number) {
    this.#tell = tell;
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  update(view: View): void {
    // The teller sees every view: its rates need them.
    const { parts } = this.#tell(view);
    if (view.elapsedMs - this.#shownAtMs < LINE_INTERVAL_MS) return;
    this.#shownAtMs = view.elapsedMs;
    const time = new Date(this.#nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    this.#stream.write(`millrace: ${time} ${parts.join(SEPARATOR)}\n`);
  }

  notice(text: string): void {
    this.#stream.write(`millrace: ${printableLines(text)}\n`);
  }

  stop(): void {}
}

class BarDisplay<View> implements ProgressDisplay<View> {
  readonly #tell: Teller<View>;
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: SingleBar;
  #isStarted = false;

  constructor(tell: Teller<View>, stream: NodeJS.WriteStream) {
    this.#tell = tell;
    this.#stream = stream;
    const options = {
      stream,
      format: barLine,
      hideCursor: true,
      clearOnComplete: true,
      barsize: BAR_COLUMNS,
      fps: 4,
      linewrap: false,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
  }

  update(view: View): void {
    const { share, parts } = this.#tell(view);
    const payload = { parts, columns: this.#stream.columns ?? COLUMNS };
    const value = Math.floor(share * BAR_TOTAL);
    if (this.#isStarted) this.#bar.update(value, payload);
    else this.#bar.start(BAR_TOTAL, value, payload);
    this.#isStarted = true;
  }

  notice(text: string): void {
    // The bar is drawn again by the next update.
    if (this.#isStarted) this.#bar.stop();
    this.#isStarted = false;
    this.#stream.write(`millrace: ${printableLines(text)}\n`);
  }

  stop(): void {
    if (this.#isStarted) this.#bar.stop();
  }
}

/** The bar, if the terminal is wide, and as many of the parts as there is room for. */
function barLine(
  { barCompleteString = '', barIncompleteString = '' }: Options,
  { progress }: Params,
  { parts, columns }: { readonly parts: readonly string[]; readonly columns: number },
): string {
  const done = Math.round(progress * BAR_COLUMNS);
  const bar = `${barCompleteString.slice(0, done)}${barIncompleteString.slice(0, BAR_COLUMNS - done)} `;
  return columns >= BAR_COLUMNS_MIN ? bar + lineOf(parts, columns - bar.length) : lineOf(parts, columns);
}

function lineOf(parts: readonly string[], columns: number): string {
  let line = parts[0]!;
  for (const part of parts.slice(1)) {
    if (line.length + SEPARATOR.length + part.length > columns) break;
    line += SEPARATOR + part;
  }
  return line;
}
