/**
 * Targets: how S3 and Kinesis are reached: flags before variables before profiles, as the AWS CLI has it.
 * Takes  checked flags, the stream's name or ARN, the environment, the AWS configuration files.
 * Gives  a target for each service, and what the user should know; or one OptionsError that names every problem.
 * Owns   the order of the places where a setting may stand (docs/CLI.md). Clients do not look again.
 * Never  reads a credential, or shows one that stands in a URL.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { isHttpUrl, isLoopback, isSafeEndpoint, shownUrl } from '../aws/endpoint.ts';
import { authorityOf, proxyOf, proxyProblems } from '../aws/proxy.ts';
import type { AwsTarget } from '../aws/target.ts';
import { OptionsError } from '../base/errors.ts';
import type { AwsOptions } from './aws.ts';

export interface Targets {
  readonly source: AwsTarget;
  readonly stream: AwsTarget;
  readonly notices: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;
type Settings = Readonly<Record<string, string | undefined>>;
type Files = Awaited<ReturnType<typeof loadSharedConfigFiles>>;

/** What the SDK calls a service in variables and configuration files. */
type Service = 's3' | 'kinesis' | 'sts';

/** They are the SDK's, whose retries are off. */
const IDLE_VARIABLES = ['AWS_MAX_ATTEMPTS', 'AWS_RETRY_MODE'];

/** As variables, and in small letters in profiles. */
const RULES = ['USE_FIPS_ENDPOINT', 'USE_DUALSTACK_ENDPOINT', 'ACCOUNT_ID_ENDPOINT_MODE'];

/** @throws {OptionsError} With every problem. */
export async function findTargets(
  aws: AwsOptions,
  stream: string,
  environment: Environment = process.env,
): Promise<Targets> {
  const files = await loadSharedConfigFiles();
  const problems = proxyProblems(environment);
  const finder = new Finder(aws, environment, files, problems);
  const s3 = finder.target('s3', aws.s3Profile, aws.s3Endpoint);
  const kinesis = finder.target('kinesis', aws.kinesisProfile, aws.kinesisEndpoint);
  if (problems.length > 0) throw new OptionsError([...new Set(problems)]);
  const idle = IDLE_VARIABLES.filter((name) => environment[name]);
  return {
    source: s3,
    stream: { ...kinesis, region: regionOf(stream) ?? kinesis.region },
    notices: idle.map(
      (name) =>
        `${name} changes nothing: requests are repeated by Millrace itself, for as long as a service may be away`,
    ),
  };
}

/** Whether the command itself says at which endpoint the stream is. */
export function hasStreamEndpoint(aws: AwsOptions): boolean {
  return aws.kinesisEndpoint !== null;
}

/** Region of a stream's ARN. */
function regionOf(stream: string): string | null {
  return /^arn:[^:]+:kinesis:([^:]+):/.exec(stream)?.[1] ?? null;
}

class Finder {
  readonly #aws: AwsOptions;
  readonly #environment: Environment;
  readonly #files: Files;
  readonly #problems: string[];

  constructor(aws: AwsOptions, environment: Environment, files: Files, problems: string[]) {
    this.#aws = aws;
    this.#environment = environment;
    this.#files = files;
    this.#problems = problems;
  }

  /** @param ownProfile, @param flagEndpoint What flags of this service say, or null. */
  target(service: 's3' | 'kinesis', ownProfile: string | null, flagEndpoint: string | null): AwsTarget {
    const { region } = this.#aws;
    const { AWS_REGION, AWS_DEFAULT_REGION } = this.#environment;
    const profile = ownProfile ?? this.#aws.profile;
    const settings = this.#profile(profile, ownProfile === null ? 'profile' : `${service}-profile`);
    const endpoint = flagEndpoint ?? this.#endpoint(service, settings);
    if (endpoint !== null) this.#checkEndpoint(endpoint);
    return {
      region: region ?? (AWS_REGION || AWS_DEFAULT_REGION || settings.region || null),
      profile,
      endpoint,
      // The SDK asks variables and AWS_PROFILE itself on its way to a role, but not the profile of a flag.
      stsEndpoint:
        profile === null || this.#variable('sts') !== null ? null : this.#endpoint('sts', settings),
      authorities: this.#authorities(settings),
      hasOwnRules: this.#hasOwnRules(settings),
    };
  }

  /** @param flag What named the profile. */
  #profile(name: string | null, flag: string): Settings {
    const key = name ?? (this.#environment.AWS_PROFILE || 'default');
    const { configFile, credentialsFile } = this.#files;
    const [config, credentials] = [configFile[key], credentialsFile[key]];
    if (name !== null && config === undefined && credentials === undefined)
      this.#problems.push(
        `Expected --${flag} to name a profile of the AWS configuration files, but none is named ${name}.`,
      );
    const region = credentials?.region ?? config?.region;
    return { ...credentials, ...config, ...(region !== undefined && { region }) };
  }

  /** FIPS, dual stack, addresses by account: whatever is said of them, the SDK knows what it means. */
  #hasOwnRules(settings: Settings): boolean {
    return RULES.some((name) => this.#environment[`AWS_${name}`] || settings[name.toLowerCase()]);
  }

  /** What variables or the profile say. An empty one says nothing. */
  #endpoint(service: Service, settings: Settings): string | null {
    const ignoring =
      this.#environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || settings.ignore_configured_endpoint_urls;
    if (ignoring?.toLowerCase() === 'true') return null;
    return this.#variable(service) ?? this.#section(service, settings) ?? (settings.endpoint_url || null);
  }

  #variable(service: Service): string | null {
    const { [`AWS_ENDPOINT_URL_${service.toUpperCase()}`]: own, AWS_ENDPOINT_URL: common } =
      this.#environment;
    return own || common || null;
  }

  /** The services section of a profile. */
  #section(service: Service, { services }: Settings): string | null {
    if (!services) return null;
    const section = this.#files.configFile[`services.${services}`];
    if (section === undefined)
      this.#problems.push(
        `Expected the AWS configuration file to have the section [services ${services}] that a profile names, but it has none.`,
      );
    return section?.[`${service}.endpoint_url`] || null;
  }

  #checkEndpoint(endpoint: string): void {
    const shown = shownUrl(endpoint);
    if (!isHttpUrl(endpoint)) {
      this.#problems.push(`Expected endpoint ${shown} to be a URL like https://host:port, but it is none.`);
      return;
    }
    if (this.#aws.isInsecureAllowed) return;
    if (!isSafeEndpoint(endpoint)) {
      this.#problems.push(
        `Expected endpoint ${shown} to be https, or http on this machine; --insecure-endpoint allows it.`,
      );
      return;
    }
    const { protocol, hostname, port } = new URL(endpoint);
    if (protocol === 'https:' || this.#problems.length > 0) return;
    const proxy = proxyOf({ isTls: false, hostname, port: Number(port || 80) }, this.#environment);
    if (proxy !== null && !isLoopback(proxy.hostname))
      this.#problems.push(
        `Expected NO_PROXY to name endpoint ${shown}: HTTP_PROXY would carry it in the clear to ${authorityOf(proxy)}; --insecure-endpoint allows it.`,
      );
  }

  #authorities(settings: Settings): string | null {
    const { AWS_CA_BUNDLE } = this.#environment;
    const path = AWS_CA_BUNDLE || settings.ca_bundle;
    if (!path) return null;
    const name = AWS_CA_BUNDLE ? 'AWS_CA_BUNDLE' : 'ca_bundle of the profile';
    try {
      const ca = readFileSync(path, 'utf8');
      if (!/-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(ca)) throw new Error('it holds no certificate');
      createSecureContext({ ca });
      return ca;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#problems.push(
        `Expected ${name} to be a file of certificates (PEM), but ${path} is none: ${why}.`,
      );
      return null;
    }
  }
}
