/**
 * Progress: what a run shows while it works, on stderr.
 * Takes  the engine's progress, about four times a second.
 * Gives  a live bar on a terminal, one line every few seconds elsewhere, nothing when quiet.
 * Owns   the rate over the last seconds and the time to go. Never writes to stdout.
 */
import { Presets, SingleBar } from 'cli-progress';
import { formatBytes, formatCount, formatDuration } from '../quantity.ts';

/** What is shown. Sums since the process began. */
export interface ProgressView {
  readonly objects: { readonly listed: number; readonly settled: number; readonly isListingDone: boolean };
  readonly bytes: { readonly listed: number; readonly downloaded: number; readonly settled: number };
  readonly records: number;
  readonly publishedBytes: number;
  readonly rejected: number;
  readonly elapsedMs: number;
}

export interface ProgressDisplay {
  update(view: ProgressView): void;
  /** A line of its own, above the bar. */
  notice(text: string): void;
  stop(): void;
}

const LINE_INTERVAL_MS = 5_000;
/** Rates are over this time. */
const WINDOW_MS = 5_000;
const BAR_FORMAT = '{bar} {percentage}% | {text}';

/** @param kind `bar` on a terminal, `lines` elsewhere, `none` with --quiet. */
export function createProgress(
  kind: 'bar' | 'lines' | 'none',
  stream: NodeJS.WriteStream = process.stderr,
): ProgressDisplay {
  if (kind === 'none') return { update() {}, notice() {}, stop() {} };
  return kind === 'bar' ? new BarDisplay(stream) : new LineDisplay(stream);
}

class LineDisplay implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #rate = new Rate();
  #shownAtMs = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(view: ProgressView): void {
    const text = describe(view, this.#rate.add(view));
    if (view.elapsedMs - this.#shownAtMs < LINE_INTERVAL_MS) return;
    this.#shownAtMs = view.elapsedMs;
    this.#stream.write(`millrace: ${text}\n`);
  }

  notice(text: string): void {
    this.#stream.write(`millrace: ${text}\n`);
  }

  stop(): void {}
}

class BarDisplay implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #rate = new Rate();
  readonly #bar: SingleBar;
  #isStarted = false;

  constructor(stream: NodeJS.WriteStream) {
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

  update(view: ProgressView): void {
    const text = describe(view, this.#rate.add(view));
    const total = Math.max(1, view.bytes.listed);
    if (!this.#isStarted) this.#bar.start(total, 0, { text });
    this.#isStarted = true;
    this.#bar.setTotal(total);
    this.#bar.update(Math.min(total, doneBytes(view)), { text });
  }

  notice(text: string): void {
    // The bar is drawn again by the next update.
    if (this.#isStarted) this.#bar.stop();
    this.#isStarted = false;
    this.#stream.write(`millrace: ${text}\n`);
  }

  stop(): void {
    if (this.#isStarted) this.#bar.stop();
  }
}

interface Speed {
  readonly recordsPerSecond: number;
  readonly publishedPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Rates over the last WINDOW_MS. */
class Rate {
  #views: ProgressView[] = [];

  add(view: ProgressView): Speed {
    this.#views.push(view);
    while (this.#views.length > 2 && view.elapsedMs - this.#views[1]!.elapsedMs > WINDOW_MS)
      this.#views.shift();
    const first = this.#views[0]!;
    const seconds = Math.max(view.elapsedMs - first.elapsedMs, 1) / 1000;
    return {
      recordsPerSecond: (view.records - first.records) / seconds,
      publishedPerSecond: (view.publishedBytes - first.publishedBytes) / seconds,
      bytesPerSecond: (doneBytes(view) - doneBytes(first)) / seconds,
    };
  }
}

/** Objects that are settled count whole; those on their way by what has been downloaded of them in this process. */
function doneBytes(view: ProgressView): number {
  return Math.max(view.bytes.settled, view.bytes.downloaded);
}

function describe(view: ProgressView, speed: Speed): string {
  const { objects, bytes } = view;
  const left = bytes.listed - doneBytes(view);
  const etaMs =
    objects.isListingDone && speed.bytesPerSecond > 0 ? (left / speed.bytesPerSecond) * 1000 : null;
  const parts = [
    `${formatCount(speed.recordsPerSecond)} records/s`,
    `${formatBytes(speed.publishedPerSecond)}/s`,
    `${formatCount(objects.settled)}/${formatCount(objects.listed)}${objects.isListingDone ? '' : '+'} objects`,
    `${formatCount(view.records)} records`,
  ];
  if (view.rejected > 0) parts.push(`${formatCount(view.rejected)} rejected`);
  if (etaMs !== null) parts.push(`ETA ${formatDuration(etaMs)}`);
  return parts.join(', ');
}
