import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { World } from './fixture.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function open(): Promise<World> {
  const body = Buffer.from('{"id":1}\n{"id":2}\n');
  const world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 1 });
  worlds.push(world);
  return world;
}

/** Adds what a process needs to get signals from its first line of leaving on (last-moment.mjs). */
function intoSignals(world: World) {
  const sent = join(world.folder, 'sent');
  const preload = pathToFileURL(join(import.meta.dirname, 'last-moment.mjs')).href;
  return { sent, settings: { env: { NODE_OPTIONS: `--import=${preload}`, LAST_MOMENT_FILE: sent } } };
}

it('signals in the last moments of a run that is done leave its report and its exit code', async () => {
  const world = await open();
  const { sent, settings } = intoSignals(world);
  const { report, ended } = await world.report([], settings);
  expect(existsSync(sent)).toBe(true);
  expect(ended).toMatchObject({ exitCode: 0, isTimedOut: false });
  expect(report).toMatchObject({ status: 'delivered', records: { delivered: 2 } });
});

it('signals in the last moments of a command that was refused leave its exit code', async () => {
  const world = await open();
  const { sent, settings } = intoSignals(world);
  const ended = await world.backfill(['--unheard-of'], settings);
  expect(existsSync(sent)).toBe(true);
  expect(ended).toMatchObject({ exitCode: 2, isTimedOut: false });
  expect(ended.stderr).toContain('--unheard-of');
});

const { addon } = loadAddon();
it.skipIf(!addon)('a thread that cannot be ended does not hold the process (needs the addon)', async () => {
  const world = await open();
  const pipe = join(world.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const preload = pathToFileURL(join(import.meta.dirname, 'held-thread.mjs')).href;
  const settings = { env: { NODE_OPTIONS: `--import=${preload}`, HELD_BY_PIPE: pipe } };
  const { report, ended } = await world.report([], settings);
  expect(ended).toMatchObject({ exitCode: 0, isTimedOut: false });
  expect(report).toMatchObject({ status: 'delivered', records: { delivered: 2 } });
});
