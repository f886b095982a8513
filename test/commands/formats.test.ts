/** Objects that are no JSON lines, whatever they are called: issue 12, point 17, the real command. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { dataOf, differences, linesOf, World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const LINES = clicks({ seed: 9, lineCount: 3_000 });
/** What follows a magic number: lines that would be records. */
const file = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('\n'), LINES]);
const PARQUET = file('5041523115041518159c024c15');

const foreign: Readonly<Record<string, { body: Uint8Array; says: string }>> = {
  bzip2: { body: file('425a68393141592653599f2b5c4e0000'), says: 'bzip2' },
  xz: { body: file('fd377a585a000004e6d6b4460200'), says: 'xz' },
  zip: { body: file('504b03041400000008000000'), says: 'zip' },
  lz4: { body: file('04224d186440a71800000081'), says: 'LZ4' },
  snappy: { body: file('ff060000734e61507059001a0000'), says: 'Snappy' },
  parquet: { body: PARQUET, says: 'Parquet' },
  avro: { body: file('4f626a0104166176726f2e73'), says: 'Avro' },
  utf16: { body: Buffer.from(`\ufeff${LINES.toString('latin1')}`, 'utf16le'), says: 'UTF-16' },
  'utf16-without-mark': { body: Buffer.from(LINES.toString('latin1'), 'utf16le').swap16(), says: 'UTF-16' },
  'gzip-twice': { body: gzipSync(gzipSync(LINES)), says: 'gzip within gzip' },
  'gzip-in-zstd': { body: zstdCompressSync(gzipSync('{}\n')), says: 'gzip within zstd' },
  'parquet-in-gzip': { body: gzipSync(PARQUET, { level: 0 }), says: 'Parquet within gzip' },
  tiny: { body: Buffer.from('PK\x05\x06\n{}\n', 'latin1'), says: 'zip' },
};

describe('an object of another format', () => {
  it('is one dead letter that names the format, and nothing of it is published', async () => {
    const bodies = Object.entries(foreign).map(([key, { body }]) => ({ key, body }));
    world = await World.open({ objects: [...bodies, { key: 'zz-good', body: LINES }] });
    const { report, ended } = await world.report(['--segment-size', '64KiB']);
    expect([ended.exitCode, report.objects.done, report.objects.failed]).toEqual([1, 1, bodies.length]);
    const letters = world.deadLetters();
    expect(letters.map(({ key, code, offset }) => [key, code, offset]).sort()).toEqual(
      bodies.map(({ key }) => [key, 'OBJECT_UNREADABLE', null]).sort(),
    );
    for (const { key, message } of letters) {
      expect(message).toContain(`s3://bucket/${key}`);
      expect(message).toContain(`it is ${foreign[key]!.says};`);
    }
    expect(differences(linesOf(LINES), dataOf(world.records()))).toEqual(new Map());
    // The same command leaves them alone.
    const again = await world.report(['--segment-size', '64KiB']);
    expect([again.ended.exitCode, world.deadLetters().length]).toEqual([1, bodies.length]);
  });
});
