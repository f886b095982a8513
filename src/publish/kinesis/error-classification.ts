/**
 * Error classification: what a failed PutRecords request means for its records.
 * Takes  the error of a call (src/aws/kinesis-call.ts).
 * Gives  one of: throttled (send again, for ever), failed (send again, bounded by the breaker), denied (the same once anything was ever
 *        taken, before that the end of the run), refused (send in parts: see refusals.ts).
 * Owns   what people are advised to do. src/aws/fault-kind.ts says whose fault a code is. Pure.
 */
import { faultOf, isRenewable } from '../../aws/fault-kind.ts';
import type { KinesisCallError } from '../../aws/kinesis-call.ts';
import { MillraceError } from '../../base/errors.ts';
import { EXIT, type FailureExitCode } from '../../base/exit-code.ts';
import type { RequestFailure } from '../sink.ts';

const CHECK_CREDENTIALS = 'check the credentials';
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['AccessDeniedException', 'allow kinesis:PutRecords on this stream'],
  ['ResourceNotFoundException', 'check the stream name and the region'],
  ['KMSAccessDeniedException', "allow kms:GenerateDataKey on the stream's key"],
  ['KMSDisabledException', "enable the stream's KMS key"],
  ['KMSInvalidStateException', "check the state of the stream's KMS key"],
  ['KMSNotFoundException', "check the stream's KMS key"],
  ['KMSOptInRequired', 'subscribe the account to KMS'],
  ['SerializationException', 'try --wire json'],
  ['UnrecognizedClientException', CHECK_CREDENTIALS],
  ['InvalidClientTokenId', CHECK_CREDENTIALS],
  ['IncompleteSignature', CHECK_CREDENTIALS],
  ['MissingAuthenticationToken', CHECK_CREDENTIALS],
  ['InvalidSignatureException', 'check the secret key and the clock of this machine'],
]);
const RENEW = 'renew the credentials and run it again';

/** A service may show the value that it refuses, and a key is a part of the payload. */
function withoutValues(message: string): string {
  return message.replace(/\bvalue '.*?' at '/gis, "value at '");
}

/** Sorts a failed request. @param streamName For the message. */
export function classifyFailure(error: KinesisCallError, streamName: string): RequestFailure {
  const { awsCode, isAmbiguous } = error;
  const code = awsCode ?? `HTTP status ${error.statusCode}`;
  const reason = awsCode === null ? code : `${code}: ${withoutValues(error.message)}`;
  const fault = faultOf(error);
  switch (fault) {
    case 'throttle':
      return { kind: 'throttled' };
    case 'refused':
      return {
        kind: 'refused',
        reason,
        isTooLarge: error.statusCode === 413,
        error: ending(EXIT.refused, `${reason}; ${adviceOn(code, error.statusCode)}`),
      };
    case 'denied':
      return denied(ending(EXIT.refused, `${reason}; ${ADVICE.get(code) ?? 'check what allows it'}`));
    case 'credentials':
    case 'skew':
      if (isRenewable(code)) return denied(ending(EXIT.resumable, `${code}: ${RENEW}`));
      return denied(ending(EXIT.refused, `${reason}; ${ADVICE.get(code) ?? CHECK_CREDENTIALS}`));
    case 'transient':
      return { kind: 'failed', isAmbiguous, reason: error.message };
  }

  function denied(ending: MillraceError): RequestFailure {
    return awsCode === null
      ? { kind: 'denied', error: ending, reason: error.message, refusalReason: code }
      : { kind: 'denied', error: ending, reason: `${awsCode}: ${error.message}`, refusalReason: null };
  }

  function ending(exitCode: FailureExitCode, why: string): MillraceError {
    return new MillraceError('MILLRACE_PUT_REFUSED', `Cannot put records to stream ${streamName}: ${why}`, {
      exitCode,
    });
  }
}

function adviceOn(code: string, statusCode: number | null): string {
  if (statusCode === 413) return 'a proxy on the way takes no such requests: allow larger ones there';
  return ADVICE.get(code) ?? 'report this with the message above';
}
