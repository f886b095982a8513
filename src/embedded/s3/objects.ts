/**
 * Objects: what a bucket of the fast S3 holds, in the order in which S3 lists it.
 * Takes  objects in memory. Gives  pages of ListObjectsV2. Never  answers a request.
 */
import { hash } from 'node:crypto';
import { S3 } from '../../base/limits.ts';
import { type CrcName, combineCrcs, crc, crcToBase64 } from '../../native/crc.ts';
import type { StoredObject } from './body.ts';
import type { ListPage } from './xml.ts';

export interface FastS3Object {
  readonly key: string;
  readonly body: Uint8Array;
  /** How often the body stands in the object. Default 1. */
  readonly repeat?: number;
  readonly modifiedAt?: Date;
  /** Default STANDARD. GLACIER and DEEP_ARCHIVE refuse GetObject with InvalidObjectState. */
  readonly storageClass?: string;
  /** An archived object that has been restored: it can be read, and HEAD says so. */
  readonly isRestored?: boolean;
  /** S3 holds a checksum of the whole object, and gives it when asked, unless a range is requested. Default: it holds none. */
  readonly checksum?: CrcName;
  /** Quotes included. Default: the MD5 of the body, as S3 gives it. */
  readonly etag?: string;
}

export function stored(object: FastS3Object): StoredObject {
  const body = Buffer.from(object.body.buffer, object.body.byteOffset, object.body.byteLength);
  const repeat = object.repeat ?? 1;
  return {
    key: object.key,
    body,
    sizeBytes: body.length * repeat,
    etag: object.etag ?? `"${hash('md5', body)}${repeat > 1 ? `-${repeat}` : ''}"`,
    modifiedAt: object.modifiedAt ?? new Date(Math.trunc(Date.now() / 1000) * 1000),
    storageClass: object.storageClass ?? 'STANDARD',
    isRestored: object.isRestored ?? false,
    checksum: object.checksum === undefined ? {} : checksumOf(object.checksum, body, repeat),
  };
}

function checksumOf(name: CrcName, body: Buffer, repeat: number): Record<string, string> {
  const once = crc(name, body, 0n);
  let sum = once;
  for (let i = 1; i < repeat; i++) sum = combineCrcs(name, sum, once, body.length);
  const header = `x-amz-checksum-${name.toLowerCase()}`;
  return { [header]: crcToBase64(name, sum), 'x-amz-checksum-type': 'FULL_OBJECT' };
}

/** S3 lists keys in the order of their UTF-8 bytes, which is not the order of JavaScript strings. */
function byteOrder(a: { readonly key: string }, b: { readonly key: string }): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

export class Bucket {
  readonly objects = new Map<string, StoredObject>();
  #sorted: { readonly object: StoredObject; readonly name: Buffer }[] | undefined;

  put(object: StoredObject): void {
    this.objects.set(object.key, object);
    this.#sorted = undefined;
  }

  delete(key: string): void {
    this.objects.delete(key);
    this.#sorted = undefined;
  }

  /** Objects behind `after`, in S3's order. */
  *from(after: string): Generator<StoredObject> {
    this.#sorted ??= [...this.objects.values()]
      .sort(byteOrder)
      .map((object) => ({ object, name: Buffer.from(object.key) }));
    const sorted = this.#sorted;
    const edge = Buffer.from(after);
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(sorted[middle]!.name, edge) > 0) high = middle;
      else low = middle + 1;
    }
    for (let at = low; at < sorted.length; at++) yield sorted[at]!.object;
  }
}

/** One page of ListObjectsV2. */
export function listPage(name: string, bucket: Bucket, query: URLSearchParams): ListPage {
  const maxKeys = Math.min(Number(query.get('max-keys') ?? S3.listPageKeysMax), S3.listPageKeysMax);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') || undefined;
  const startAfter = query.get('start-after') ?? undefined;
  const token = query.get('continuation-token') ?? undefined;
  const after = token === undefined ? (startAfter ?? '') : Buffer.from(token, 'base64').toString('utf8');
  const objects: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  let last = '';
  let hasMore = false;
  for (const object of bucket.from(after)) {
    if (!object.key.startsWith(prefix)) continue;
    const end = delimiter === undefined ? -1 : object.key.indexOf(delimiter, prefix.length);
    const common = end < 0 ? undefined : object.key.slice(0, end + delimiter!.length);
    // A token that ends in a common prefix stands for everything under it.
    if (common !== undefined && (common === commonPrefixes.at(-1) || common === after)) continue;
    if (objects.length + commonPrefixes.length === maxKeys) {
      hasMore = true;
      break;
    }
    if (common === undefined) objects.push(object);
    else commonPrefixes.push(common);
    last = common ?? object.key;
  }
  const nextToken = hasMore && maxKeys > 0 ? Buffer.from(last).toString('base64') : undefined;
  const isUrlEncoded = query.get('encoding-type') === 'url';
  return {
    bucket: name,
    prefix,
    delimiter,
    startAfter,
    token,
    nextToken,
    maxKeys,
    isUrlEncoded,
    objects,
    commonPrefixes,
  };
}
