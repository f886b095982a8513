/**
 * Error document: what S3 says where it does not do what it was asked.
 * Takes  status, headers and document of an answer.
 * Gives  a SourceFailure. Only code and message are kept, and what names a way out.
 * Never  reads a socket. Pure.
 */
import { SourceFailure } from '../source-failure.ts';
import { isRedirect, kindOf, NOT_S3, withRegion } from './failure.ts';

/** @param text The document, or its beginning; '' where there is none, as of a HEAD. @param unixMs Our clock. */
export function errorOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  unixMs: number,
): SourceFailure {
  const element = (name: string) => unescaped(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '');
  const isForeign = text.trim() !== '' && !/<(?:\w+:)?Error[\s>]/.test(text);
  const serviceCode = isForeign
    ? 'ForeignAnswer'
    : element('Code') || (status === 412 ? 'PreconditionFailed' : '');
  const region = headers['x-amz-bucket-region'] || element('Region');
  const bucketRegion = (isRedirect(status) && region) || null;
  const hints = [
    isForeign ? NOT_S3 : element('Message') || `HTTP status ${status}`,
    element('StorageClass') && `storage class ${element('StorageClass')}`,
  ];
  const serviceMs = Date.parse(headers.date ?? '');
  return new SourceFailure(
    kindOf(status, serviceCode, hints[0]!),
    withRegion(hints.filter(Boolean).join(', '), bucketRegion),
    {
      status,
      serviceCode,
      bucketRegion,
      clockOffsetMs: Number.isNaN(serviceMs) ? null : serviceMs - unixMs,
    },
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name]!);
}
