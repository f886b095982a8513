import { expect, it } from 'vitest';
import type { JournalEntry } from '../../src/journal/entries.ts';
import { createStats, STAT, statsRow } from '../../src/publish/stats.ts';
import { SentAgain } from '../../src/run/sent-again.ts';

it('journals of all publishers together what came since the last time, and nothing to a journal that is closed', () => {
  const stats = createStats(2);
  const entries: JournalEntry[] = [];
  const journal = { isOpen: true, append: (entry: JournalEntry) => entries.push(entry) };
  const again = new SentAgain(stats, journal);
  again.append();
  expect(entries).toEqual([]);
  statsRow(stats, 0)[STAT.AMBIGUOUS] = 500;
  statsRow(stats, 1)[STAT.AMBIGUOUS] = 7;
  again.append();
  again.append();
  statsRow(stats, 1)[STAT.RESENT] = 3;
  again.append();
  expect(entries).toEqual([
    { kind: 'again', ambiguous: 507, resent: 0 },
    { kind: 'again', ambiguous: 0, resent: 3 },
  ]);
  journal.isOpen = false;
  statsRow(stats, 1)[STAT.RESENT] = 30;
  again.append();
  expect(entries).toHaveLength(2);
});
