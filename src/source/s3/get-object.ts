/**
 * RangeReader: one GetObject request.
 * Takes  an object and a byte range.
 * Gives  a body of exactly that range of exactly that version, or a SourceFailure.
 * Owns   the check that what came is what was asked for: If-Match, ETag, range and total size.
 * Never  retries, never reads the body.
 */

import type { Readable } from 'node:stream';
import { preconditionOf } from '../../aws/etag.ts';
import { bodyOf } from '../../aws/http-body.ts';
import type { HttpAnswer, Origin } from '../../aws/http-client.ts';
import type { S3Way } from '../../aws/s3-way.ts';
import { checksumIn } from '../checksum.ts';
import type { SourceObject } from '../object.ts';
import type { Clock } from '../retry.ts';
import type { RangeAnswer, RangeReader } from '../source.ts';
import { SourceFailure } from '../source-failure.ts';
import { S3Calls, type Transport } from './calls.ts';
import { askChecksum } from './checksum-head.ts';
import { EtagForms } from './etag-forms.ts';
import { failureOf } from './failure.ts';
import { Versions } from './versions.ts';

export interface ObjectGetterOptions {
  readonly requesterPays?: boolean;
  readonly clock: Clock;
  /** Told once, when an answer has no ETag: then size and time tell versions apart. */
  readonly onUnversioned?: () => void;
  /** Opens the way to an origin. Default: an HttpClient of 256 connections. */
  readonly open?: (origin: Origin) => Transport;
}

/** What is asked for. */
interface Question {
  readonly object: SourceObject;
  readonly start: number;
  readonly end: number;
  /** Whether S3 is told which version is wanted. Without it the answer has to say which one it is. */
  readonly isConditional: boolean;
  readonly signal: AbortSignal;
}

/** Sorts answers into bodies and failures: the half that both ways share. */
function checkAnswer(
  { object, start, end, isConditional }: Question,
  versions: Versions,
  status: number,
  header: (name: string) => string | undefined,
): void {
  const isProven = versions.check(object, status, header);
  if (!isConditional && !isProven) throw new SourceFailure('changed', 'its version is not said', { status });
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header('content-range') ?? '');
  const total = status === 206 ? range?.[3] : header('content-length');
  if (total !== undefined && total !== '*' && Number(total) !== object.size) {
    throw new SourceFailure('changed', `its size was ${object.size} and is ${total}`, { status });
  }
  const isWhole = start === 0 && end === object.size;
  const isAsAsked = status === 206 ? Number(range?.[1]) === start && Number(range?.[2]) === end - 1 : isWhole;
  if (!isAsAsked) {
    throw new SourceFailure(
      'unreadable',
      `bytes ${start} to ${end - 1} were asked for, and the endpoint sent others`,
      { status },
    );
  }
}

export function createObjectGetter(way: S3Way, options: ObjectGetterOptions): RangeReader {
  const calls = new S3Calls(way, options);
  const versions = new Versions(options.onUnversioned ?? (() => {}));
  const forms = new EtagForms(calls);
  return {
    async read(object, start, end, signal) {
      const ask = (isConditional: boolean) =>
        get(calls, versions, { object, start, end, isConditional, signal }).catch((error: unknown) => {
          throw failureOf(error);
        });
      try {
        return await ask(true);
      } catch (error) {
        if (await forms.isMisread(error, object, signal)) return await ask(false);
        throw error;
      }
    },
    classify: failureOf,
    checksum: (object, signal) => askChecksum(calls, object, signal),
    close: () => calls.close(),
    renew: (failure) => calls.renew(failure),
  };
}

async function get(calls: S3Calls, versions: Versions, question: Question): Promise<RangeAnswer> {
  const { object, start, end, signal } = question;
  const { bucket, key } = object;
  const isWhole = start === 0 && end === object.size;
  const condition = question.isConditional ? preconditionOf(object.etag) : {};
  const headers: Record<string, string> = { ...condition };
  if (isWhole) headers['x-amz-checksum-mode'] = 'ENABLED';
  else headers.range = `bytes=${start}-${end - 1}`;
  const answer: HttpAnswer | null = await calls.ask({ method: 'GET', bucket, key, headers }, signal);
  if (answer === null) return getThroughSdk(calls, versions, question);
  try {
    checkAnswer(question, versions, answer.status, (name) => answer.headers[name]);
  } catch (error) {
    answer.body.discard();
    throw error;
  }
  return { body: answer.body, checksum: isWhole ? checksumIn((name) => answer.headers[name]) : null };
}

async function getThroughSdk(calls: S3Calls, versions: Versions, question: Question): Promise<RangeAnswer> {
  const { object, start, end, signal } = question;
  const isWhole = start === 0 && end === object.size;
  const condition = question.isConditional ? preconditionOf(object.etag) : {};
  const unmodifiedSince = condition['if-unmodified-since'];
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  const client = await calls.way.client();
  const command = new GetObjectCommand({
    Bucket: object.bucket,
    Key: object.key,
    ...(condition['if-match'] && { IfMatch: condition['if-match'] }),
    ...(unmodifiedSince && { IfUnmodifiedSince: new Date(unmodifiedSince) }),
    ...(isWhole ? {} : { Range: `bytes=${start}-${end - 1}` }),
    ...(calls.requesterPays ? { RequestPayer: 'requester' as const } : {}),
  });
  const output = await client.send(command, { abortSignal: signal });
  const named: Record<string, string | undefined> = {
    etag: output.ETag,
    'last-modified': output.LastModified?.toUTCString(),
    'content-range': output.ContentRange,
    'content-length': output.ContentLength?.toString(),
  };
  checkAnswer(question, versions, output.ContentRange === undefined ? 200 : 206, (name) => named[name]);
  return { body: bodyOf(output.Body as Readable), checksum: null };
}
