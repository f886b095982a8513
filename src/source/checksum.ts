/**
 * Checksum: what a source says that the bytes of a whole object sum up to.
 * Takes  headers of an answer. Gives the checksum, if it is one that can be put together of ranges.
 * Owns   the choice: only checksums of type FULL_OBJECT, for a composite one is a sum of sums of parts that nobody knows here.
 */
import type { CrcName } from '../native/crc.ts';

export interface Checksum {
  readonly name: CrcName;
  readonly base64: string;
}

/** The one that costs least comes first. */
const NAMES: readonly CrcName[] = ['CRC32', 'CRC32C', 'CRC64NVME'];

/** @param header By its name in lower case. Of an answer for the whole object: those for ranges may mean the range, or not. */
export function checksumIn(header: (name: string) => string | undefined): Checksum | null {
  if (header('x-amz-checksum-type') !== 'FULL_OBJECT') return null;
  for (const name of NAMES) {
    const base64 = header(`x-amz-checksum-${name.toLowerCase()}`);
    if (base64 !== undefined) return { name, base64 };
  }
  return null;
}
