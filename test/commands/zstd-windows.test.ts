/** Windows of zstd under --memory: the real command. */
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { World } from './fixture.ts';

let world: World;
afterEach(() => world?.close());

const lines = Array.from(
  { length: 2_000 },
  (_, i) => `{"n":${i},"x":"${randomBytes(48).toString('hex')}"}\n`,
).join('');

async function longFrame(): Promise<Buffer> {
  const encoder = zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_windowLog]: 27 } });
  const parts: Buffer[] = [];
  encoder.on('data', (part: Buffer) => parts.push(part));
  // Written in two parts, or the header would say how little it is.
  encoder.write(lines.slice(0, 50_000));
  encoder.end(lines.slice(50_000));
  await new Promise((resolve) => encoder.once('end', resolve));
  return Buffer.concat(parts);
}

it('an object whose window is over --memory is named with what would be enough; with that it is delivered', async () => {
  const plain = { key: 'small.jsonl', body: Buffer.from('{"n":1}\n') };
  const body = await longFrame();
  expect(body.length).toBeGreaterThan(64 * 1024);
  world = await World.open({ objects: [plain, { key: 'long.zst', body }], shards: 1 });
  const flags = ['--parsers', '1', '--publishers', '1', '--downloads', '2'];
  const { report, ended } = await world.report([...flags, '--memory', '128MiB']);
  expect([ended.exitCode, report.objects.done, report.objects.failed]).toEqual([1, 1, 1]);
  const [letter] = world.deadLetters();
  expect([letter!.key, letter!.code, letter!.message]).toEqual([
    ...[
      'long.zst',
      'OBJECT_UNREADABLE',
      expect.stringMatching(/its zstd window is 128MiB, .* raise --memory by/),
    ],
  ]);
  expect(world.records()).toHaveLength(1);
  const again = await world.report([...flags, '--memory', '512MiB', '--restart']);
  expect([again.ended.exitCode, again.report.records.delivered]).toEqual([0, 2_001]);
});
