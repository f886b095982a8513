/**
 * Renewal: new credentials, where S3 no longer takes the ones that we have.
 * Takes  a failure. Gives  a promise that ends when the SDK's chain was asked, if the failure is one of credentials.
 * Never  fails: the next request says what is wrong.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import type { CredentialProvider } from '../../aws/credentials.ts';
import type { SourceFailure } from '../source-failure.ts';

export async function renewCredentials(s3: S3Client, { kind }: SourceFailure): Promise<void> {
  if (kind !== 'credentials' && kind !== 'identity') return;
  const provider = s3.config.credentials as CredentialProvider;
  await provider({ forceRefresh: true }).catch(() => {});
}
