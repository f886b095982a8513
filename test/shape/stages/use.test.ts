import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage } from '../../../src/shape/stages/open-stage.ts';

const PLACE = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };

describe('A module of the user', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-use-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  async function open(text: string, name = 'default') {
    const module = join(dir, `${Math.random().toString(36).slice(2)}.mjs`);
    await writeFile(module, text);
    return openStage({ kind: 'use', module, name, hash: '' }, '1 use', { hashKey: null });
  }

  it('may be a plain function', async () => {
    const stage = await open('export default (value, source) => ({ ...value, from: source.key });');
    expect(stage.run({ a: 1 }, PLACE)).toEqual({ a: 1, from: 'k' });
  });

  it('may be an object that is opened once', async () => {
    const stage = await open(
      'let n; export const count = { open({ label }) { n = label; }, record: () => n, close() { n = null; } };',
      'count',
    );
    expect(stage.run({}, PLACE)).toBe('1 use');
    await stage.close?.();
    expect(stage.run({}, PLACE)).toBeNull();
  });

  it('is refused without the export that is named, or one that is no stage', async () => {
    await expect(open('export default 5;')).rejects.toThrow(/default export that is a function/);
    await expect(open('export default (v) => v;', 'other')).rejects.toThrow(/an export named other/);
    await expect(open('export default (')).rejects.toThrow(/Cannot load --transform/);
  });
});
