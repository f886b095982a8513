/**
 * Kinesis call: one signed request to Kinesis with a body that is already encoded, and its answer as bytes.
 * Takes  a body in CBOR or JSON 1.1; where the service is; a provider of credentials.
 * Gives  the answer's bytes, or a KinesisCallError that says what is known about the request's fate.
 * Owns   the connections, the correction of a wrong clock, the renewal of credentials that the service no longer takes.
 * Never  retries for any other reason, encodes or decodes records, or puts a credential into a message.
 *
 * The SDK's per-command middleware costs more than everything else in a PutRecords request (docs/adr), so it is left out here.
 * Where calls go is kinesis-way.ts's; those of the control plane are repeated by kinesis-control.ts.
 */
import { copyBytes } from '../native/copy.ts';
import { BodyHasher } from './body-hash.ts';
import type { AwsCredentials, CredentialProvider } from './credentials.ts';
import { type Deadline, Deadlines, LATE } from './deadlines.ts';
import { faultOfCode } from './fault-kind.ts';
import { readWhole } from './http-body.ts';
import { type HttpAnswer, HttpClient, HttpFailure, type Origin } from './http-client.ts';
import { isAmbiguousStatus, KinesisCallError, serviceError } from './kinesis-error.ts';
import { Signer, type Unsigned } from './signature.ts';

export { KinesisCallError } from './kinesis-error.ts';

/** Those of the data plane share one endpoint, those of the control plane another. */
export type KinesisOperation =
  | 'PutRecords'
  | 'GetRecords'
  | 'GetShardIterator'
  | 'DescribeStreamSummary'
  | 'ListShards'
  | 'UpdateStreamMode';

export type BodyMemory = (byteCount: number) => Uint8Array;

export interface KinesisAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Where a plane of a stream's API is: plain data, found out once and told to every thread. */
export interface KinesisService {
  readonly origin: Origin;
  /** Certificates, as PEM, that are trusted in place of Node's own; null: Node's own. */
  readonly authorities: string | null;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
  /** How far the service's clock is ahead of ours, as far as is known. */
  readonly clockOffsetMs: number;
}

export interface KinesisCallerOptions {
  readonly service: KinesisService;
  readonly credentials: CredentialProvider;
  /** Encoding of bodies and answers. */
  readonly wire: 'cbor' | 'json';
  /** From the start of the call to the answer's last byte. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Open connections; further calls wait for a free one. Default 256. */
  readonly socketCountMax?: number;
  /** Milliseconds since the epoch. Default Date.now. */
  readonly nowMs?: () => number;
}

export interface KinesisCaller {
  readonly wire: 'cbor' | 'json';
  /** How far the service's clock is ahead of ours, as far as is known. */
  readonly clockOffsetMs: number;
  /**
   * @param body In one piece or several; it must not change until the call ends.
   * @param signal Ends the call early, with its reason as the cause.
   * @param bodyFor Gives the memory for a large answer, at least this many bytes; it is the caller's again when the call ends.
   * @param bodyHash The body's SHA-256 in hex, where that is known already.
   * @throws {KinesisCallError} For everything but an answer with status 200.
   */
  call(
    operation: KinesisOperation,
    body: Uint8Array | readonly Uint8Array[],
    signal?: AbortSignal,
    bodyFor?: BodyMemory,
    bodyHash?: string | null,
  ): Promise<KinesisAnswer>;
  /** Closes the sockets. Calls that are under way fail. May be called again. */
  close(): void;
}

/** Codes that mean: the signature's date is off. Common errors, Kinesis Data Streams API reference. */
const SKEW_CODES = new Set([
  'RequestTimeTooSkewed',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
]);
/** A smaller difference of clocks is no reason to sign again: the service allows minutes. */
const SKEW_MS_MIN = 60_000;

/** What a request was signed with. While it is on its way others may be told that the clock is off, or the credentials are old. */
interface Signed {
  readonly headers: Record<string, string>;
  readonly clockOffsetMs: number;
  readonly credentials: AwsCredentials;
}

/** No answer is larger: the service's own limit is 10 MiB plus the encoding. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** What an error says stands at its beginning; a proxy may answer with a page, or without end. */
const ERROR_BYTES_MAX = 64 * 1024;

/** Collects an answer's bytes, in `memory` where it was given any. @throws {HttpFailure} EMSGSIZE where there are too many. */
async function receive(
  { status, headers, body }: HttpAnswer,
  bodyFor: BodyMemory | undefined,
): Promise<Buffer> {
  if (status !== 200) return readWhole(body, ERROR_BYTES_MAX);
  const byteCount = Number(headers['content-length'] ?? Number.NaN);
  if (byteCount > ANSWER_BYTES_MAX) body.discard();
  else if (byteCount >= 0) {
    const memory = bodyFor?.(byteCount) ?? Buffer.allocUnsafe(byteCount);
    let at = 0;
    const take = (bytes: Uint8Array) => {
      copyBytes(memory, at, bytes);
      at += bytes.length;
      return bytes.length;
    };
    await body.read(take, () => memory.subarray(at, byteCount));
    return Buffer.from(memory.buffer, memory.byteOffset, at);
  } else {
    const whole = await readWhole(body, ANSWER_BYTES_MAX + 1);
    if (whole.length <= ANSWER_BYTES_MAX) return whole;
  }
  throw new HttpFailure('EMSGSIZE', `the answer is larger than ${ANSWER_BYTES_MAX} bytes`, true);
}

class Caller implements KinesisCaller {
  readonly wire: 'cbor' | 'json';
  readonly #options: KinesisCallerOptions;
  readonly #http: HttpClient;
  readonly #signer: Signer;
  readonly #hasher = new BodyHasher();
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  /** Under way. */
  #callCount = 0;
  readonly #contentType: string;
  readonly #nowMs: () => number;
  /** How far the service's clock is ahead of ours. */
  #clockOffsetMs: number;

  constructor(options: KinesisCallerOptions) {
    const { service } = options;
    this.wire = options.wire;
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#contentType = options.wire === 'cbor' ? 'application/x-amz-cbor-1.1' : 'application/x-amz-json-1.1';
    this.#clockOffsetMs = service.clockOffsetMs;
    this.#timeoutMs = options.requestTimeoutMs ?? 30_000;
    this.#deadlines = new Deadlines(this.#timeoutMs);
    const connectionCountMax = options.socketCountMax ?? 256;
    const { origin, authorities, region } = service;
    this.#signer = new Signer({ region, service: 'kinesis', escapesPath: true });
    this.#http = new HttpClient({ origin, authorities, connectionCountMax });
  }

  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  async call(
    operation: KinesisOperation,
    body: Uint8Array | readonly Uint8Array[],
    signal?: AbortSignal,
    bodyFor?: BodyMemory,
    bodyHash: string | null = null,
  ): Promise<KinesisAnswer> {
    this.#callCount++;
    try {
      const parts = body instanceof Uint8Array ? [body] : body;
      const hash = bodyHash ?? (await this.#hasher.hash(parts, this.#callCount));
      return await this.#call(operation, parts, hash, signal, bodyFor);
    } finally {
      this.#callCount--;
    }
  }

  async #call(
    operation: KinesisOperation,
    parts: readonly Uint8Array[],
    bodyHash: string,
    signal: AbortSignal | undefined,
    bodyFor: BodyMemory | undefined,
  ): Promise<KinesisAnswer> {
    const signed = await this.#sign(operation, parts, bodyHash);
    const answer = await this.#exchange(operation, parts, signed.headers, signal, bodyFor);
    if (answer.status === 200) return answer;
    const error = serviceError(operation, answer);
    // The service refused the signature, so it did not look at the request: sending it again repeats nothing.
    if (!(await this.#mend(error, answer, signed))) throw error;
    const again = await this.#sign(operation, parts, bodyHash);
    const second = await this.#exchange(operation, parts, again.headers, signal, bodyFor);
    if (second.status === 200) return second;
    throw serviceError(operation, second);
  }

  close(): void {
    this.#http.close();
  }

  /** Whether anything differs from what the request was signed with, so that a second attempt is worthwhile. */
  async #mend(error: KinesisCallError, answer: KinesisAnswer, signed: Signed): Promise<boolean> {
    if (error.awsCode === null || isAmbiguousStatus(answer.status)) return false;
    if (SKEW_CODES.has(error.awsCode)) {
      const offsetMs = Date.parse(answer.headers.date ?? '') - this.#nowMs();
      if (Math.abs(offsetMs - signed.clockOffsetMs) >= SKEW_MS_MIN) {
        this.#clockOffsetMs = offsetMs;
        return true;
      }
    }
    return faultOfCode(error.awsCode) === 'credentials' && (await this.#renew(signed.credentials));
  }

  /** Asks for other credentials than these, unless another request has done so since. @returns Whether there are others. */
  async #renew(old: AwsCredentials): Promise<boolean> {
    const { credentials } = this.#options;
    try {
      if (!isSame(await credentials(), old)) return true;
      return !isSame(await credentials({ forceRefresh: true }), old);
    } catch {
      return false;
    }
  }

  async #sign(operation: KinesisOperation, parts: readonly Uint8Array[], bodyHash: string): Promise<Signed> {
    const clockOffsetMs = this.#clockOffsetMs;
    let bodyBytes = 0;
    for (const part of parts) bodyBytes += part.length;
    try {
      const credentials = await this.#options.credentials();
      const unsigned = this.#unsigned(operation, bodyHash);
      const headers = this.#signer.sign(unsigned, credentials, this.#nowMs() + clockOffsetMs);
      headers['content-length'] = String(bodyBytes);
      return { headers, clockOffsetMs, credentials };
    } catch (error) {
      // Most often the credential chain: its message names the sources that it tried, never a secret. Some sources throw plain errors.
      const { name, message } = error as Error;
      throw new KinesisCallError({
        operation,
        awsCode: faultOfCode(name) === null ? 'CredentialsProviderError' : name,
        message,
        statusCode: null,
        isAmbiguous: false,
        cause: error,
      });
    }
  }

  #unsigned(operation: KinesisOperation, bodyHash: string): Unsigned {
    const { path, headers } = this.#options.service;
    return {
      method: 'POST',
      path,
      headers: {
        ...headers,
        'content-type': this.#contentType,
        'x-amz-target': `Kinesis_20131202.${operation}`,
        'x-amz-content-sha256': bodyHash,
      },
    };
  }

  async #exchange(
    operation: KinesisOperation,
    parts: readonly Uint8Array[],
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
    bodyFor: BodyMemory | undefined,
  ): Promise<KinesisAnswer> {
    const deadline = this.#deadlines.begin();
    const onAbort = () => deadline.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const head = { method: 'POST', path: this.#options.service.path, headers } as const;
      const answer = await this.#http.request(head, parts, deadline);
      const { status } = answer;
      const body = await receive(answer, status === 200 ? bodyFor : undefined);
      return { status, headers: answer.headers, body };
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      throw this.#unanswered(operation, error, deadline, signal);
    } finally {
      this.#deadlines.meet(deadline);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #unanswered(
    operation: KinesisOperation,
    failure: HttpFailure,
    deadline: Deadline,
    signal: AbortSignal | undefined,
  ): KinesisCallError {
    const isAmbiguous = failure.isSent;
    const late = `no complete answer within ${this.#timeoutMs} ms`;
    const isLate = deadline.reason === LATE;
    const why = isLate ? new HttpFailure('ETIMEDOUT', late, isAmbiguous, failure) : failure;
    const message = `${why.code}: ${why.message}`;
    const cause = signal?.aborted ? signal.reason : why;
    return new KinesisCallError({ operation, awsCode: null, message, statusCode: null, isAmbiguous, cause });
  }
}

function isSame(one: AwsCredentials, other: AwsCredentials): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken
  );
}

export function openKinesisCaller(options: KinesisCallerOptions): KinesisCaller {
  return new Caller(options);
}
