/** Contenders in other languages: those that are built are right, the others are named, and none that alters a line is measured. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { missing, peers } from '../../bench/contenders/peers.ts';
import type { KeptProgram } from '../../bench/report.ts';
import { World } from '../../bench/world.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Java compiles itself anew at each start. */
const TIMEOUT_MS = 300_000;

describe('peers', () => {
  it('that are built deliver every line unaltered over HTTPS and are measured; one line says what the others miss', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...[join(BENCH, 'peers.ts'), '--smoke', '--keep', folder],
    ]);
    const { figures, notes } = JSON.parse(readFileSync(join(folder, 'peers.json'), 'utf8')) as KeptProgram;
    const measured = new Set(figures.map(({ contender }) => contender));
    for (const peer of peers) {
      const why = missing(peer, true);
      if (why === null) expect(measured).toContain(peer.name);
      else expect(stdout).toContain(`Skipped: ${peer.name}, because ${why}\n`);
    }
    expect(measured).toContain('Millrace --aggregate');
    expect(notes.join('\n')).toContain('over HTTPS: every contender delivered every line unaltered');
    const unreal = figures.filter(
      ({ values }) => values.length === 0 || values.some((value) => !Number.isFinite(value) || value <= 0),
    );
    expect(unreal).toEqual([]);
  });

  it.each([
    { name: 'leaves out a line', change: 'drop', error: /delivered 12 records of 13,/ },
    { name: 'sends a line twice', change: 'twice', error: /delivered 14 records of 13,/ },
    { name: 'alters one byte of one line', change: 'alter', error: /delivered 13 records of 13, sum/ },
    { name: 'carries all as it is', change: 'nothing', error: null },
  ])('one that $name is told from others before any clock starts', async ({ change, error }) => {
    const spec = { workload: 'clicks-77', objectCount: 1, objectBytes: 1_000 } as const;
    const world = await World.start(
      { ...spec, compression: 'none', tls: true },
      { shards: 2, discard: false, tls: true },
    );
    try {
      await world.exec([process.execPath, join(import.meta.dirname, 'carrier.mjs'), change]);
      const checked = world.checkDelivered('The carrier');
      await (error === null
        ? expect(checked).resolves.toBeUndefined()
        : expect(checked).rejects.toThrow(error));
    } finally {
      await world.close();
    }
  });
});

describe('build', () => {
  it('names what is missing of each language, one line each, and goes on', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(BENCH, 'contenders', 'build.ts')], {
      env: { PATH: folder },
    });
    expect(stdout.split('\n')).toEqual([
      'Skipped: the Rust program, because cargo and cc cannot be found',
      'Skipped: the Go program, because go cannot be found',
      'Skipped: the Java program, because mvn and javac and keytool cannot be found',
      'Skipped: the Python program, because python3 cannot be found',
      '',
    ]);
  });
});
