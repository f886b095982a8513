/** What a program cost, told from outside: its children count, and a program that fails has no cost. */
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { costOf } from '../../bench/process-cost.ts';

const BURN =
  'for (let used = 0; used < 300_000; ) { const { user, system } = process.cpuUsage(); used = user + system; }';
const place = { cwd: tmpdir(), env: process.env };
const node = (script: string) => [process.execPath, '--eval', script];

describe('the cost of a program', () => {
  it.each([
    { whose: 'its own', command: node(`${BURN} console.log('done')`) },
    {
      whose: 'that of a child that it waited for',
      command: node(
        `require('node:child_process').execFileSync(process.execPath, ['--eval', '${BURN}']); console.log('done')`,
      ),
    },
  ])('has $whose CPU time in it', async ({ command }) => {
    const cost = await costOf(command, place);
    expect(cost.cpuSeconds).toBeGreaterThanOrEqual(0.3);
    expect(cost.cpuSeconds).toBe(cost.userSeconds + cost.systemSeconds);
    expect(cost.rssPeakBytes).toBeGreaterThan(10e6);
    expect(cost.stdout).toBe('done\n');
  });

  it('is none where the program fails: the error says how it ended and what it said', async () => {
    const failing = costOf(node(`console.log('why'); process.exitCode = 7`), place);
    await expect(failing).rejects.toThrow(/ended with 7: why/);
  });
});
