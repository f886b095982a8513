/**
 * Checksum head: asks S3 what checksum it holds of an object that is read in ranges.
 * Takes  an object. Gives its checksum, or null where S3 holds none of the whole object, or of another version.
 * Never  retries: without an answer the object is carried all the same, and counts as not proven.
 */
import { isSameEtag, isStandIn } from '../../aws/etag.ts';
import { type Checksum, checksumIn } from '../checksum.ts';
import type { SourceObject } from '../object.ts';
import type { S3Calls } from './calls.ts';
import { headObject } from './head-object.ts';

/** @throws As the call. */
export async function askChecksum(
  calls: S3Calls,
  object: SourceObject,
  signal: AbortSignal,
): Promise<Checksum | null> {
  const { etag } = object;
  const header = await headObject(calls, object, true, signal);
  const found = header('etag');
  const isNamed = etag !== '' && !isStandIn(etag);
  if (!isNamed || found === undefined || !isSameEtag(etag, found)) return null;
  return checksumIn(header);
}
