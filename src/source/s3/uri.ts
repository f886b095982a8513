/**
 * S3 URI: `s3://bucket/key-or-prefix` in, bucket and key out.
 * Takes  text from a flag, a line of stdin or a manifest.
 * Gives  S3Location. The key is taken as it stands: no percent-decoding, any character, also `?`, `#`, spaces and `//`.
 * Never  asks S3 whether anything is there.
 */
import { MillraceError } from '../../base/errors.ts';
import { S3 } from '../../base/limits.ts';
import { objectUri } from '../../base/object-uri.ts';

export interface S3Location {
  readonly bucket: string;
  /** Key or prefix; '' is the whole bucket. */
  readonly key: string;
}

/** A bucket name, or the ARN of an access point (whose name follows after `accesspoint/` or `accesspoint:`). */
const BUCKET = /^(?:[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}|arn:[^/]+:accesspoint[/:][a-zA-Z0-9.-]+)(?=\/|$)/;

/** @throws {MillraceError} MILLRACE_SOURCE, one line that says what was expected and shows what was given. */
export function parseS3Uri(text: string): S3Location {
  const rest = /^s3:\/\//i.test(text) ? text.slice(5) : null;
  const bucket = rest === null ? null : BUCKET.exec(rest);
  if (rest === null || bucket === null) {
    throw new MillraceError(
      'MILLRACE_SOURCE',
      `Expected s3://bucket/prefix-or-key, but received ${JSON.stringify(text)}`,
    );
  }
  const key = rest.slice(bucket[0].length + 1);
  if (Buffer.byteLength(key) > S3.keyBytesMax) {
    const shown = JSON.stringify(text.slice(0, 100));
    throw new MillraceError(
      'MILLRACE_SOURCE',
      `Expected a key of at most ${S3.keyBytesMax} bytes, but received ${shown}...`,
    );
  }
  return { bucket: bucket[0], key };
}

/** The opposite of parseS3Uri. */
export function formatS3Uri(location: S3Location): string {
  return objectUri(location);
}
