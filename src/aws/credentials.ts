/**
 * Credentials: the SDK's default chain (environment, profile, SSO, web identity, container, instance) without a client of the SDK, which
 * would be most of what a thread loads that only signs.
 * Takes  region and profile. Gives  a provider that keeps what it got, and renews it before it expires or when it is told to.
 * Owns   nothing that leaves this thread: no secret crosses to another one.
 */
import { defaultProvider } from '@aws-sdk/credential-provider-node';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export type CredentialProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<AwsCredentials>;

/**
 * The SDK reads its files once in a process and remembers them. Here they are read whenever credentials are asked for anew: other
 * programs rotate keys in them while a run goes on.
 * @param region Where the chain asks for a role, unless the profile says otherwise.
 */
export function credentialChain(region: string, profile: string | null): CredentialProvider {
  return defaultProvider({
    ignoreCache: true,
    clientConfig: { region },
    ...(profile !== null && { profile }),
  });
}
