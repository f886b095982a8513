/** A journal that is compacted while its run goes on: the real command, killed at each point of it, and read by status meanwhile. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/observe/status.ts';
import { seeded } from '../journal/memory-disk.ts';
import type { CorpusObject } from './corpus.ts';
import { finishAndCheck } from './finish.ts';
import { runOnce, World } from './harness.ts';

const env = { MILLRACE_COMPACT_BYTES: String(4 << 10) };
const OBJECTS = 1;
const LINES = 12_000;
/** One shard takes 1,000 records a second: that makes a journal of some length out of few records. */
const WORLD = { shards: 1, limits: 'real' as const };

function source(): CorpusObject[] {
  return Array.from({ length: OBJECTS }, (_, n) => {
    const lines = Array.from({ length: LINES }, (_, i) => `{"id":"${n}-${i}","t":"${'x'.repeat(i % 90)}"}\n`);
    const content = Buffer.from(lines.join(''));
    const etag = `"${createHash('md5').update(content).digest('hex')}"`;
    return { bucket: 'source', key: `p/${n}.jsonl`, etag, content, stored: content };
  });
}

/** Writes of the journal so far; of each process that its last one has not compacted away. */
const journalBytes = (world: World) => Buffer.byteLength(world.journalText());

describe('a run whose journal is compacted while it goes on', () => {
  it.each(['journal.compacting', 'journal.before-compact-rename', 'journal.after-compact-rename'] as const)(
    'is killed at %s, and the same command ends it with nothing lost and nothing sent twice but what the journal did not know',
    async (point) => {
      const world = await World.open({ random: seeded(1), objects: source(), ...WORLD });
      try {
        const first = await runOnce(world, [], { fault: `${point}:1:kill`, env });
        expect([first.signal, first.faultFired], first.stderr).toEqual(['SIGKILL', true]);
        const gap = await world.unjournaled();
        expect(gap).toBeGreaterThanOrEqual(0);
        const draft = `${world.journal}.new`;
        expect(existsSync(draft)).toBe(point !== 'journal.after-compact-rename');
        const before = (await readStatus(world.journal)).records.delivered;
        expect(before).toBeGreaterThan(0);
        await finishAndCheck(world, gap, [first], { env });
        expect(existsSync(draft)).toBe(false);
      } finally {
        await world.close();
      }
    },
    120_000,
  );

  it('is told by status at any moment, and leaves a short journal', async () => {
    const world = await World.open({ random: seeded(2), objects: source(), ...WORLD });
    try {
      let isOver = false;
      const run = runOnce(world, [], { env }).finally(() => {
        isOver = true;
      });
      let delivered = 0;
      let shorter = 0;
      let bytes = 0;
      while (!isOver) {
        await sleep(20);
        if (!existsSync(world.journal)) continue;
        const status = await readStatus(world.journal);
        expect(status.records.delivered).toBeGreaterThanOrEqual(delivered);
        delivered = status.records.delivered;
        const now = journalBytes(world);
        if (now < bytes) shorter += 1;
        bytes = now;
      }
      const ended = await run;
      expect(ended.exitCode, ended.stderr).toBe(0);
      expect(shorter, 'compacted while it went on').toBeGreaterThan(0);
      const status = await readStatus(world.journal);
      expect([status.state, status.records.delivered]).toEqual(['finished', OBJECTS * LINES]);
      expect(journalBytes(world)).toBeLessThan(32 << 10);
    } finally {
      await world.close();
    }
  }, 120_000);
});
