/** What is shown while a run works, with the time taken from the views. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { backfillTeller, createProgress, type ProgressView } from '../../src/report/progress.ts';

/** Keeps what is written, and says that it is a terminal if it shall. */
class Screen extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 200;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }
}

function setUp(kind: 'bar' | 'lines' | 'none') {
  const screen = new Screen(kind === 'bar');
  return { screen, display: createProgress(kind, backfillTeller(), screen as unknown as NodeJS.WriteStream) };
}

/** 1,000 records and 1 MB a second, of 100 MB. */
function viewAt(elapsedMs: number, part: Partial<ProgressView> = {}): ProgressView {
  const bytes = 1000 * elapsedMs;
  return {
    objects: { listed: 1234, settled: 5, isListingDone: true },
    bytes: { listed: 100e6, downloaded: bytes, settled: 0 },
    records: elapsedMs,
    publishedBytes: 2 * bytes,
    rejected: 0,
    elapsedMs,
    ...part,
  };
}

it('quiet shows nothing', () => {
  const { screen, display } = setUp('none');
  for (const elapsedMs of [0, 10_000, 20_000]) display.update(viewAt(elapsedMs));
  display.notice('hello');
  display.stop();
  expect(screen.text).toBe('');
});

it.each([
  [4999, 0],
  [5000, 1],
  [9999, 1],
  [10_000, 2],
])('with an update every millisecond there are after %i ms %i lines', (untilMs, count) => {
  const { screen, display } = setUp('lines');
  for (let elapsedMs = 0; elapsedMs <= untilMs; elapsedMs++) display.update(viewAt(elapsedMs));
  display.stop();
  expect(screen.text.split('\n').length - 1).toBe(count);
});

const SHOWN = 'millrace: 1,000 records/s, 2.0 MB/s, 5/1,234 objects, 10,000 records';

it.each([
  ['a complete listing has a time to go', {}, `${SHOWN}, ETA 1m 30s\n`],
  ['rejects are named', { rejected: 3 }, `${SHOWN}, 3 rejected, ETA 1m 30s\n`],
  [
    'a listing that goes on has a plus and no time to go',
    { objects: { listed: 1234, settled: 5, isListingDone: false } },
    `${SHOWN.replace('1,234', '1,234+')}\n`,
  ],
  [
    'objects that are settled count whole, even if earlier processes downloaded them',
    { bytes: { listed: 100e6, downloaded: 10e6, settled: 55e6 } },
    `${SHOWN}, ETA 4.5 s\n`,
  ],
])('%s', (_name, part, line) => {
  const { screen, display } = setUp('lines');
  display.update(viewAt(5000));
  screen.take();
  display.update(viewAt(10_000, part));
  expect(screen.take()).toBe(line);
});

it.each([
  // From the view at 4 s, the last one before the window, until now: 1,000 records in 6 s.
  [10_000, '167 records/s, 333 kB/s, 5/1,234 objects, 5,000 records, ETA 9m 30s'],
  [10_001, '0 records/s, 0 B/s, 5/1,234 objects, 5,000 records'],
])('a run that stands still since 5 s shows at %i ms: %s', (elapsedMs, text) => {
  const { screen, display } = setUp('lines');
  for (let second = 0; second <= 5; second++) display.update(viewAt(1000 * second));
  screen.take();
  const still = viewAt(5000);
  for (const nowMs of [6000, 7000, 8000, 9000, elapsedMs]) display.update({ ...still, elapsedMs: nowMs });
  expect(screen.take()).toBe(`millrace: ${text}\n`);
});

it('a notice has a line of its own at once', () => {
  const { screen, display } = setUp('lines');
  display.notice('the stream was resharded');
  expect(screen.text).toBe('millrace: the stream was resharded\n');
});

it('a terminal has a bar with the share of bytes that is done', () => {
  const { screen, display } = setUp('bar');
  display.update(viewAt(0));
  expect(screen.take()).toContain(' 0% | 0 records/s');
  display.update(viewAt(25_000));
  display.stop();
  expect(screen.take()).toContain(' 25% | 1,000 records/s');
});

it.each([
  ['more than is listed so far', { listed: 1e6, downloaded: 2e6, settled: 0 }],
  ['all', { listed: 1e6, downloaded: 0, settled: 1e6 }],
])('the bar of a run that has downloaded %s shows 100%%', (_name, bytes) => {
  const { screen, display } = setUp('bar');
  display.update(viewAt(1000, { bytes }));
  display.stop();
  expect(screen.text).toContain(' 100% | ');
});

it('the bar makes way for a notice and is back with the next update', () => {
  const { screen, display } = setUp('bar');
  display.update(viewAt(0));
  screen.take();
  display.notice('hello');
  const notice = screen.take();
  expect(notice.endsWith('millrace: hello\n')).toBe(true);
  display.update(viewAt(50_000));
  display.stop();
  expect(screen.take()).toContain(' 50% | ');
});

it('the cursor is hidden while there is a bar and shown when it is gone', () => {
  const { screen, display } = setUp('bar');
  display.stop();
  expect(screen.take()).toBe('');
  display.update(viewAt(0));
  expect(screen.take()).toContain('\x1b[?25l');
  display.stop();
  expect(screen.take()).toContain('\x1b[?25h');
});

it('never gives a time below zero, also where more was downloaded than there is', () => {
  const tell = backfillTeller();
  const bytes = { listed: 1e6, settled: 0 };
  tell(viewAt(0, { bytes: { ...bytes, downloaded: 0 } }));
  const { text } = tell(viewAt(1000, { bytes: { ...bytes, downloaded: 1_000_050 } }));
  expect(text).toMatch(/, ETA 0\.0 s$/);
});
