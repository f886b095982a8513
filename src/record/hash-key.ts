/**
 * Hash key: the 128-bit number by which the service chooses a shard.
 * Takes  a partition key's UTF-8 bytes, or an explicit hash key as it was written.
 * Gives  its upper and lower half.
 * Owns   the rule: MD5 of the partition key, an explicit hash key overrides it.
 */
import { hash } from 'node:crypto';
import { RECORD } from '../base/limits.ts';

export interface HashKey {
  readonly high: bigint;
  readonly low: bigint;
}

/** MD5 of the key, read as one big-endian number. */
export function hashKeyOf(partitionKey: Uint8Array): HashKey {
  const digest = hash('md5', partitionKey, 'buffer');
  return { high: digest.readBigUInt64BE(0), low: digest.readBigUInt64BE(8) };
}

/**
 * Reads an explicit hash key: decimal digits without leading zeros, 0 to 2^128 - 1.
 * @returns `undefined` for everything else.
 */
export function parseHashKey(text: string): HashKey | undefined {
  if (!/^(0|[1-9][0-9]{0,38})$/.test(text)) return undefined;
  const value = BigInt(text);
  if (value > RECORD.hashKeyMax) return undefined;
  return { high: value >> 64n, low: value & 0xffff_ffff_ffff_ffffn };
}
