/**
 * Call fault: what the error of a call to AWS says about calling again, whether it came from the SDK, from our own client or a socket.
 * Takes  whatever was thrown. Gives  its code, its place, and whether the same call may work later.
 * Never  calls again: each stage has its own owner of that. Pure.
 */

import { faultOfCode, faultOfStatus, isPassingFault } from './fault-kind.ts';

/** What errors of the SDK, of `KinesisCallError` and of sockets may carry. */
interface Fault {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly awsCode?: string | null;
  readonly statusCode?: number | null;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly hostname?: string;
  readonly address?: string;
  readonly port?: number;
  readonly cause?: unknown;
  readonly isForeign?: boolean;
}

/** Certificates that cannot be trusted do not become trustworthy by asking again; nor does a port that speaks no TLS learn it. */
export function isTlsCode(code: string): boolean {
  return /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code);
}

/** A proxy that wants another password, or has a rule against the way, does not change its mind either. */
export function isProxyRefusal(code: string): boolean {
  return code === 'EPROXY';
}

/** Node refuses to write such a request: a key with a line end in it, for one. */
function isUnsendable(code: string): boolean {
  return /^ERR_(?:HTTP_)?(?:INVALID|UNESCAPED)_/.test(code);
}

/** No address for a host name: a typo, or a name service that is not up yet. */
export function isUnnamed(code: string): boolean {
  return code === 'ENOTFOUND' || code === 'EAI_AGAIN';
}

/** An answer came that could not be read; of the SDK its advice for programmers tells so, which is of no use to anybody else. */
export function isForeignAnswer(error: unknown): boolean {
  if ((error as Fault).isForeign) return true;
  return /Deserialization error: to see the raw response/.test((error as Fault).message ?? '');
}

/** The service's code for the error, else the system's, else the name of the error. */
export function codeOf(error: unknown): string {
  const { awsCode, code, name } = error as Fault;
  const system = systemFaultOf(error);
  return (
    awsCode ?? (system ? String(system.code) : null) ?? (typeof code === 'string' ? code : (name ?? 'Error'))
  );
}

/** The socket's error in whatever wraps it, or null. */
function systemFaultOf(error: unknown): Fault | null {
  for (let at = error as Fault | undefined; at !== null && typeof at === 'object'; at = at.cause as Fault) {
    if (typeof at.code === 'string' && (/^E[A-Z_]+$/.test(at.code) || isTlsCode(at.code))) return at;
  }
  return null;
}

/** `host` or `address:port` that a socket could not reach; null where the error does not say. */
export function placeOf(error: unknown): string | null {
  for (let at = error as Fault | undefined; at !== null && typeof at === 'object'; at = at.cause as Fault) {
    if (typeof at.hostname === 'string') return at.hostname;
    if (typeof at.address === 'string') return `${at.address}:${at.port}`;
  }
  return null;
}

/** Whether the same call, unchanged, may work later. */
export function isPassing(error: unknown): boolean {
  const { $metadata, statusCode, message } = error as Fault;
  const status = statusCode ?? $metadata?.httpStatusCode;
  const code = codeOf(error);
  if (faultOfCode(code) === 'throttle') return true;
  if (isTlsCode(code) || isProxyRefusal(code) || isUnsendable(code)) return false;
  if (status !== undefined && status !== null) return status < 400 || isPassingFault(faultOfStatus(status));
  // Never sent: the SDK could not build a request from these options.
  return systemFaultOf(error) !== null || /Timeout|Abort/.test(code) || /timed? ?out/i.test(message ?? '');
}
