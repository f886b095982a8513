/** Object URI: how an object is named for people, and in lists of objects. The one place that knows the scheme. Pure. */

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

/** `s3://bucket/key`: the key as it stands, with no escapes. */
export function objectUri({ bucket, key }: ObjectName): string {
  return `s3://${bucket}/${key}`;
}

/** Whether a text names an object, and not a file. */
export function isObjectUri(text: string): boolean {
  return /^s3:\/\//i.test(text);
}
