/**
 * Credentials: the SDK's default chain (environment, profile, SSO, web identity, container, instance) without a client of the SDK, which
 * would be most of what a thread that only signs has to load. Its first link, two variables, is done here: then nothing of it is loaded.
 * Takes  region and profile; how hosts are reached. Gives  a provider that keeps what it got, and renews it before it expires or when it is
 *        told to.
 * Owns   nothing that leaves this thread: no secret crosses to another one. The metadata services of instances and containers are asked
 *        without a proxy: another machine would answer for itself.
 */
import { whenLate } from '../base/patience.ts';
import type { RequestHandler } from './request-handler.ts';
import type { AwsTarget } from './target.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
  readonly accountId?: string;
}

export type CredentialProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<AwsCredentials>;

type CredentialTarget = Pick<AwsTarget, 'region' | 'profile' | 'stsEndpoint' | 'authorities'>;

/**
 * The SDK reads its files once in a process and remembers them. Here they are read whenever credentials are asked for anew: other
 * programs rotate keys in them while a run goes on.
 * @param target `region`: where the chain asks for a role, unless the profile says otherwise; null: the region of the client that asks.
 */
export function credentialChain(target: CredentialTarget): CredentialProvider {
  const { region, profile, stsEndpoint = null, authorities = null } = target;
  const requestHandler = new LazyHandler(authorities);
  const openChain = async (): Promise<CredentialProvider> => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    return defaultProvider({
      ignoreCache: true,
      ...(profile !== null && { profile }),
      clientConfig: { requestHandler, ...(stsEndpoint !== null && { endpoint: stsEndpoint }) },
      ...(region !== null && { parentClientConfig: { region: async () => region, requestHandler } }),
    });
  };
  return remembering(
    withinTime(() => {
      let chain: Promise<CredentialProvider> | null = null;
      return async (options) => {
        const own = profile === null ? fromVariables(process.env) : null;
        if (own !== null) return own;
        chain ??= openChain();
        return (await chain)(options);
      };
    }),
  );
}

/** What the chain's first link gives, in its form; null where the chain has more to say, or something to warn of. */
function fromVariables(environment: NodeJS.ProcessEnv): AwsCredentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  const { AWS_SESSION_TOKEN: sessionToken, AWS_ACCOUNT_ID: accountId } = environment;
  const { AWS_PROFILE, AWS_CREDENTIAL_EXPIRATION, AWS_CREDENTIAL_SCOPE } = environment;
  const isLeftToChain = AWS_PROFILE || AWS_CREDENTIAL_EXPIRATION || AWS_CREDENTIAL_SCOPE;
  if (!accessKeyId || !secretAccessKey || isLeftToChain) return null;
  const source = { $source: { CREDENTIALS_ENV_VARS: 'g' } }; // the SDK's clients say so in their user agent
  return {
    ...{ accessKeyId, secretAccessKey, ...source },
    ...(sessionToken && { sessionToken }),
    ...(accountId && { accountId }),
  };
}

/** The SDK renews credentials this long before they expire. */
const RENEWAL_MS = 300_000;

/** A provider that asks no further while the SDK would give what it gave before: it is asked with every request. */
function remembering(provider: CredentialProvider): CredentialProvider {
  let known: AwsCredentials | null = null;
  return async (options) => {
    if (known !== null && options?.forceRefresh !== true) {
      const { expiration } = known;
      if (expiration === undefined || expiration.getTime() - Date.now() >= RENEWAL_MS) return known;
    }
    known = await provider(options);
    return known;
  };
}

/** A role assumed through another one, or a program that fetches credentials elsewhere, takes a while, but not this long. */
const CREDENTIALS_TIMEOUT_MS = 60_000;

/**
 * A provider that answers in time or fails. Container endpoints may accept a call and never answer it, and programs never end; the SDK waits
 * for both without a limit. The next question goes to a new provider: a silent one would keep everybody waiting for its first answer.
 */
export function withinTime(
  open: () => CredentialProvider,
  timeoutMs = CREDENTIALS_TIMEOUT_MS,
): CredentialProvider {
  let provider = open();
  return async (options) => {
    const asked = provider;
    const late = Promise.withResolvers<never>();
    const stop = whenLate(timeoutMs, () => {
      if (provider === asked) provider = open();
      const error = new Error(`the credential chain gave no answer within ${timeoutMs / 1000} s`);
      late.reject(Object.assign(error, { name: 'TimeoutError' }));
    });
    try {
      return await Promise.race([asked(options), late.promise]);
    } finally {
      stop();
    }
  };
}

/** Few chains ask a service: those of a role or of SSO. Only then is the transport loaded. */
class LazyHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #authorities: string | null;
  #handler: Promise<RequestHandler> | null = null;

  constructor(authorities: string | null) {
    this.#authorities = authorities;
  }

  async handle(...call: Parameters<RequestHandler['handle']>): ReturnType<RequestHandler['handle']> {
    this.#handler ??= import('./request-handler.ts').then(
      ({ RequestHandler }) => new RequestHandler({ authorities: this.#authorities }),
    );
    return (await this.#handler).handle(...call);
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}
