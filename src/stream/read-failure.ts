/**
 * Read failure: what a failed GetShardIterator, GetRecords or ListShards means for the reader.
 * Takes  the error of a call. Gives  one of: expired (ask for a new iterator), again (later), fatal with a message for people.
 * Owns   the list of service codes. Pure.
 * Source of the codes: GetRecords, GetShardIterator, ListShards, Errors, in the documentation of `@aws-sdk/client-kinesis` 3.1143.
 */
import { MillraceError } from '../errors.ts';

export type ReadFailure =
  | { readonly kind: 'expired' }
  | { readonly kind: 'again' }
  | { readonly kind: 'fatal'; readonly error: MillraceError };

/** Must not be repeated unchanged, with what to do about it. */
const ADVICE = new Map([
  [
    'AccessDeniedException',
    'allow kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords on this stream',
  ],
  ['ResourceNotFoundException', 'check the stream name and the region'],
  ['KMSAccessDeniedException', "allow kms:Decrypt on the stream's key"],
  ['KMSDisabledException', "enable the stream's KMS key"],
  ['KMSInvalidStateException', "check the state of the stream's KMS key"],
  ['KMSNotFoundException', "check the stream's KMS key"],
  ['KMSOptInRequired', 'subscribe the account to KMS'],
  ['InvalidArgumentException', 'check the start position'],
  ['ValidationException', 'check the start position'],
  ['SerializationException', 'the endpoint refuses this encoding: try JSON'],
  ['UnknownOperationException', 'the endpoint cannot read streams'],
  ['UnrecognizedClientException', 'check the credentials'],
  ['InvalidClientTokenId', 'check the credentials'],
  ['IncompleteSignature', 'check the credentials'],
  ['InvalidSignatureException', 'check the secret key and the clock of this machine'],
  ['MissingAuthenticationToken', 'check the credentials'],
]);

/** Worth repeating once the credentials are renewed. */
const CREDENTIALS = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'CredentialsProviderError',
]);

/** The service's code of an error of ours or of the SDK, or null. */
function codeOf(error: unknown): string | null {
  if (error === null || typeof error !== 'object') return null;
  const { awsCode, name } = error as { awsCode?: string | null; name?: string };
  return awsCode === undefined ? (name ?? null) : awsCode;
}

/** Sorts a failed read. @param streamName For the message. */
export function classifyReadFailure(error: unknown, streamName: string): ReadFailure {
  const code = codeOf(error);
  if (code === 'ExpiredIteratorException') return { kind: 'expired' };
  if (code === null) return { kind: 'again' };
  const { message } = error as Error;
  const advice = ADVICE.get(code);
  if (advice) return { kind: 'fatal', error: fatal(2, `${code}: ${message}; ${advice}`) };
  if (CREDENTIALS.has(code))
    return { kind: 'fatal', error: fatal(3, `${code}: renew the credentials and run it again`) };
  return { kind: 'again' };

  function fatal(exitCode: 2 | 3, why: string): MillraceError {
    return new MillraceError('MILLRACE_STREAM', `Cannot read stream ${streamName}: ${why}`, {
      exitCode,
      cause: error,
    });
  }
}
