/**
 * RestoreManifest: the archived objects of a run as a manifest for S3 Batch Operations ("Restore").
 * Takes  objects that the listing has set aside.
 * Gives  CSV lines `bucket,key`, the key URL-encoded, no header, as Batch Operations reads them (S3UG, "Specifying a manifest").
 * Never  restores anything, never opens a file.
 */
import type { SourceObject } from '../object.ts';

/** One line with its newline. Everything that could be taken for CSV syntax is escaped. */
export function restoreManifestLine(object: Pick<SourceObject, 'bucket' | 'key'>): string {
  const key = encodeURIComponent(object.key)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
  return `${object.bucket},${key}\n`;
}

/** Whether a file that begins so can be one of these: empty, or lines of a bucket and an escaped key. The last one may be cut. */
export function isRestoreManifest(beginning: Buffer | null): boolean {
  const lines = (beginning ?? Buffer.alloc(0)).toString('latin1').split('\n');
  return lines.slice(0, -1).every(isLine) && (lines.length > 1 || isBegunLine(lines[0]!));
}

function isLine(line: string): boolean {
  return /^[A-Za-z0-9.:/_-]{3,},[A-Za-z0-9%/._~-]+$/.test(line);
}

function isBegunLine(text: string): boolean {
  return text === '' || /^[A-Za-z0-9.:/_-]+,[A-Za-z0-9%/._~-]*$/.test(text);
}
