/** A reader that is killed again and again, while the stream grows and splits: its checkpoints lose nothing (issue 5). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Fixture, numbered, startFixture } from './fixture.ts';

const RECORDS_PER_CALL = 20;
const PROCESS = join(import.meta.dirname, 'reader-process.ts');

const folder = mkdtempSync(join(tmpdir(), 'millrace-reader-'));
let f: Fixture;
afterEach(async () => {
  await f?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a reader that is killed in the middle of its n-th batch; 0: that reads to the end. @returns How it ended. */
async function read(lifeBatches: number): Promise<number | NodeJS.Signals> {
  const paths = [join(folder, 'ids'), join(folder, 'checkpoint')];
  const args = [PROCESS, f.kinesis.endpoint, ...paths, `${lifeBatches}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  return signal ?? code;
}

const ids = () => readFileSync(join(folder, 'ids'), 'utf8').split('\n').filter(Boolean);

it('loses no record and repeats at most a batch a kill, whatever happens to the stream meanwhile', async () => {
  f = await startFixture({ streams: { s: 3 } });
  await f.put(numbered(600));
  expect(await read(3)).toBe('SIGKILL');
  f.kinesis.call('SplitShard', {
    ...{ StreamName: 's', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: `${2n ** 125n}` },
  });
  await f.put(numbered(600, 600));
  expect(await read(12)).toBe('SIGKILL');
  f.kinesis.call('MergeShards', {
    ...{
      StreamName: 's',
      ShardToMerge: 'shardId-000000000001',
      AdjacentShardToMerge: 'shardId-000000000002',
    },
  });
  await f.put(numbered(300, 1200));
  expect(await read(25)).toBe('SIGKILL');
  const beforeLast = ids().length;
  expect(beforeLast).toBeLessThan(1500);
  expect(await read(0)).toBe(0);
  const seen = ids();
  const all = [...f.kinesis.records('s')].map(
    ({ shardId, sequenceNumber }) => `s/${shardId}/${sequenceNumber}`,
  );
  expect(all).toHaveLength(1500);
  expect(new Set(seen)).toEqual(new Set(all));
  // Each kill came when a batch was written and not yet in the checkpoint.
  expect(seen.length - all.length).toBeGreaterThan(0);
  expect(seen.length - all.length).toBeLessThanOrEqual(3 * RECORDS_PER_CALL);
});
