/** S3 URI: keys may hold any character; everything else has one clear error. */
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../src/base/errors.ts';
import { formatS3Uri, parseS3Uri } from '../../../src/source/s3/uri.ts';

describe('parseS3Uri', () => {
  it.each([
    ['s3://data', 'data', ''],
    ['s3://data/', 'data', ''],
    ['s3://data/a/b.jsonl', 'data', 'a/b.jsonl'],
    ['S3://data/a', 'data', 'a'],
    ['s3://data//a', 'data', '/a'],
    ['s3://data/../x/%2e?y#z w', 'data', '../x/%2e?y#z w'],
    ['s3://data/ü\n\u{1f600}', 'data', 'ü\n\u{1f600}'],
    [
      's3://arn:aws:s3:eu-west-1:123456789012:accesspoint/mine/a/b',
      'arn:aws:s3:eu-west-1:123456789012:accesspoint/mine',
      'a/b',
    ],
    [`s3://data/${'x'.repeat(1024)}`, 'data', 'x'.repeat(1024)],
  ])('reads %j', (text, bucket, key) => {
    expect(parseS3Uri(text)).toEqual({ bucket, key });
    if (text.startsWith('s3') && key !== '') expect(formatS3Uri({ bucket, key })).toBe(text);
  });

  it.each([
    '',
    'data/a',
    's3:/data',
    's3://',
    's3:///a',
    's3://b/a'.replace('b', 'bad bucket'),
    'https://data.s3.amazonaws.com/a',
    `s3://data/${'x'.repeat(1025)}`,
    `s3://data/${'ü'.repeat(513)}`,
  ])('refuses %j', (text) => {
    expect(() => parseS3Uri(text)).toThrow(MillraceError);
    expect(() => parseS3Uri(text)).toThrow(/^Expected /);
  });
});
