/**
 * Endpoint: the URL of a service, as users give it.
 * Gives  whether it is one, whether signed requests may go there in the clear, and how it is shown.
 */
import { isIP } from 'node:net';
import { bareHost } from './proxy.ts';

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Plain http carries signed requests and payloads in the clear, so it is for loopback only. */
export function isSafeEndpoint(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname);
}

export function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname);
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The text without user and password, which nobody should read: drops what stands before an @, whatever the text is. */
export function shownUrl(text: string): string {
  return text.replace(/^([^@]*?:\/\/|).*@/s, '$1***@');
}
