import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type OpenedFile, readLines, realFiles, reasonOf, writeAll } from '../../src/journal/files.ts';

/** A file in memory that gives at most `step` bytes a read. */
const inMemory = (content: Buffer, step: number): Pick<OpenedFile, 'read'> => ({
  read: async (into, position) => {
    const part = content.subarray(position, position + Math.min(step, into.byteLength));
    into.set(part);
    return part.byteLength;
  },
});

it('gives the same lines, numbers and offsets whatever the size of the reads', async () => {
  const texts = fc.array(fc.constantFrom('', 'a', 'bc', '\n', '\n\n', 'def', '\r'), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (parts, step) => {
      const content = Buffer.from(parts.join(''));
      const seen: [string, number, number][] = [];
      const read = await readLines(inMemory(content, step), (line, number, offset) => {
        seen.push([line.toString(), number, offset]);
        return true;
      });
      const lines = content.toString().split('\n');
      const tail = lines.pop()!;
      let offset = 0;
      const expected = lines.map((line, n) => {
        const at = offset;
        offset += line.length + 1;
        return [line, n + 1, at];
      });
      expect(seen).toEqual(expected);
      expect(read).toEqual({ lines: lines.length, wholeBytes: offset, tailBytes: tail.length });
    }),
  );
});

it('reads a line longer than one chunk', async () => {
  const content = Buffer.alloc((3 << 20) + 5, 0x61);
  content[content.length - 1] = 0x0a;
  const lengths: number[] = [];
  await readLines(inMemory(content, 1 << 30), (line) => {
    lengths.push(line.byteLength);
    return true;
  });
  expect(lengths).toEqual([(3 << 20) + 4]);
});

it('writes all bytes in as many parts as the system takes, and gives up when it takes none', async () => {
  const taken: number[] = [];
  const slow = (bytesPerWrite: number) =>
    ({
      write: async (bytes: Uint8Array) => {
        taken.push(bytes.byteLength);
        return Math.min(bytesPerWrite, bytes.byteLength);
      },
    }) as unknown as OpenedFile;
  await writeAll(slow(3), Buffer.alloc(7));
  expect(taken).toEqual([7, 4, 1]);
  await expect(writeAll(slow(0), Buffer.alloc(1))).rejects.toThrow(/wrote 0 bytes/);
});

it('appends, cuts and reads back on a real disk; does not follow a link; knows what is no regular file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-files-'));
  try {
    const path = join(folder, 'a', 'b', 'file');
    await realFiles.makeFolderOf(path);
    const file = await realFiles.open(path, 'create');
    await file.write(Buffer.from('hello'));
    await file.truncate(2);
    await file.write(Buffer.from('y'));
    await file.datasync();
    await realFiles.syncFolderOf(path);
    expect([
      readFileSync(path, 'utf8'),
      await file.sizeBytes(),
      await realFiles.sizeBytes(path),
      file.isRegular,
    ]).toEqual(['hey', 3, 3, true]);
    await expect(realFiles.open(path, 'create')).rejects.toThrow(/EEXIST/);
    await file.close();
    symlinkSync(path, join(folder, 'link'));
    for (const mode of ['read', 'append', 'create'] as const)
      await expect(realFiles.open(join(folder, 'link'), mode)).rejects.toThrow();
    const device = await realFiles.open('/dev/null', 'append');
    expect(device.isRegular).toBe(false);
    await device.close();
    writeFileSync(join(folder, 'x'), '');
    await realFiles.rename(join(folder, 'x'), join(folder, 'y'));
    await realFiles.remove(join(folder, 'y'));
    await realFiles.remove(join(folder, 'y'));
    expect(await realFiles.sizeBytes(join(folder, 'y'))).toBeNull();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  { error: Object.assign(new Error('x'), { code: 'ENOSPC' }), says: 'the disk is full (ENOSPC)' },
  { error: Object.assign(new Error('odd'), { code: 'EODD' }), says: 'odd (EODD)' },
  { error: new Error('plain'), says: 'plain' },
  { error: 'text', says: 'text' },
])('says "$says"', ({ error, says }) => {
  expect(reasonOf(error)).toBe(says);
});

const canMount =
  spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', '/mnt']).status === 0;
it.skipIf(!canMount)(
  `a folder on a read-only file system cannot be made for that reason${canMount ? '' : ' (not run: nothing can be mounted)'}`,
  () => {
    const files = join(import.meta.dirname, '..', '..', 'src', 'journal', 'files.ts');
    const program = `const { realFiles } = await import(${JSON.stringify(files)});
      await realFiles.makeFolderOf('/mnt/.millrace/run.journal').catch(({ code }) => console.log(code));`;
    const mounted = 'mount -t tmpfs -o ro tmpfs /mnt && exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', program];
    const { stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', mounted, 'sh', ...node], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).toBe('EROFS\n');
  },
);
