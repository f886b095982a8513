/**
 * ETag: what tells one version of an object from another, in the forms in which stores give it.
 * Takes  texts of listings, headers and journals. Gives a yes or no, and what to ask for.
 * Owns   the comparison, which ignores quotes and `W/`; nobody changes the texts themselves, for records' keys are made of them.
 * Pure.
 *
 * Some stores give no ETag at all. Then the version is named by what they do say: `last-modified:<date>`, or `unversioned`.
 */

const MODIFIED = 'last-modified:';
/** Nothing is known of the version. */
export const UNVERSIONED = 'unversioned';

/** The ETag without its quotes and `W/`; '' where there is none. */
export function bareEtag(etag: string): string {
  return etag.trim().replace(/^W\//, '').replaceAll('"', '');
}

export function isSameEtag(one: string, other: string): boolean {
  return bareEtag(one) === bareEtag(other);
}

/** What names a version. @param lastModified As a header gives it, or milliseconds since 1970; 0 and undefined: unknown. */
export function versionName(etag: string | undefined, lastModified: string | number | undefined): string {
  if (etag !== undefined && bareEtag(etag) !== '') return etag;
  if (!lastModified) return UNVERSIONED;
  const atMs = typeof lastModified === 'number' ? lastModified : Date.parse(lastModified);
  return MODIFIED + (Number.isNaN(atMs) ? lastModified : new Date(atMs).toUTCString());
}

/** Whether it is a stand-in for a missing ETag. */
export function isStandIn(version: string): boolean {
  return version === UNVERSIONED || version.startsWith(MODIFIED);
}

/** Headers that ask for exactly this version; none where that is impossible: If-Match never matches a weak ETag. */
export function preconditionOf(version: string): { 'if-match'?: string; 'if-unmodified-since'?: string } {
  if (version.startsWith(MODIFIED)) return { 'if-unmodified-since': version.slice(MODIFIED.length) };
  const bare = bareEtag(version);
  if (bare === '' || version === UNVERSIONED || version.trim().startsWith('W/')) return {};
  return { 'if-match': version.startsWith('"') ? version : `"${bare}"` };
}
