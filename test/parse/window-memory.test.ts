/** What zstd windows may hold: over all parsers, and in order mode each for itself. */
import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { DamagedError } from '../../src/inflate/damage.ts';
import { decompress } from '../../src/inflate/decompress.ts';
import { createParseShared, PARSE_SHARED } from '../../src/parse/setup.ts';
import { WindowMemory } from '../../src/parse/window-memory.ts';

const MIB = 1 << 20;
const { shared, cells } = (() => {
  const view = createParseShared();
  return { shared: view.buffer, cells: view };
})();

function memory(windowBytes: number, isOrdered = false, isStopping = () => false) {
  const flushed = { count: 0 };
  const setup = { shared, windowBytes, isOrdered, lanes: [[], [], [], []] };
  const flush = () => void flushed.count++;
  return { room: new WindowMemory({ setup, isStopping, flush }), flushed };
}

it('gives what fits, lets others wait until it comes back, and loses none of it', async () => {
  const one = memory(200 * MIB);
  const other = memory(200 * MIB);
  await one.room.take(128 * MIB);
  let hasGot = false;
  const waiting = other.room.take(128 * MIB).then(() => {
    hasGot = true;
  });
  await expect.poll(() => other.flushed.count, { timeout: 60_000 }).toBe(1);
  expect([hasGot, cells[PARSE_SHARED.WINDOWS_KIB]]).toEqual([false, 120 * 1024]);
  one.room.give();
  await waiting;
  expect(cells[PARSE_SHARED.WINDOWS_KIB]).toBe(120 * 1024);
  other.room.give();
  other.room.give();
  expect(cells[PARSE_SHARED.WINDOWS_KIB]).toBe(0);
});

it('waits no longer when the run is being stopped', async () => {
  const one = memory(200 * MIB);
  const stopped = memory(200 * MIB, false, () => true);
  await one.room.take(128 * MIB);
  await stopped.room.take(128 * MIB);
  stopped.room.give();
  one.room.give();
  expect(cells[PARSE_SHARED.WINDOWS_KIB]).toBe(0);
});

it('asks for nothing for windows that every decoder takes, and lets nobody wait in order mode', async () => {
  await memory(0).room.take(8 * MIB);
  const rooms = [1, 2, 3, 4].map(() => memory(480 * MIB, true).room);
  for (const room of rooms) await room.take(128 * MIB);
  expect(cells[PARSE_SHARED.WINDOWS_KIB]).toBe(0);
  await expect(memory(479 * MIB, true).room.take(128 * MIB)).rejects.toThrow(/raise --memory by/);
});

/** A frame that asks for a window of 2 to the power of `windowLog`; nothing in it says how large its content is. */
async function frame(windowLog: number): Promise<Buffer> {
  const params = {
    [zlib.constants.ZSTD_c_windowLog]: windowLog,
    [zlib.constants.ZSTD_c_compressionLevel]: 1,
  };
  const encoder = zlib.createZstdCompress({ params });
  const parts: Buffer[] = [];
  encoder.on('data', (part: Buffer) => parts.push(part));
  for (let i = 0; i < 4; i++) encoder.write(Buffer.from(`{"n":${i}}\n`.repeat(20_000)));
  encoder.end();
  await new Promise((resolve) => encoder.once('end', resolve));
  return Buffer.concat(parts);
}

async function contentOf(stored: Buffer, windowBytes: number, stepBytes: number): Promise<number> {
  async function* chunks() {
    for (let at = 0; at < stored.length; at += stepBytes) yield stored.subarray(at, at + stepBytes);
  }
  let bytes = 0;
  for await (const chunk of decompress('zstd', chunks(), {}, memory(windowBytes).room)) bytes += chunk.length;
  return bytes;
}

it.each([1, 3, 1 << 20])(
  'refuses a frame by its header, before anything of it is decoded, in chunks of %i',
  async (step) => {
    const stored = await frame(27);
    const refused = contentOf(stored, 100 * MIB, step);
    await expect(refused).rejects.toThrow(
      /its zstd window is 128MiB, and --memory leaves 108MiB for one; raise --memory by 20MiB \(stored byte 0, 0 bytes/,
    );
    await expect(refused).rejects.toBeInstanceOf(DamagedError);
    expect(await contentOf(stored, 120 * MIB, step)).toBe(640_000);
    expect(await contentOf(await frame(23), 0, step)).toBe(640_000);
    expect(cells[PARSE_SHARED.WINDOWS_KIB]).toBe(0);
  },
);

it('counts no more than a frame holds: one that says its size needs no window beyond it', async () => {
  const params = { [zlib.constants.ZSTD_c_windowLog]: 27 };
  const stored = zlib.zstdCompressSync(Buffer.alloc(3 * MIB, '{}\n'), { params });
  expect(await contentOf(stored, 0, 1 << 20)).toBe(3 * MIB);
});
