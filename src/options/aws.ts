/**
 * AWS options: how S3 and Kinesis are reached, as flags say it. What variables and profiles say comes later (targets.ts).
 */
import { acceptOptions, type OptionsOf, type RawFlags, readFlags, type SettingsOf } from './flag.ts';
import { text, toggle, url } from './kinds.ts';
import type { Problems } from './problems.ts';

const group = 'AWS';

export const AWS_FLAGS = {
  region: text('region', 'NAME', {
    ...{ group, help: 'AWS region; default: the SDK’s chain (AWS_REGION, profile)' },
    meaning: "AWS region, in place of the SDK's chain (`AWS_REGION`, profile)",
  }),
  profile: text('profile', 'NAME', { group, help: 'profile of the AWS configuration files' }),
  /** In place of `profile`. */
  s3Profile: text('s3-profile', 'NAME', { group, help: 'profile for S3 alone' }),
  kinesisProfile: text('kinesis-profile', 'NAME', { group, help: 'profile for Kinesis alone' }),
  endpoint: url('endpoint-url', { group, help: 'endpoint for S3 and Kinesis' }),
  s3Endpoint: url('s3-endpoint-url', { group, help: 'endpoint for S3' }),
  kinesisEndpoint: url('kinesis-endpoint-url', { group, help: 'endpoint for Kinesis' }),
  /** Plain http to other machines. */
  isInsecureAllowed: toggle('insecure-endpoint', {
    ...{ group, help: 'allow http endpoints that are not on this machine' },
  }),
} as const;

/** Null: what variables and profiles say. */
export interface AwsOptions extends Omit<OptionsOf<typeof AWS_FLAGS>, 'endpoint'> {}

/** As a program gives them. `endpoint` is for both services. */
export interface AwsSettings extends SettingsOf<typeof AWS_FLAGS> {}

export function readAws(raw: RawFlags, problems: Problems): AwsOptions {
  return merged(readFlags(AWS_FLAGS, raw, problems));
}

export function acceptAws(given: unknown, problems: Problems): AwsOptions {
  const settings = (given ?? {}) as Readonly<Record<string, unknown>>;
  problems.unknownOptions(
    Object.keys(settings).map((name) => `aws.${name}`),
    Object.keys(AWS_FLAGS).map((name) => `aws.${name}`),
  );
  return merged(acceptOptions(AWS_FLAGS, settings, problems));
}

/** A service's own endpoint wins over the one for both. */
function merged({ endpoint, s3Endpoint, kinesisEndpoint, ...rest }: OptionsOf<typeof AWS_FLAGS>): AwsOptions {
  return { ...rest, s3Endpoint: s3Endpoint ?? endpoint, kinesisEndpoint: kinesisEndpoint ?? endpoint };
}
