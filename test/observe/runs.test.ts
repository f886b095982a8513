/** The runs of a folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { readRuns } from '../../src/observe/runs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-runs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(name: string, atMs: number) {
  const path = join(folder, `${name}.journal`);
  const journal = await Journal.open({ path, run: name, identity: {}, digestKey: '', nowMs: () => atMs });
  await journal.close({ status: 'interrupted', complete: false });
}

it('gives the youngest first, and goes on behind a journal that cannot be read', async () => {
  await run('older', 1000);
  await run('younger', 2000);
  writeFileSync(join(folder, 'broken.journal'), 'hello\n');
  writeFileSync(join(folder, 'older.dead.jsonl'), '');
  const path = join(folder, 'broken.journal');
  expect(await readRuns(folder)).toEqual([
    expect.objectContaining({ run: 'younger', state: 'stopped' }),
    expect.objectContaining({ run: 'older', journal: join(folder, 'older.journal') }),
    { journal: path, error: `Cannot read the journal ${path}: it is not a journal of Millrace` },
  ]);
});

it('takes a folder that is not there for one without runs, and says why another cannot be read', async () => {
  expect(await readRuns(join(folder, 'none'))).toEqual([]);
  writeFileSync(join(folder, 'file'), '');
  await expect(readRuns(join(folder, 'file'))).rejects.toMatchObject({
    code: 'MILLRACE_JOURNAL',
    exitCode: 2,
  });
});
