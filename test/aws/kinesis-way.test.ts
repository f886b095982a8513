/** Kinesis way: where calls go by our own rules is where the SDK's would send them; what ours leave out, the SDK is asked. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createKinesisClient, resolveService } from '../../src/aws/kinesis-client.ts';
import { openKinesisWay, type Plane, plainEndpoint } from '../../src/aws/kinesis-way.ts';
import { usePlainSettings } from './plain-settings.ts';

const ACCOUNT = '123456789012';
const PLANES = ['control', 'data'] as const;

usePlainSettings();

interface Place {
  readonly region: string;
  readonly endpoint: string | null;
  readonly streamArn: string | null;
  readonly accountId: string | null;
  readonly plane: Plane;
}

const arnOf = (partition: string, region: string, account: string) =>
  `arn:${partition}:kinesis:${region}:${account}:stream/orders`;

const places: fc.Arbitrary<Place> = fc
  .record({
    region: fc.constantFrom(
      ...['us-east-1', 'eu-west-1', 'ap-southeast-7', 'il-central-1', 'mx-central-1', 'cn-north-1'],
      ...['us-gov-west-1', 'us-iso-east-1', 'us-isob-east-1', 'eusc-de-east-1', 'aws-global', 'local'],
      ...['us-east-1-fips', 'eu-nowhere-99', 'x', 'US-EAST-1', 'us east 1', 'us-east-', '-'],
    ),
    endpoint: fc.option(
      fc.constantFrom(
        ...['http://127.0.0.1:4567', 'https://kinesis.example.com', 'https://kinesis.example.com:443/'],
        ...[
          'http://[::1]:4567',
          'http://localhost:80',
          'https://example.com/base',
          'https://example.com/?a=b',
        ],
        ...['https://vpce-1-2.kinesis.us-east-1.vpce.amazonaws.com', 'HTTPS://Example.COM'],
      ),
    ),
    arn: fc.option(
      fc.record({
        partition: fc.constantFrom('aws', 'aws-cn', 'aws-us-gov'),
        account: fc.constantFrom(ACCOUNT, '000000000000', 'abc', ''),
      }),
    ),
    accountId: fc.option(fc.constantFrom(ACCOUNT, '000000000001')),
    plane: fc.constantFrom(...PLANES),
  })
  .map(({ arn, ...rest }) => ({
    ...rest,
    streamArn: arn === null ? null : arnOf(arn.partition, rest.region, arn.account),
  }));

it('is the endpoint that the SDK finds, or left to it', { timeout: 60_000 }, async () => {
  let own = 0;
  const ask = async ({ region, endpoint, streamArn, accountId, plane }: Place) => {
    const target = { region, profile: null, endpoint };
    const url = plainEndpoint(target, plane, streamArn, accountId);
    if (url === null) return;
    own++;
    const credentials = async () => ({
      ...{ accessKeyId: 'a', secretAccessKey: 'b' },
      ...(accountId !== null && { accountId }),
    });
    const client = createKinesisClient(target, credentials);
    const theirs = await resolveService(client, plane, streamArn ?? undefined);
    client.destroy();
    if (accountId !== null) vi.stubEnv('AWS_ACCOUNT_ID', accountId);
    const ours = await openKinesisWay(target).service(plane, streamArn ?? undefined);
    vi.stubEnv('AWS_ACCOUNT_ID', undefined);
    const plain = ({ origin, path, region: signed, headers }: typeof ours) => ({
      ...{ origin, path, signed, host: headers.host },
    });
    expect(plain(ours)).toEqual(plain(theirs));
  };
  await fc.assert(fc.asyncProperty(places, ask), { numRuns: 300 });
  expect(own).toBeGreaterThan(50);
});

describe('the SDK is asked', () => {
  it.each([
    { what: 'FIPS', variable: 'AWS_USE_FIPS_ENDPOINT', host: 'kinesis-fips.eu-west-1.amazonaws.com' },
    { what: 'dual stack', variable: 'AWS_USE_DUALSTACK_ENDPOINT', host: 'kinesis.eu-west-1.api.aws' },
  ])('for $what', async ({ variable, host }) => {
    vi.stubEnv(variable, 'true');
    const target = { region: 'eu-west-1', profile: null, endpoint: null, hasOwnRules: true };
    const { origin } = await openKinesisWay(target).service('control', undefined);
    expect(origin).toEqual({ isTls: true, hostname: host, port: 443 });
  });

  it('for a partition that is not the largest', async () => {
    const target = { region: 'cn-north-1', profile: null, endpoint: null };
    const { origin } = await openKinesisWay(target).service('data', undefined);
    expect(origin.hostname).toBe('kinesis.cn-north-1.amazonaws.com.cn');
  });

  it('why there is no way without a region', async () => {
    const target = { region: null, profile: null, endpoint: 'http://127.0.0.1:9' };
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    await expect(openKinesisWay(target).service('control', undefined)).rejects.toThrow('Region is missing');
  });
});
