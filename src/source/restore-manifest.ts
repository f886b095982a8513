/**
 * RestoreManifest: the archived objects of a run as a manifest for S3 Batch Operations ("Restore").
 * Takes  objects that the listing has set aside.
 * Gives  CSV lines `bucket,key`, the key URL-encoded, no header, as Batch Operations reads them (S3UG, "Specifying a manifest").
 * Never  restores anything, never opens a file.
 */
import type { SourceObject } from './object.ts';

/** One line with its newline. Everything that could be taken for CSV syntax is escaped. */
export function restoreManifestLine(object: Pick<SourceObject, 'bucket' | 'key'>): string {
  const key = encodeURIComponent(object.key)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
  return `${object.bucket},${key}\n`;
}
