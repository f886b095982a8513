/**
 * Server: HTTP in front of the embedded Kinesis.
 * Takes  POSTs with `x-amz-target: Kinesis_20131202.*` in JSON 1.1 or CBOR 1.1; `/_millrace/*` goes to admin.ts.
 * Gives  answers and errors in the wire format of the request.
 * Owns   the request bodies until a stream holds them, their pool, and the acting out of request faults.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeCbor, encodeCbor } from '../../aws/cbor.ts';
import { answerAdmin } from './admin.ts';
import { BodyPool } from './body-pool.ts';
import { accessKeyOf, type Occasion } from './faults.ts';
import { getRecords, type Input } from './get-records.ts';
import { operations } from './operations.ts';
import { putRecords, scratchIndex } from './put-records.ts';
import { type PutRequest, readPutRecords, type Wire } from './put-request.ts';
import { ServiceError } from './service-error.ts';
import { type KinesisFault, type KinesisState, REQUEST_FAULTS } from './state.ts';
import { COLUMN } from './stream-store.ts';

const TARGET_PREFIX = 'Kinesis_20131202.';
const CONTENT_TYPES: Record<Wire, string> = {
  json: 'application/x-amz-json-1.1',
  cbor: 'application/x-amz-cbor-1.1',
};
/** 10 MiB in base64, 500 keys of 256 four-byte characters, and the rest of the JSON. */
const BODY_BYTES_MAX = 20 * 1024 * 1024;

export interface ServerOptions {
  /** False: CBOR is refused the way an endpoint does that knows only JSON. */
  readonly cbor: boolean;
  /** Refuse requests without a Signature Version 4 header. The signature itself is not checked. */
  readonly requireSignature: boolean;
  /** Compare `x-amz-content-sha256`, where sent, with the body. */
  readonly verifyPayloadHash: boolean;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly operation: string;
  readonly wire: Wire;
}

/** One operation on decoded input, as the server and `LocalKinesis.call` run it. */
export function perform(state: KinesisState, operation: string, input: Input): object {
  if (operation === 'PutRecord') return putRecord(state, input);
  if (!Object.hasOwn(operations, operation)) throw new ServiceError('UnknownOperationException', '');
  return operations[operation]!(state, input);
}

/** PutRecord is PutRecords with one entry whose refusal refuses the request. */
function putRecord(state: KinesisState, input: Input): object {
  const { Data, PartitionKey, ExplicitHashKey, SequenceNumberForOrdering: _, ...rest } = input;
  const body = encodeCbor({
    ...rest,
    Records: [
      { Data: typeof Data === 'string' ? Buffer.from(Data, 'base64') : Data, PartitionKey, ExplicitHashKey },
    ],
  });
  const { answer } = putRecords(state, readPutRecords(body, 'cbor', scratchIndex), 'json');
  const [entry] = JSON.parse(answer.toString('latin1')).Records;
  if (entry.ErrorCode === undefined) return { ...entry, EncryptionType: 'NONE' };
  throw new ServiceError(
    entry.ErrorCode,
    entry.ErrorMessage,
    entry.ErrorCode === 'InternalFailure' ? 500 : 400,
  );
}

export class KinesisServer {
  readonly #state: KinesisState;
  readonly #options: ServerOptions;
  readonly #pool = new BodyPool();
  readonly #timers = new Set<NodeJS.Timeout>();
  #putRequestsInFlight = 0;

  constructor(state: KinesisState, options: ServerOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** Forgets delayed answers. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#handle(request, response).catch((error: unknown) => {
      // A defect of this server must be seen as one, never be taken for a scripted fault.
      console.error('embedded Kinesis:', error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.#receive(request);
    if (body === null) return;
    if (request.url?.startsWith('/_millrace/')) {
      await answerAdmin(this.#state, request, response, body);
      return;
    }
    const { counters } = this.#state;
    const target = request.headers['x-amz-target'];
    const type = request.headers['content-type'] ?? '';
    const wire: Wire = type.startsWith(CONTENT_TYPES.cbor) ? 'cbor' : 'json';
    const isKnown = typeof target === 'string' && target.startsWith(TARGET_PREFIX);
    const operation = isKnown ? target.slice(TARGET_PREFIX.length, TARGET_PREFIX.length + 64) : 'unknown';
    const exchange: Exchange = { request, response, operation, wire };
    counters.requests++;
    counters.requestsByOperation[operation] = (counters.requestsByOperation[operation] ?? 0) + 1;
    counters.bytesReceived += body.length;
    const isPut = operation === 'PutRecords';
    if (isPut)
      counters.putRequestsInFlightMax = Math.max(
        counters.putRequestsInFlightMax,
        ++this.#putRequestsInFlight,
      );
    try {
      this.#checkHeaders(exchange, body, isKnown);
      await this.#run(exchange, body);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      counters.refusedRequests++;
      this.#refuse(exchange, error);
    } finally {
      if (isPut) this.#putRequestsInFlight--;
    }
  }

  /** @returns The whole body, or null where the client went away. */
  async #receive(request: IncomingMessage): Promise<Buffer | null> {
    const length = Number(request.headers['content-length'] ?? Number.NaN);
    return new Promise((resolve) => {
      let at = 0;
      const isSized = Number.isInteger(length) && length <= BODY_BYTES_MAX;
      const body = isSized ? this.#pool.take(length) : null;
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => {
        if (body === null) chunks.push(chunk);
        else body.set(chunk, at);
        at += chunk.length;
        if (at > BODY_BYTES_MAX) request.destroy();
      });
      request.on('end', () => resolve(body ?? Buffer.concat(chunks)));
      request.on('close', () => {
        if (!request.complete) resolve(null);
      });
      request.on('error', () => resolve(null));
    });
  }

  #checkHeaders({ request, wire }: Exchange, body: Buffer, isKnown: boolean): void {
    if (wire === 'cbor' && !this.#options.cbor) throw new ServiceError('SerializationException', '');
    if (!isKnown) throw new ServiceError('UnknownOperationException', '');
    const { authorization } = request.headers;
    if (this.#options.requireSignature) {
      if (authorization === undefined) {
        throw new ServiceError('MissingAuthenticationTokenException', 'Missing Authentication Token');
      }
      if (
        !/^AWS4-HMAC-SHA256 Credential=[^,]+, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{64}$/.test(
          authorization,
        )
      ) {
        throw new ServiceError(
          'IncompleteSignatureException',
          'Authorization header is not a complete signature.',
        );
      }
    }
    const sent = request.headers['x-amz-content-sha256'];
    if (this.#options.verifyPayloadHash && sent !== undefined && sent !== 'UNSIGNED-PAYLOAD') {
      const actual = createHash('sha256').update(body).digest('hex');
      if (actual !== sent) {
        const message = 'The value of x-amz-content-sha256 does not match the body.';
        throw new ServiceError('InvalidSignatureException', message);
      }
    }
  }

  async #run(exchange: Exchange, body: Buffer): Promise<void> {
    const state = this.#state;
    const fault = state.faults.has(REQUEST_FAULTS)
      ? state.faults.fire(REQUEST_FAULTS, occasionOf(exchange, body), state.now())
      : undefined;
    if (fault !== undefined && fault.when !== 'after' && (await this.#act(exchange, fault))) return;
    const answer = this.#answer(exchange, body);
    if (fault?.kind === 'garble') return this.#send(exchange, 200, Buffer.from('<html>not an answer</html>'));
    if (fault?.when === 'after' && (await this.#act(exchange, fault))) return;
    this.#send(exchange, 200, answer);
  }

  #answer({ operation, wire }: Exchange, body: Buffer): Buffer {
    if (operation === 'PutRecords') {
      const { answer, isKept, freed } = putRecords(
        this.#state,
        readPutRecords(body, wire, scratchIndex),
        wire,
      );
      if (!isKept || wire === 'json') this.#pool.give(body);
      for (const buffer of freed) this.#pool.give(buffer);
      return answer;
    }
    const input = decode(body, wire);
    this.#pool.give(body);
    if (operation === 'GetRecords') return getRecords(this.#state, input, wire);
    return encode(perform(this.#state, operation, input), wire);
  }

  /** Acts a fault out. @returns whether the exchange is over. */
  async #act(exchange: Exchange, fault: KinesisFault): Promise<boolean> {
    if (fault.kind === 'delay') {
      await this.#wait(fault.delayMs ?? 0);
      return false;
    }
    if (fault.kind === 'reset') {
      exchange.request.socket.resetAndDestroy();
      return true;
    }
    if (fault.kind === 'stall') return true;
    if (fault.kind === 'error') {
      if (fault.delayMs !== undefined) await this.#wait(fault.delayMs);
      // A proxy's answer has a status and no code.
      if (fault.code === '') {
        this.#send(exchange, fault.status ?? 500, Buffer.from('<html>a proxy</html>'), 'text/html');
        return true;
      }
      const code = fault.code ?? 'InternalFailure';
      const status =
        fault.status ?? (code === 'InternalFailure' ? 500 : code === 'ServiceUnavailable' ? 503 : 400);
      throw new ServiceError(code, fault.message ?? `Scripted ${code}`, status);
    }
    return false;
  }

  #wait(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, durationMs);
      this.#timers.add(timer);
    });
  }

  #refuse(exchange: Exchange, error: ServiceError): void {
    // Where CBOR is not understood the refusal is in JSON, as such endpoints send it.
    const wire = this.#options.cbor ? exchange.wire : 'json';
    const message = error.message === '' ? undefined : error.message;
    this.#send({ ...exchange, wire }, error.status, encode({ __type: error.code, message }, wire));
  }

  #send({ response, wire }: Exchange, status: number, body: Buffer, type = CONTENT_TYPES[wire]): void {
    if (response.destroyed) return;
    response.writeHead(status, {
      'content-type': type,
      'content-length': body.length,
      'x-amzn-requestid': randomUUID(),
    });
    response.end(body);
  }
}

/** What a rule may ask about. Only where there is one: it means decoding the body once more. */
function occasionOf({ request, operation, wire }: Exchange, body: Buffer): Occasion {
  const put = operation === 'PutRecords' ? readPutRecords(body, wire, scratchIndex) : null;
  const input = put === null ? decode(body, wire) : null;
  const arn = put?.streamArn ?? (input?.StreamARN as string | undefined);
  const name = put?.streamName ?? (input?.StreamName as string | undefined);
  return {
    operation,
    target: name ?? arn?.slice(arn.indexOf('/') + 1),
    bodyBytes: body.length,
    accessKeyId: accessKeyOf(request.headers.authorization),
    holds: (text) => put !== null && holds(put, text),
  };
}

/** Whether a record has this text in its data or its key. */
function holds({ body, index, count }: PutRequest, text: string): boolean {
  for (let row = 0; row < Math.min(count * COLUMN.COUNT, index.length); row += COLUMN.COUNT) {
    for (const column of [COLUMN.DATA_AT, COLUMN.KEY_AT]) {
      const at = index[row + column]!;
      if (at !== 0 && body.subarray(at, at + index[row + column + 1]!).includes(text)) return true;
    }
  }
  return false;
}

function decode(body: Buffer, wire: Wire): Input {
  try {
    const input: unknown =
      body.length === 0
        ? {}
        : wire === 'cbor'
          ? decodeCbor(body, { readsDates: true })
          : JSON.parse(body.toString('utf8'));
    if (input !== null && typeof input === 'object' && !Array.isArray(input)) return input as Input;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  throw new ServiceError('SerializationException', '');
}

/** JSON timestamps are epoch seconds. */
function encode(output: object, wire: Wire): Buffer {
  if (wire === 'cbor') return encodeCbor(output);
  const text = JSON.stringify(output, function (this: Record<string, unknown>, key, value) {
    return this[key] instanceof Date ? this[key].getTime() / 1000 : value;
  });
  return Buffer.from(text);
}
