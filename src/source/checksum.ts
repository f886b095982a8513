/**
 * Checksum: what a source says that the bytes of a whole object sum up to.
 * Takes  headers of an answer. Gives the checksum, if it is one that can be combined from ranges.
 * Owns   the choice: only checksums of type FULL_OBJECT, because a composite one is a sum over the sums of parts that are unknown here.
 */
import type { CrcName } from '../native/crc.ts';

export interface Checksum {
  readonly name: CrcName;
  readonly base64: string;
}

/** The one that costs least comes first. */
const NAMES: readonly CrcName[] = ['CRC32', 'CRC32C', 'CRC64NVME'];

/** @param header By its name in lower case. Of an answer for the whole object: in those for ranges it may or may not mean the range. */
export function checksumIn(header: (name: string) => string | undefined): Checksum | null {
  if (header('x-amz-checksum-type') !== 'FULL_OBJECT') return null;
  for (const name of NAMES) {
    const base64 = header(`x-amz-checksum-${name.toLowerCase()}`);
    if (base64 !== undefined) return { name, base64 };
  }
  return null;
}
