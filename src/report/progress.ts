/**
 * Progress: what a run shows while it works, on stderr.
 * Takes  views of the work, about four times a second; a teller, which knows what to say of them.
 * Gives  a live bar on a terminal, one line every few seconds elsewhere, nothing when quiet.
 * Owns   the displays, and the teller of backfills. Never writes to stdout.
 */
import { Presets, SingleBar } from 'cli-progress';
import { printableLines } from '../printable.ts';
import { formatBytes, formatCount, formatDuration } from '../quantity.ts';
import { Rate } from './rate.ts';

/** What is shown of a backfill. Sums since the process began. */
export interface ProgressView {
  readonly objects: { readonly listed: number; readonly settled: number; readonly isListingDone: boolean };
  readonly bytes: { readonly listed: number; readonly downloaded: number; readonly settled: number };
  readonly records: number;
  readonly publishedBytes: number;
  readonly rejected: number;
  readonly elapsedMs: number;
}

/** What a display says of a view. */
export interface Told {
  /** Of the work that is done, 0 to 1. */
  readonly share: number;
  readonly text: string;
}

/** Says what to show of views that come one after the other. */
export type Teller<View> = (view: View) => Told;

export interface ProgressDisplay<View> {
  update(view: View): void;
  /** A line of its own, above the bar. */
  notice(text: string): void;
  stop(): void;
}

const LINE_INTERVAL_MS = 5_000;
const BAR_FORMAT = '{bar} {percentage}% | {text}';
/** Steps of the bar. */
const BAR_TOTAL = 10_000;

/** @param kind `bar` on a terminal, `lines` elsewhere, `none` with --quiet. */
export function createProgress<View extends { readonly elapsedMs: number }>(
  kind: 'bar' | 'lines' | 'none',
  tell: Teller<View>,
  stream: NodeJS.WriteStream = process.stderr,
): ProgressDisplay<View> {
  if (kind === 'none') return { update() {}, notice() {}, stop() {} };
  return kind === 'bar' ? new BarDisplay(tell, stream) : new LineDisplay(tell, stream);
}

class LineDisplay<View extends { readonly elapsedMs: number }> implements ProgressDisplay<View> {
  readonly #tell: Teller<View>;
  readonly #stream: NodeJS.WriteStream;
  #shownAtMs = 0;

  constructor(tell: Teller<View>, stream: NodeJS.WriteStream) {
    this.#tell = tell;
    this.#stream = stream;
  }

  update(view: View): void {
    // The teller sees every view: its rates need them.
    const { text } = this.#tell(view);
    if (view.elapsedMs - this.#shownAtMs < LINE_INTERVAL_MS) return;
    this.#shownAtMs = view.elapsedMs;
    this.#stream.write(`millrace: ${text}\n`);
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
      format: BAR_FORMAT,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 20,
      fps: 4,
      linewrap: false,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
  }

  update(view: View): void {
    const { share, text } = this.#tell(view);
    if (!this.#isStarted) this.#bar.start(BAR_TOTAL, 0, { text });
    this.#isStarted = true;
    this.#bar.update(Math.floor(share * BAR_TOTAL), { text });
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

/** What is said of a backfill. */
export function backfillTeller(): Teller<ProgressView> {
  const rate = new Rate();
  return (view) => {
    const { objects, bytes, records, rejected, elapsedMs } = view;
    const done = doneBytes(view);
    const [recordRate, publishedRate, byteRate] = rate.add(elapsedMs, records, view.publishedBytes, done);
    const parts = [
      `${formatCount(recordRate!)} records/s`,
      `${formatBytes(publishedRate!)}/s`,
      `${formatCount(objects.settled)}/${formatCount(objects.listed)}${objects.isListingDone ? '' : '+'} objects`,
      `${formatCount(records)} records`,
    ];
    if (rejected > 0) parts.push(`${formatCount(rejected)} rejected`);
    if (objects.isListingDone && byteRate! > 0)
      parts.push(`ETA ${formatDuration(((bytes.listed - done) / byteRate!) * 1000)}`);
    return { share: Math.min(1, done / Math.max(1, bytes.listed)), text: parts.join(', ') };
  };
}

/**
 * Objects that are settled count whole; those on their way by what has been downloaded of them in this process, which is more than
 * there is where something had to be downloaded again.
 */
function doneBytes({ bytes }: ProgressView): number {
  return Math.min(bytes.listed, Math.max(bytes.settled, bytes.downloaded));
}
