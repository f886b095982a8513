/**
 * Lines of one large compressed object that several parsers scan: kills in the middle of what was given away, signals, and an object that is
 * damaged behind it all. A run comes to the same as with one parser, and the same command ends it with nothing lost.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ENGINE, MIB } from '../../src/base/limits.ts';
import { readStatus } from '../../src/observe/status.ts';
import { countOf } from '../heavy.ts';
import { seeded } from '../journal/memory-disk.ts';
import { type CorpusObject, lines } from './corpus.ts';
import { finishAndCheck } from './finish.ts';
import { type Ended, runOnce, World } from './harness.ts';

/** Small pieces and small requests, and three parsers for one object. */
const tuningFor = (parsers: number) => [
  ...['--segment-size', '64KiB', '--memory', '256MiB', '--batch-records', '400'],
  ...['--parsers', String(parsers), '--publishers', '2'],
];
const TUNING = tuningFor(3);
const KILLS = countOf({ quick: 1, heavy: 6 });

type Kind = 'gzip' | 'zstd';

/** One object of some 8 MB of lines, good ones and bad ones, in several members or frames. */
function giant(kind: Kind, seed: number): CorpusObject {
  const bytes = lines(seeded(seed), 'giant', 8 * MIB);
  const pack = kind === 'gzip' ? gzipSync : zstdCompressSync;
  const parts = [bytes.subarray(0, 3 * MIB), bytes.subarray(3 * MIB)];
  const stored = Buffer.concat(parts.map((part) => pack(part)));
  const etag = `"${createHash('md5').update(stored).digest('hex')}"`;
  return { bucket: 'source', key: `p/giant.${kind}`, etag, content: bytes, stored };
}

describe.each<Kind>(['gzip', 'zstd'])('one large %s object', (kind) => {
  it(`loses, alters and misplaces nothing where ${KILLS + 2} processes are killed while its lines are scanned by others`, async () => {
    const object = giant(kind, 31);
    expect(object.content.length).toBeGreaterThan(6 * ENGINE.blockBytes);
    const world = await World.open({ random: seeded(31), objects: [object], tuning: TUNING });
    try {
      const ended: Ended[] = [];
      let repeatable = 0;
      const faults = [...Array<string>(KILLS).fill('parser.given:1:kill'), 'publisher.after-put:9:kill', 'journal.before-sync:2:kill']; // biome-ignore format: in turn
      for (const fault of faults) {
        const one = await runOnce(world, [], { fault });
        expect([one.faultFired, one.signal], `${fault} ${one.stderr}`).toEqual([true, 'SIGKILL']);
        repeatable += await world.unjournaled();
        ended.push(one);
      }
      await finishAndCheck(world, repeatable, ended);
    } finally {
      await world.close();
    }
  }, 120_000);

  it('ends in good order at a signal, and the next process goes on within it', async () => {
    const [signal, exitCode] = kind === 'gzip' ? (['SIGTERM', 143] as const) : (['SIGINT', 130] as const);
    const object = giant(kind, 32);
    const s3Faults = [{ kind: 'slow' as const, name: 'slow-body', bytesPerSecond: 400_000 }];
    const world = await World.open({ random: seeded(32), objects: [object], tuning: TUNING, s3Faults });
    try {
      const one = await runOnce(world, [], { signals: [{ signal, atMs: 20, afterPuts: 6 }] });
      expect([one.exitCode, one.timedOut], one.stderr).toEqual([exitCode, false]);
      const { status, records } = JSON.parse(one.stdout);
      expect([status, records.repeatable]).toEqual(['interrupted', 0]);
      expect(records.delivered).toBeGreaterThan(0);
      expect(await world.unjournaled(), 'an orderly stop leaves nothing to repeat').toBe(0);
      expect((await readStatus(world.journal)).state).toBe('stopped');
      world.s3.setFaults([]);
      await finishAndCheck(world, 0, [one]);
    } finally {
      await world.close();
    }
  }, 120_000);

  it('of which a helper fails ends its run with exit 3, and the same command finishes it', async () => {
    const world = await World.open({ random: seeded(33), objects: [giant(kind, 33)], tuning: TUNING });
    try {
      const one = await runOnce(world, [], { fault: 'parser.given:1:throw' });
      expect([one.faultFired, one.exitCode, one.timedOut], one.stderr).toEqual([true, 3, false]);
      expect(JSON.parse(one.stdout).error).toMatch(
        /^The parser thread failed at s3:\/\/source\/p\/giant\.\w+, bytes 0 to \d+: Fault point/,
      );
      await finishAndCheck(world, await world.unjournaled(), [one]);
    } finally {
      await world.close();
    }
  }, 120_000);

  it('that is damaged behind its lines comes to the same records, letters and damage as by one parser', async () => {
    const object = giant(kind, 34);
    const damaged = { ...object, stored: object.stored.subarray(0, Math.floor(object.stored.length * 0.8)) };
    const [alone, helped] = [await outcomeOf(damaged, 1), await outcomeOf(damaged, 3)];
    expect(alone.letters.filter((letter) => letter.includes('"unprovenFrom"')).length).toBe(1);
    expect(alone.count).toBeGreaterThan(1000);
    expect(helped).toEqual(alone);
  }, 120_000);
});

it('lines of a large object go through a transform in other threads, too, once its first lines were tried twice', async () => {
  const object = giant('gzip', 35);
  const [alone, helped, stopped] = [
    await outcomeOf(object, 1, TRANSFORM),
    await outcomeOf(object, 3, TRANSFORM),
    await outcomeOf(object, 3, TRANSFORM, 'parser.given:1:throw'),
  ];
  expect([alone.exitCode, alone.count > 1000]).toEqual([1, true]);
  expect(helped).toEqual(alone);
  // They did, or this would not have happened.
  expect([stopped.exitCode, stopped.faultFired]).toEqual([3, true]);
}, 120_000);

const TRANSFORM = 'export default (value) => ({ ...value, seen: true });\n';

/** What one process makes of an object: all but the order of it. */
async function outcomeOf(object: CorpusObject, parsers: number, transform?: string, fault?: string) {
  const world = await World.open({ random: seeded(34), objects: [object], tuning: tuningFor(parsers) });
  try {
    const file = join(world.folder, 'transform.mjs');
    if (transform !== undefined) writeFileSync(file, transform);
    const flags = transform === undefined ? [] : ['--transform', file];
    const ended = await runOnce(world, flags, fault === undefined ? {} : { fault });
    const { lines, records, objects } = JSON.parse(ended.stdout);
    const letters = world.deadLettersText().trimEnd().split('\n').sort();
    const data = (await world.stored())
      .map(({ partitionKey, data }) => `${partitionKey} ${data.toString()}`)
      .sort();
    const sent = createHash('sha256').update(data.join('\n')).digest('hex');
    const { exitCode, faultFired } = ended;
    return { exitCode, faultFired, lines, records, objects, letters, sent, count: data.length };
  } finally {
    await world.close();
  }
}
