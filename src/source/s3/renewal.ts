/**
 * Renewal: new credentials, where S3 no longer takes the ones that we have.
 * Takes  a failure. Gives  a promise that ends when the chain was asked, if the failure is one of credentials.
 * Never  fails: the next request says what is wrong.
 */
import type { CredentialProvider } from '../../aws/credentials.ts';
import type { SourceFailure } from '../source-failure.ts';

export async function renewCredentials(provider: CredentialProvider, { kind }: SourceFailure): Promise<void> {
  if (kind !== 'credentials' && kind !== 'identity') return;
  await provider({ forceRefresh: true }).catch(() => {});
}
