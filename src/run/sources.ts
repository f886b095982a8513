/**
 * Sources: which source a run has. There is one.
 * Takes  how it is reached, and who pays. Gives  the Source that src/source/source.ts describes.
 * Owns   the choice: outside src/source/ nothing else names a source.
 */
import type { AwsTarget } from '../aws/target.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { openS3 } from '../source/s3/source.ts';
import type { Source } from '../source/source.ts';

/** Sockets besides those of downloads: for listing, and for single objects. */
const SOCKETS_BESIDE = 4;

export function openSource(
  target: AwsTarget,
  { downloads, requestPayer }: Pick<BackfillOptions, 'downloads' | 'requestPayer'>,
): Source {
  return openS3(target, { connectionsMax: downloads + SOCKETS_BESIDE, requesterPays: requestPayer });
}

export { isRestoreManifest, restoreManifestLine } from '../source/s3/restore-manifest.ts';

/** The object that a URI names. @throws {MillraceError} It names none. */
export { parseS3Uri as objectNameOf } from '../source/s3/uri.ts';
