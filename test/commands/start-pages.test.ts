/** Start pages, in a run of its own process: whether the command lets go, not how much is left afterwards. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { MIB } from '../../src/base/limits.ts';
import { World } from './fixture.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const IS_LINUX = process.platform === 'linux';
const why = IS_LINUX ? '' : ' (skipped: only on Linux)';

it.skipIf(!IS_LINUX)(
  `a run of 9 MiB lets go of what its start has used of Node, and delivers every line${why}`,
  async () => {
    const line = `${JSON.stringify({ id: 'some-user', text: 'x'.repeat(16_000) })}\n`;
    const count = Math.ceil((9 * MIB) / line.length);
    const body = Buffer.from(line.repeat(count));
    const world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 2 });
    worlds.push(world);
    const file = join(world.folder, 'pages');
    writeFileSync(file, '');
    const preload = pathToFileURL(join(import.meta.dirname, 'watch-pages.mjs')).href;
    const env = { NODE_OPTIONS: `--import=${preload}`, WATCH_PAGES_FILE: file };
    const { report } = await world.report([], { env });
    expect(report).toMatchObject({ status: 'delivered', records: { delivered: count } });
    const [bytes, ...more] = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    expect(bytes).toBeGreaterThan(20 * MIB);
    expect(more).toEqual([]);
  },
);
