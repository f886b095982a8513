/** A process that is frozen for seconds and goes on (docs/RELIABILITY.md, row 3): nobody takes its place meanwhile, and it takes none of its threads for hanging. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { BIN, BUCKET, CLEAN_ENV, dataOf, differences, linesOf, World } from './fixture.ts';

const LINES = clicks({ seed: 3, lineCount: 10_000 });
const HANG_MS = 2_500;
const hasProc = existsSync('/proc/self/stat');
const whyNot = hasProc ? '' : ' (not run: no /proc)';

let world: World;
afterEach(() => world?.close());

/** `T` is a process that was stopped. */
const stateOf = (pid: number) => /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];

it.skipIf(!hasProc)(
  `frozen by SIGSTOP it keeps its place, and by SIGCONT it delivers the rest${whyNot}`,
  async () => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: LINES }] });
    world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 200_000 }]);
    const flags = ['--segment-size', '64KiB', '--downloads', '1', '--rate', '2000/s', '--quiet', '--json'];
    const args = [BIN, 'backfill', `s3://${BUCKET}/`, ...world.flags, ...flags];
    const frozen = spawn(process.execPath, args, {
      cwd: world.folder,
      env: { ...CLEAN_ENV, HOME: world.folder, MILLRACE_HANG_MS: String(HANG_MS) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    frozen.stdout.on('data', (chunk) => (said.stdout += String(chunk)));
    frozen.stderr.on('data', (chunk) => (said.stderr += String(chunk)));
    const close = once(frozen, 'close');
    try {
      await expect.poll(() => journalText(), { timeout: 60_000 }).toContain('"kind":"segment"');
      frozen.kill('SIGSTOP');
      await expect.poll(() => stateOf(frozen.pid!), { timeout: 60_000 }).toBe('T');
      let storedThen: number | undefined;
      const frozenAtMs = performance.now();
      do {
        const other = await world.backfill(flags);
        expect([other.exitCode, other.stderr]).toEqual([
          2,
          expect.stringContaining(`process ${frozen.pid} is working with it`),
        ]);
        // What was in its sockets arrives all the same.
        storedThen ??= world.records().length;
      } while (performance.now() - frozenAtMs < 2 * HANG_MS);
      expect(world.records().length).toBe(storedThen);
      expect(storedThen).toBeLessThan(10_000);
      expect(storedThen).toBeLessThan(10_000);
    } finally {
      frozen.kill('SIGCONT');
    }
    expect([(await close)[0], said.stderr]).toEqual([0, '']);
    const { ambiguous } = JSON.parse(said.stdout).records;
    const found = [...differences(linesOf(LINES), dataOf(world.records())).values()];
    // A request whose answer came while nobody could read it may have run out of its time.
    expect(found.filter((count) => count < 0)).toEqual([]);
    expect(found.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(ambiguous);
  },
  180_000,
);

function journalText(): string {
  return existsSync(world.journal) ? readFileSync(world.journal, 'utf8') : '';
}
