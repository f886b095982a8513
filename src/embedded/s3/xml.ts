/**
 * XML: answers of S3 as S3 writes them.
 * Takes  plain values. Gives  documents. Never  reads XML.
 */
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Control characters cannot stand in XML 1.0 at all; S3 sends keys that hold them as numeric references, like these. */
export function escapeXml(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be escaped.
    /[&<>"\u0000-\u001f\u007f]/g,
    (character) =>
      ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ??
      `&#x${character.charCodeAt(0).toString(16)};`,
  );
}

export function errorXml(code: string, message: string, resource: string, requestId: string): string {
  return `${HEAD}<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><Resource>${escapeXml(resource)}</Resource><RequestId>${requestId}</RequestId></Error>`;
}

export interface ListPage {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly startAfter: string | undefined;
  readonly token: string | undefined;
  readonly nextToken: string | undefined;
  readonly maxKeys: number;
  /** Whether keys are percent-encoded, as `encoding-type=url` asks. */
  readonly isUrlEncoded: boolean;
  readonly objects: readonly {
    key: string;
    sizeBytes: number;
    etag: string;
    modifiedAt: Date;
    storageClass: string;
  }[];
  readonly commonPrefixes: readonly string[];
}

export function listXml(page: ListPage): string {
  const name = (key: string) =>
    escapeXml(
      page.isUrlEncoded ? encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+') : key,
    );
  const optional = (tag: string, value: string | undefined) =>
    value === undefined ? '' : `<${tag}>${value}</${tag}>`;
  const contents = page.objects.map(
    (object) =>
      `<Contents><Key>${name(object.key)}</Key><LastModified>${object.modifiedAt.toISOString()}</LastModified><ETag>${escapeXml(object.etag)}</ETag><Size>${object.sizeBytes}</Size><StorageClass>${object.storageClass}</StorageClass></Contents>`,
  );
  const prefixes = page.commonPrefixes.map(
    (prefix) => `<CommonPrefixes><Prefix>${name(prefix)}</Prefix></CommonPrefixes>`,
  );
  return [
    `${HEAD}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`,
    `<Name>${page.bucket}</Name><Prefix>${name(page.prefix)}</Prefix>`,
    optional('Delimiter', page.delimiter && name(page.delimiter)),
    optional('StartAfter', page.startAfter && name(page.startAfter)),
    optional('ContinuationToken', page.token && escapeXml(page.token)),
    optional('NextContinuationToken', page.nextToken && escapeXml(page.nextToken)),
    `<KeyCount>${page.objects.length + prefixes.length}</KeyCount><MaxKeys>${page.maxKeys}</MaxKeys>`,
    optional('EncodingType', page.isUrlEncoded ? 'url' : undefined),
    `<IsTruncated>${page.nextToken !== undefined}</IsTruncated>`,
    ...contents,
    ...prefixes,
    '</ListBucketResult>',
  ].join('');
}
