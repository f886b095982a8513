/** What is shown while a run works, with the time taken from the views. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createProgress, type Told } from '../../src/observe/progress.ts';

/** Keeps what is written, and says that it is a terminal if it shall. */
class Screen extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;
  constructor(isTTY: boolean, columns: number) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
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

interface View {
  readonly elapsedMs: number;
  readonly told?: Partial<Told>;
}
const PARTS = [
  '47 %',
  'ETA 43 s',
  '154,000 sent',
  '4,000/s',
  'held by the stream: 4 of 4 shards at 1,000 records/s',
];
const tell = ({ told = {} }: View): Told => ({ share: 0.47, parts: PARTS, ...told });
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function setUp(kind: 'bar' | 'lines' | 'none', columns = 200) {
  const screen = new Screen(kind === 'bar', columns);
  const display = createProgress<View>(kind, tell, screen as unknown as NodeJS.WriteStream, () => NOW_MS);
  return { screen, display };
}

it('quiet shows nothing', () => {
  const { screen, display } = setUp('none');
  for (const elapsedMs of [0, 10_000, 20_000]) display.update({ elapsedMs });
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
  for (let elapsedMs = 0; elapsedMs <= untilMs; elapsedMs++) display.update({ elapsedMs });
  display.stop();
  expect(screen.text.split('\n').length - 1).toBe(count);
});

it('a line has the time in front, and all there is to say', () => {
  const { screen, display } = setUp('lines');
  display.update({ elapsedMs: 5000 });
  expect(screen.text).toBe(`millrace: 2026-01-02T03:04:05Z ${PARTS.join(' | ')}\n`);
});

it('a notice has a line of its own at once', () => {
  const { screen, display } = setUp('lines');
  display.notice('the stream was resharded');
  expect(screen.text).toBe('millrace: the stream was resharded\n');
});

/** The last line that a terminal shows, without its control sequences. */
const shown = (text: string) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they are
  const lines = text.split(/\x1b\[[?\d;]*[A-Za-z]/).filter((line) => line.trim() !== '');
  return lines.at(-1);
};

it.each([
  [60, '47 % | ETA 43 s | 154,000 sent | 4,000/s'],
  [30, '47 % | ETA 43 s | 154,000 sent'],
  [10, '47 %'],
  [119, PARTS.join(' | ')],
])('a terminal of %i columns shows the most important that fits into one line', (columns, line) => {
  const { screen, display } = setUp('bar', columns);
  display.update({ elapsedMs: 0 });
  expect(shown(screen.text)).toBe(line);
  display.stop();
});

it('a wide terminal has a bar before it', () => {
  const { screen, display } = setUp('bar', 120);
  display.update({ elapsedMs: 0 });
  const bar = '\u2588'.repeat(9) + '\u2591'.repeat(11);
  expect(shown(screen.text)).toBe(`${bar} ${PARTS.join(' | ')}`);
  display.stop();
});

it('the bar makes way for a notice and is back with the next update', () => {
  const { screen, display } = setUp('bar');
  display.update({ elapsedMs: 0 });
  screen.take();
  display.notice('hello');
  const notice = screen.take();
  expect(notice.endsWith('millrace: hello\n')).toBe(true);
  display.update({ elapsedMs: 500 });
  display.stop();
  expect(screen.take()).toContain('47 % | ');
});

it('the cursor is hidden while there is a bar and shown when it is gone', () => {
  const { screen, display } = setUp('bar');
  display.stop();
  expect(screen.take()).toBe('');
  display.update({ elapsedMs: 0 });
  expect(screen.take()).toContain('\x1b[?25l');
  display.stop();
  expect(screen.take()).toContain('\x1b[?25h');
});
