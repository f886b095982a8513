/**
 * CRC: the sums that stores keep of whole objects, over bytes that come piece by piece, and of parts that were summed side by side.
 * Takes  bytes, or the sums of two neighbours.
 * Gives  a sum as they count it.
 * Owns   the three polynomials. Without the addon the two that Node does not know are computed here, byte by byte.
 */
import zlib from 'node:zlib';
import { loadAddon } from './load.ts';

export type CrcName = 'CRC32' | 'CRC32C' | 'CRC64NVME';

/** All have their bits in reverse, begin with ones and end inverted. The polynomials are written in reverse, too. */
const KINDS: Readonly<Record<CrcName, { readonly bits: bigint; readonly polynomial: bigint }>> = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
};

interface NativeCrc {
  crc?(is64: number, before: bigint, bytes: Uint8Array): bigint;
}

/** @param before The sum of everything in front of `bytes`; 0n at the beginning. */
export function crc(name: CrcName, bytes: Uint8Array, before: bigint): bigint {
  if (name === 'CRC32') return BigInt(zlib.crc32(bytes, Number(before)));
  const native = loadAddon().addon as NativeCrc | null;
  return native?.crc?.(name === 'CRC64NVME' ? 1 : 0, before, bytes) ?? crcPortable(name, bytes, before);
}

/** The same without the addon. Halves of 32 bits: BigInt would take a hundred times as long. */
export function crcPortable(name: Exclude<CrcName, 'CRC32'>, bytes: Uint8Array, before: bigint): bigint {
  const { low: lows, high: highs } = tableOf(name);
  const ones = (1n << KINDS[name].bits) - 1n;
  const begun = before ^ ones;
  let low = Number(begun & 0xffffffffn) | 0;
  let high = Number(begun >> 32n) | 0;
  for (const byte of bytes) {
    const at = (low ^ byte) & 255;
    low = ((low >>> 8) | (high << 24)) ^ lows[at]!;
    high = (high >>> 8) ^ highs[at]!;
  }
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) ^ ones;
}

interface Table {
  readonly low: Int32Array;
  readonly high: Int32Array;
}
const tables = new Map<CrcName, Table>();

function tableOf(name: CrcName): Table {
  const known = tables.get(name);
  if (known !== undefined) return known;
  const { polynomial } = KINDS[name];
  const table = { low: new Int32Array(256), high: new Int32Array(256) };
  for (let byte = 0; byte < 256; byte++) {
    let sum = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) sum = (sum >> 1n) ^ (sum & 1n ? polynomial : 0n);
    table.low[byte] = Number(sum & 0xffffffffn) | 0;
    table.high[byte] = Number(sum >> 32n) | 0;
  }
  tables.set(name, table);
  return table;
}

/** The sum of `first` with `second` behind it. zlib's crc32_combine, for all three. @param secondBytes Length of `second`. */
export function combineCrcs(name: CrcName, first: bigint, second: bigint, secondBytes: number): bigint {
  return multiply(name, shiftOf(name, secondBytes), first) ^ second;
}

/** What a sum is multiplied with when this many bytes follow: x to the power of their bits. */
function shiftOf(name: CrcName, bytes: number): bigint {
  const { bits } = KINDS[name];
  let result = 1n << (bits - 1n);
  let power = multiply(name, 1n << (bits - 5n), 1n << (bits - 5n));
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(name, power, result);
    power = multiply(name, power, power);
  }
  return result;
}

/** The product of two polynomials modulo that of the sum. */
function multiply(name: CrcName, one: bigint, other: bigint): bigint {
  const { bits, polynomial } = KINDS[name];
  let product = 0n;
  let factor = other;
  for (let bit = 1n << (bits - 1n); bit > 0n; bit >>= 1n) {
    if (one & bit) product ^= factor;
    factor = (factor >> 1n) ^ (factor & 1n ? polynomial : 0n);
  }
  return product;
}

/** As it is written: base64 of its bytes, the highest first. */
export function crcToBase64(name: CrcName, sum: bigint): string {
  return Buffer.from(sum.toString(16).padStart(Number(KINDS[name].bits) / 4, '0'), 'hex').toString('base64');
}
