/**
 * Addon file: whether a file that holds machine code may be loaded here.
 * Takes  a path; beside it lies `<path>.sum` with its size, its SHA-256 and that of its sources, as the build wrote them.
 * Gives  what is wrong with it, or null; and whether this Node is linked to musl, where what was built for glibc must not be tried.
 * Never  loads anything.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Where the name of the dynamic loader stands in an executable: within its first page. */
const ELF_HEAD_BYTES = 4096;

/**
 * What is wrong with an addon, or null where it is what the build has written.
 * @param sourcesSum Of the sources that lie there (sources-sum.mjs), where it must have been built from them.
 */
export function damageOf(path: string, sourcesSum: string | null = null): string | null {
  let bytes: Buffer;
  let sum: string;
  try {
    bytes = readFileSync(path);
    sum = readFileSync(`${path}.sum`, 'utf8');
  } catch (error) {
    return (error as Error).message;
  }
  const [size, sha256, builtFrom] = sum.trim().split(' ');
  if (String(bytes.length) !== size)
    return `it has ${bytes.length} bytes and not ${size}: it was cut, or changed`;
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) return 'its checksum is not the one of the build: it was changed';
  return sourcesSum === null || builtFrom === sourcesSum
    ? null
    : 'it was built from other sources than these';
}

/** Whether this process runs on musl (Alpine), by the dynamic loader that the executable names. */
export function isMusl(executable = process.execPath): boolean {
  try {
    const head = Buffer.alloc(ELF_HEAD_BYTES);
    const descriptor = openSync(executable, 'r');
    try {
      readSync(descriptor, head);
    } finally {
      closeSync(descriptor);
    }
    return head.includes('/ld-musl-');
  } catch {
    return false; // then loading it says what is wrong
  }
}
