/**
 * Read failure: what a failed GetShardIterator, GetRecords or ListShards means for the reader.
 * Takes  the error of a call.
 * Gives  one of: expired (ask for a new iterator), again (later), denied (the same where records were read before; else the end), fatal; the
 *        last two with a message for people.
 * Owns   what people are advised to do. src/aws/fault-kind.ts says whose fault a code is. Pure.
 * Source of the codes: GetRecords, GetShardIterator, ListShards, Errors, in the documentation of `@aws-sdk/client-kinesis` 3.1143.
 */
import { faultOfCode, isPassingFault, isRenewable } from '../aws/fault-kind.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT, type FailureExitCode } from '../base/exit-code.ts';

export type ReadFailure =
  | { readonly kind: 'expired' }
  | { readonly kind: 'again' }
  | { readonly kind: 'denied'; readonly error: MillraceError }
  | { readonly kind: 'fatal'; readonly error: MillraceError };

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

const CHECK = 'check the credentials';

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
  const fault = faultOfCode(code);
  if (isPassingFault(fault)) return { kind: 'again' };
  if (isRenewable(code))
    return {
      kind: 'denied',
      error: fatal(EXIT.resumable, `${code}: renew the credentials and run it again`),
    };
  if (fault === 'denied' || fault === 'credentials' || fault === 'skew')
    return { kind: 'denied', error: fatal(EXIT.refused, `${code}: ${message}; ${advice ?? CHECK}`) };
  if (advice) return { kind: 'fatal', error: fatal(EXIT.refused, `${code}: ${message}; ${advice}`) };
  return { kind: 'again' };

  function fatal(exitCode: FailureExitCode, why: string): MillraceError {
    return new MillraceError('MILLRACE_STREAM', `Cannot read stream ${streamName}: ${why}`, {
      exitCode,
      cause: error,
    });
  }
}
