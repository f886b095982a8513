/**
 * Given file: a small file that a user names: flags, a schema, a key. Or a pipe, as `<(command)` of a shell is one.
 * Takes  a path. Gives  its text.
 * Owns   the rules: it is UTF-8 and has an end, and signals are heard while a pipe is waited for.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MIB } from './limits.ts';

const BYTES_MAX = 64 * MIB;
const CHUNK_BYTES = 64 * 1024;
/** Between two looks into a pipe that is empty. */
const LOOK_MS = 10;
/** A pipe with a name has a reader before it has a writer. */
const WRITER_MS_MAX = 5_000;

/** Without a byte order mark. @throws {Error} In words that go on a sentence: `Cannot read ...: <message>`. */
export async function readGivenFile(path: string): Promise<string> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return textOf(await bytesOf(file));
  } finally {
    closeSync(file);
  }
}

/** For what is read more than once, which nothing but a file can be. @throws {Error} */
export function assertRegularFile(path: string): void {
  if (!statSync(path).isFile())
    throw new Error('it is no regular file, and is read more than once; write it to a file first');
}

async function bytesOf(file: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const isPipe = fstatSync(file).isFIFO();
  const writtenByMs = performance.now() + WRITER_MS_MAX;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readNow(file, chunk);
    if (count === 0 && (bytes > 0 || !isPipe)) return Buffer.concat(chunks);
    if (count === 0 && performance.now() >= writtenByMs)
      throw new Error('nothing was written into this pipe');
    if (count === null || count === 0) await sleep(LOOK_MS);
    else {
      bytes += count;
      chunks.push(chunk.subarray(0, count));
      if (bytes > BYTES_MAX) throw new Error(`it has more than ${BYTES_MAX} bytes`);
    }
  }
}

/** @returns Null where a pipe has a writer and is empty. */
function readNow(file: number, chunk: Buffer): number | null {
  try {
    return readSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null;
    throw error;
  }
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8');
  }
}
