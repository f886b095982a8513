/** What is said of a comparison while it goes on, with the time taken from the views. */
import { expect, it } from 'vitest';
import { describePhase, type VerifyProgressView, verifyTeller } from '../../src/verify/progress.ts';

/** Of 100 MB and 1,000 records. */
function viewOf(
  elapsedMs: number,
  records: { source: number; stream: number },
  phase: VerifyProgressView['phase'] = { name: 'digest' },
): VerifyProgressView {
  const bytes = { listed: 100e6, downloaded: records.source * 1e5 };
  const streamTotal = phase.name === 'digest' ? 0 : 1000;
  return {
    phase,
    source: { records: records.source, bytes },
    stream: { records: records.stream },
    streamTotal,
    elapsedMs,
  };
}

const locate = (step: 'source' | 'stream' | 'name') =>
  ({ name: 'locate', round: 2, rounds: 3, step }) as const;

it('counts both sides alike, the stream by what the source will have', () => {
  const tell = verifyTeller();
  expect(tell(viewOf(0, { source: 0, stream: 0 })).share).toBe(0);
  // Half of the source is 500 records, so 1,000 are expected of the stream: 250 are a quarter of them.
  expect(tell(viewOf(1000, { source: 500, stream: 250 }))).toEqual({
    share: 0.375,
    parts: ['37 %', 'ETA 3.0 s', 'source 500 records, 500/s', 'stream 250 records, 250/s'],
  });
  // A source that is read to its end does not shorten the time that the stream needs.
  expect(tell(viewOf(2000, { source: 1000, stream: 500 }))).toEqual({
    share: 0.75,
    parts: ['75 %', 'ETA 2.0 s', 'source 1,000 records, 500/s', 'stream 500 records, 250/s'],
  });
  expect(tell(viewOf(4000, { source: 1000, stream: 1000 })).share).toBe(1);
});

it('never says more than all, whatever live producers add to the stream', () => {
  const tell = verifyTeller();
  expect(tell(viewOf(0, { source: 1000, stream: 5000 })).share).toBe(1);
  expect(tell(viewOf(0, { source: 0, stream: 5000 })).share).toBe(0);
});

it('counts each step of naming differences anew', () => {
  const tell = verifyTeller();
  tell(viewOf(0, { source: 0, stream: 0 }));
  tell(viewOf(1000, { source: 1000, stream: 1000 }));
  const where = 'naming differences, round 2 of 3';
  expect(tell(viewOf(1500, { source: 0, stream: 0 }, locate('source')))).toEqual({
    share: 0,
    parts: ['0 %', 'ETA -', `${where}: reading the source`, 'source 0 records, 0/s'],
  });
  expect(tell(viewOf(2500, { source: 200, stream: 0 }, locate('source')))).toEqual({
    share: 0.2,
    parts: ['20 %', 'ETA 4.0 s', `${where}: reading the source`, 'source 200 records, 200/s'],
  });
  expect(tell(viewOf(9000, { source: 1000, stream: 300 }, locate('stream')))).toEqual({
    share: 0.3,
    parts: ['30 %', 'ETA -', `${where}: reading the stream`, 'stream 300 records, 0/s'],
  });
  expect(tell(viewOf(9100, { source: 100, stream: 300 }, locate('name'))).parts).toEqual([
    ...['10 %', 'ETA -'],
    `${where}: reading the source once more`,
    'source 100 records, 0/s',
  ]);
});

it('has a sentence for the first step, too', () => {
  expect(describePhase({ name: 'digest' })).toBe('reading source and stream');
});

it('gives no time where the guess of what is left grows', () => {
  const tell = verifyTeller();
  tell(viewOf(0, { source: 100, stream: 90 }));
  // Many more records in the next bytes: what was nine tenths of the stream is a tenth of it.
  const { parts } = tell({
    ...viewOf(1000, { source: 110, stream: 100 }),
    source: { records: 900, bytes: { listed: 100e6, downloaded: 11e6 } },
  });
  expect(parts).toContain('ETA -');
});
