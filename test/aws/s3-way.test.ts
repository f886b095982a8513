/** S3 way: where requests go by our own rules is where the SDK's would send them; what ours leave out, the SDK is asked. */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { createS3Client, placeBySdk } from '../../src/aws/s3-client.ts';
import { openS3Way, plainBucketUrl } from '../../src/aws/s3-way.ts';
import { usePlainSettings } from './plain-settings.ts';

usePlainSettings();

const REGIONS = [
  ...['us-east-1', 'us-east-2', 'eu-west-1', 'ap-southeast-7', 'il-central-1', 'cn-north-1', 'us-gov-west-1'],
  ...[
    'us-iso-east-1',
    'eusc-de-east-1',
    'aws-global',
    'local',
    'auto',
    'us-east-1-fips',
    'X',
    'us east 1',
    '-',
  ],
];
const ENDPOINTS = [
  ...[
    'http://127.0.0.1:9000',
    'http://127.0.0.1:9000/base',
    'http://127.0.0.1:9000/base/',
    'HTTPS://Store.Example',
  ],
  ...['https://store.example:443', 'http://[::1]:9000', 'http://localhost:80', 'https://store.example/a/b'],
  ...['https://store.example/?a=b', 'https://store.example/a%20b'],
];
const BUCKETS = [
  ...[
    'data',
    'my-bucket',
    'my.bucket',
    'a.b.c',
    '127.0.0.1',
    'x',
    'ab',
    'UPPER',
    'under_score',
    'end-',
    '-begin',
  ],
  ...[
    'logs--euw1-az1--x-s3',
    'mine--xa-s3',
    'mine-abc--op-s3',
    'mine-abc123-s3alias',
    'a..b',
    'a.-b',
    'xn--data',
  ],
  ...['arn:aws:s3:eu-west-1:123456789012:accesspoint/mine', 'arn:aws:s3::123456789012:accesspoint/m.mrap'],
  ...['b'.repeat(63), 'b'.repeat(64), `${'b'.repeat(60)}.io`, 'ümlaut', 'with space', 'beta', 'sthree-data'],
];
const bucket = fc.oneof(fc.constantFrom(...BUCKETS), fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,30}[a-z0-9]$/));

it('is the place that the SDK finds, or left to it', { timeout: 60_000 }, async () => {
  let own = 0;
  const place = fc.record({
    region: fc.constantFrom(...REGIONS),
    endpoint: fc.option(fc.constantFrom(...ENDPOINTS)),
    bucket,
    elsewhere: fc.option(fc.constantFrom('us-west-2', 'cn-north-1'), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(place, async ({ region, endpoint, bucket: name, elsewhere }) => {
      const target = { region, profile: null, endpoint };
      const asked = endpoint === null ? elsewhere : undefined; // only AWS's own buckets are followed
      // It was asked where it was first looked for, and only then is it elsewhere.
      const tried = [target, { ...target, region: asked ?? region }];
      if (tried.some((one) => plainBucketUrl(one, name) === null)) return;
      own++;
      const way = openS3Way(target);
      if (asked !== undefined) way.learn(name, asked);
      const client = createS3Client(target);
      const theirs = await placeBySdk(client, name, asked);
      client.destroy();
      const ours = await way.place(name);
      expect({ ...ours, userAgent: '' }).toEqual({ ...theirs, userAgent: '' });
    }),
    { numRuns: 500 },
  );
  expect(own).toBeGreaterThan(100);
});

it.each([
  { what: 'FIPS', variable: 'AWS_USE_FIPS_ENDPOINT', host: 'data.s3-fips.eu-west-1.amazonaws.com' },
  {
    what: 'dual stack',
    variable: 'AWS_USE_DUALSTACK_ENDPOINT',
    host: 'data.s3.dualstack.eu-west-1.amazonaws.com',
  },
])('is asked of the SDK for $what', async ({ variable, host }) => {
  vi.stubEnv(variable, 'true');
  const way = openS3Way({ region: 'eu-west-1', profile: null, endpoint: null, hasOwnRules: true });
  expect(await way.place('data')).toMatchObject({ host, region: 'eu-west-1' });
  way.close();
});

it('is left to the SDK from end to end where buckets want sessions', async () => {
  const way = openS3Way({ region: 'eu-west-1', profile: null, endpoint: null });
  expect(await way.place('logs--euw1-az1--x-s3')).toBeNull();
  way.close();
});

it('is none without a region, which the SDK says', async () => {
  vi.stubEnv('AWS_REGION', undefined);
  vi.stubEnv('AWS_DEFAULT_REGION', undefined);
  const way = openS3Way({ region: null, profile: null, endpoint: null });
  await expect(way.place('data')).rejects.toThrow('Region is missing');
  await expect(way.place('data')).rejects.toThrow('Region is missing');
  way.close();
});
