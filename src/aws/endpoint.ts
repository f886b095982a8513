/**
 * Endpoint: the URL of a service, as users give it.
 * Gives  whether it is one, whether signed requests may go there in the clear, and how it is shown; which regions have addresses of the common form.
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

/** Whether it may stand in the name of a host, as every region does. The SDK takes `us-east-1-fips` and `aws-global` for others. */
export function isRegionName(region: string): boolean {
  return !/fips|global/.test(region) && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region);
}

/** Regions of the partition `aws`, whose names the SDK knows by the same pattern. */
export const LARGEST_PARTITION = /^(?:us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+$/;

/** How services are told who asks, where the SDK is not asked. */
export const USER_AGENT = 'millrace';

/** The text without user and password, which nobody should read: drops what stands before an @, whatever the text is. */
export function shownUrl(text: string): string {
  return text.replace(/^([^@]*?:\/\/|).*@/s, '$1***@');
}
