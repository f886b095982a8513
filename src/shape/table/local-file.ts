/**
 * Local file: a lookup table on the disk.
 * Takes  a path. Gives  a TableFile whose version is the SHA-256 of its bytes.
 * Owns   the proof that what was hashed is what was read: size, time and inode stay.
 * Never  writes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { assertRegularFile } from '../../base/given-file.ts';
import { type TableFile, unreadable } from './rows/table-file.ts';

export async function openLocalTable(path: string): Promise<TableFile> {
  try {
    assertRegularFile(path);
    const before = await marksOf(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return {
      name: path,
      version: `sha256:${hash.digest('hex')}`,
      sizeBytes: Number(before.size),
      async *read(start, end) {
        if (start < end) yield* createReadStream(path, { start, end: end - 1 }) as AsyncIterable<Buffer>;
      },
      async checkUnchanged() {
        const now = await marksOf(path);
        if (now.size !== before.size || now.mtimeNs !== before.mtimeNs || now.ino !== before.ino)
          throw unreadable(path, 'it was changed while it was read; begin again when it is complete');
      },
    };
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error), error);
  }
}

async function marksOf(path: string) {
  const { size, mtimeNs, ino } = await stat(path, { bigint: true });
  return { size, mtimeNs, ino };
}
