/** How S3 and Kinesis are reached, as flags say it. */
import { expect, it } from 'vitest';
import { acceptAws, readAws } from '../../src/options/aws.ts';
import { Problems } from '../../src/options/problems.ts';

it.each([
  { given: {}, s3: null, kinesis: null },
  { given: { 'endpoint-url': 'http://a' }, s3: 'http://a', kinesis: 'http://a' },
  {
    given: { 'endpoint-url': 'http://a', 's3-endpoint-url': 'http://b' },
    s3: 'http://b',
    kinesis: 'http://a',
  },
  { given: { 'kinesis-endpoint-url': 'http://c' }, s3: null, kinesis: 'http://c' },
])('the endpoint of one service wins over that of both: $given', ({ given, s3, kinesis }) => {
  const problems = new Problems();
  const { s3Endpoint, kinesisEndpoint } = readAws(given, problems);
  expect([s3Endpoint, kinesisEndpoint, problems.list]).toEqual([s3, kinesis, []]);
});

it('is the same for a program, which gives nothing, some, or what was checked before', () => {
  const problems = new Problems();
  const nothing = acceptAws(undefined, problems);
  expect(nothing).toEqual(readAws({}, problems));
  const some = acceptAws({ endpoint: 'http://a', s3Profile: 'p' }, problems);
  expect(some).toMatchObject({ s3Endpoint: 'http://a', kinesisEndpoint: 'http://a', s3Profile: 'p' });
  expect(acceptAws(some, problems)).toEqual(some);
  expect(problems.list).toEqual([]);
});
