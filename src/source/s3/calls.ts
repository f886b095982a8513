/**
 * S3 calls: one signed request without a body, without the SDK's per-command middleware.
 * Takes  method, bucket, key, query and headers.
 * Gives  the answer, or a SourceFailure of what S3 says in its place. Null where the SDK signs in a way of its own: then its whole path is used.
 * Owns   the connections; the correction of a wrong clock; that a bucket is followed to its region, once.
 * Never  retries for any other reason.
 *
 * Why not `client.send`: it costs 645 us of CPU a request, this a third, measured on loopback; a million small objects feel that, and a short run
 * feels the loading (docs/adr/0015-calls-of-our-own.md).
 */
import { Deadlines, type Ending, LATE } from '../../aws/deadlines.ts';
import { readWhole } from '../../aws/http-body.ts';
import { type HttpAnswer, HttpClient, HttpFailure, type Origin } from '../../aws/http-client.ts';
import type { S3Place, S3Way } from '../../aws/s3-way.ts';
import { Signer } from '../../aws/signature.ts';
import type { Clock } from '../retry.ts';
import { SourceFailure } from '../source-failure.ts';
import { errorOf } from './error-document.ts';
import { renewCredentials } from './renewal.ts';

export type Transport = Pick<HttpClient, 'request' | 'close'>;

export interface S3CallsOptions {
  readonly clock: Clock;
  readonly requesterPays?: boolean;
  /** Opens the way to an origin. Default: an HttpClient of 256 connections. */
  readonly open?: (origin: Origin) => Transport;
  /** Of calls whose whole answer is waited for: until it begins, and then for its body. Default 30,000: listing a large prefix takes its time. */
  readonly answerTimeoutMs?: number;
}

export interface S3Question {
  readonly method: 'GET' | 'HEAD';
  readonly bucket: string;
  /** Default: none, the bucket itself. */
  readonly key?: string;
  /** Default: none. What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Default: none. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** SHA-256 of nothing: what the payload of these requests hashes to. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ANSWER_TIMEOUT_MS = 30_000;
/** No page of a listing is larger. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** What an error says stands at its beginning; a proxy may answer with a page, or without end. */
const ERROR_BYTES_MAX = 64 * 1024;

/** As SigV4 wants it: every byte but the unreserved ones is escaped. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Path of a key: `/` stands as it is. */
export function escapeKey(key: string): string {
  return escaped(key).replaceAll('%2F', '/');
}

function queryText(query: NonNullable<S3Question['query']>): string {
  const names = Object.keys(query).filter((name) => query[name] !== undefined);
  return names
    .sort()
    .map((name) => `${name}=${escaped(query[name]!)}`)
    .join('&');
}

export class S3Calls {
  readonly way: S3Way;
  readonly requesterPays: boolean;
  readonly clock: Clock;
  readonly #open: (origin: Origin) => Transport;
  readonly #transports = new Map<string, Transport>();
  readonly #signers = new Map<string, Signer>();
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  /** How far the service's clock is ahead of ours. */
  #clockOffsetMs = 0;

  constructor(way: S3Way, options: S3CallsOptions) {
    const { clock, requesterPays = false, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
    const { authorities } = way;
    this.way = way;
    this.clock = clock;
    this.requesterPays = requesterPays;
    this.#open = options.open ?? ((origin) => new HttpClient({ origin, authorities }));
    this.#timeoutMs = answerTimeoutMs;
    this.#deadlines = new Deadlines(answerTimeoutMs);
  }

  /**
   * @returns When the answer's head is there: its body has to be read or discarded. Null: see above.
   * @throws {SourceFailure} For a status other than 200 and 206. @throws Errors of the connection, of the chain of credentials and of the SDK's rules.
   */
  async ask(question: S3Question, signal?: Ending): Promise<HttpAnswer | null> {
    const { bucket } = question;
    const place = await this.way.place(bucket);
    if (place === null) return null;
    try {
      return await this.#askAt(place, question, signal);
    } catch (error) {
      const region = error instanceof SourceFailure ? error.bucketRegion : null;
      if (!this.way.isFollowing || region === null || region === place.region) throw error;
      this.way.learn(bucket, region);
      const other = await this.way.place(bucket);
      return other === null ? null : this.#askAt(other, question, signal);
    }
  }

  /** The same with its whole body. */
  async askWhole(
    question: S3Question,
    signal?: AbortSignal,
  ): Promise<{ readonly headers: HttpAnswer['headers']; readonly body: Buffer } | null> {
    const deadline = this.#deadlines.begin();
    const onAbort = () => deadline.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const answer = await this.ask(question, deadline);
      if (answer === null) return null;
      this.#deadlines.extend(deadline);
      const body = await readWhole(answer.body, ANSWER_BYTES_MAX + 1);
      const tooLarge = `the answer is larger than ${ANSWER_BYTES_MAX} bytes`;
      if (body.length > ANSWER_BYTES_MAX) throw new HttpFailure('EMSGSIZE', tooLarge, true);
      return { headers: answer.headers, body };
    } catch (error) {
      if (deadline.reason !== LATE) throw error;
      throw new HttpFailure('ETIMEDOUT', `no complete answer within ${this.#timeoutMs} ms`, true, error);
    } finally {
      this.#deadlines.meet(deadline);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Fresh credentials, or the clock, as the failure demands. Never fails: the next request says what is wrong. */
  async renew(failure: SourceFailure): Promise<void> {
    if (failure.kind === 'skew') this.#clockOffsetMs = failure.clockOffsetMs ?? 0;
    await renewCredentials(this.way.credentials, failure);
  }

  /** Requests that are under way fail. */
  close(): void {
    for (const transport of this.#transports.values()) transport.close();
  }

  async #askAt(place: S3Place, question: S3Question, signal: Ending | undefined): Promise<HttpAnswer> {
    const { method, key = '', query = {} } = question;
    const headers: Record<string, string> & { 'x-amz-content-sha256': string } = {
      host: place.host,
      'user-agent': place.userAgent,
      'x-amz-content-sha256': EMPTY_SHA256,
      ...question.headers,
    };
    if (this.requesterPays) headers['x-amz-request-payer'] = 'requester';
    const path = place.pathPrefix + escapeKey(key);
    const asked = queryText(query);
    const unsigned = { method, path, query: asked, headers };
    const unixMs = this.clock.unixMs() + this.#clockOffsetMs;
    const signed = this.#signer(place.region).sign(unsigned, await this.way.credentials(), unixMs);
    const head = { method, path: asked === '' ? path : `${path}?${asked}`, headers: signed };
    const answer = await this.#transport(place.origin).request(head, [], signal);
    if (answer.status === 200 || answer.status === 206) return answer;
    throw await this.#failure(answer);
  }

  async #failure({ status, headers, body }: HttpAnswer): Promise<SourceFailure> {
    // The status alone still says enough where the document cannot be read.
    const text = await readWhole(body, ERROR_BYTES_MAX).then(String, () => '');
    return errorOf(status, headers, text, this.clock.unixMs());
  }

  #transport(origin: Origin): Transport {
    const name = JSON.stringify(origin);
    const transport = this.#transports.get(name) ?? this.#open(origin);
    this.#transports.set(name, transport);
    return transport;
  }

  #signer(region: string): Signer {
    const signer = this.#signers.get(region) ?? new Signer({ region, service: 's3', escapesPath: false });
    this.#signers.set(region, signer);
    return signer;
  }
}
