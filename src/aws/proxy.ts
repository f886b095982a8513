/**
 * Proxy: which proxy stands between this process and a host.
 * Takes  HTTPS_PROXY, HTTP_PROXY and NO_PROXY, lower case before upper case; a host and its port.
 * Gives  the proxy, or null; what is wrong with the variables.
 * Owns   the rules of NO_PROXY (docs/CLI.md): those of curl and botocore; where they differ, both.
 * Never  shows a user name or a password: a proxy is named by host and port.
 */
import { BlockList, isIP } from 'node:net';

export interface Origin {
  readonly isTls: boolean;
  /** A name or an address; one of IPv6 with or without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Of a URL, or of a request of the SDK: whichever names a port only where it is not the protocol's own. */
export function originOf({
  protocol,
  hostname,
  port = '',
}: {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: string | number | undefined;
}): Origin {
  const isTls = protocol === 'https:';
  return { isTls, hostname, port: port === '' ? portOf(isTls) : Number(port) };
}

/** As the header `host` names it: without the protocol's own port. */
export function hostOf({ isTls, hostname, port }: Origin): string {
  return port === portOf(isTls) ? hostname : `${hostname}:${port}`;
}

function portOf(isTls: boolean): number {
  return isTls ? 443 : 80;
}

export interface HttpProxy extends Origin {
  /** Value of Proxy-Authorization. A secret. */
  readonly authorization: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The address without the brackets that it has in a URL. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}

/** `host:port`, as it stands in URLs, requests and messages. */
export function authorityOf({ hostname, port }: Origin): string {
  const host = bareHost(hostname);
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** @throws {Error} When the variable holds no proxy; its message names the variable, not the value. */
export function proxyOf(origin: Origin, environment: Environment = process.env): HttpProxy | null {
  const name = origin.isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = textOf(name, environment);
  if (text === '' || isExempt(origin, textOf('NO_PROXY', environment))) return null;
  const proxy = parseProxy(text);
  if (proxy === null) throw new Error(problemOf(name));
  return proxy;
}

/** What is wrong with the variables, one sentence each. */
export function proxyProblems(environment: Environment = process.env): string[] {
  return ['HTTPS_PROXY', 'HTTP_PROXY'].flatMap((name) => {
    const text = textOf(name, environment);
    return text === '' || parseProxy(text) !== null ? [] : [problemOf(name)];
  });
}

/** Lets requests to a server of our own on this machine pass by the proxy, in this process and in threads started from now on. */
export function exempt(endpoint: string): void {
  const { host } = new URL(endpoint);
  const name = process.env.no_proxy === undefined ? 'NO_PROXY' : 'no_proxy';
  process.env[name] = process.env[name] ? `${process.env[name]},${host}` : host;
}

/**
 * A request in the form that an http-forwarding proxy reads (RFC 9112, section 3.2.2).
 * @param headers With `host` as it was signed: the proxy sends on what stands in the path.
 */
export function forwardedHead(
  head: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
  origin: Origin,
  { authorization }: HttpProxy,
): { path: string; headers: Record<string, string> } {
  const { host = authorityOf(origin) } = head.headers;
  const headers: Record<string, string> = { ...head.headers };
  if (authorization !== null) headers['proxy-authorization'] = authorization;
  return { path: `http://${host}${head.path}`, headers };
}

function problemOf(name: string): string {
  return `Expected ${name} to be a URL like http://user:password@host:3128, with special characters of user and password escaped (%40 for @), but it is none.`;
}

/** Lower case wins even when empty: that turns a proxy off for one command. */
function textOf(name: string, environment: Environment): string {
  return (environment[name.toLowerCase()] ?? environment[name] ?? '').trim();
}

function parseProxy(text: string): HttpProxy | null {
  const isWhole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  if (isWhole && !/^https?:/i.test(text)) return null;
  const url = isWhole ? text : `http://${text.replace(/^\/\//, '')}`;
  if (!URL.canParse(url)) return null;
  const found = new URL(url);
  const { username, password, pathname, search, hash } = found;
  // An unescaped / or # in the password has turned the user into a host.
  if (`${pathname}${search}${hash}`.includes('@')) return null;
  const isNamed = username !== '' || password !== '';
  const credentials = `${unescaped(username)}:${unescaped(password)}`;
  return {
    ...originOf(found),
    authorization: isNamed ? `Basic ${Buffer.from(credentials).toString('base64')}` : null,
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that begins nothing
  }
}

/** Whether NO_PROXY names this origin. */
function isExempt({ hostname, port }: Origin, list: string): boolean {
  const host = bareHost(hostname).toLowerCase().replace(/\.$/, '');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry === '*' || (entry !== '' && matches(entry, host, port)));
}

function matches(entry: string, host: string, port: number): boolean {
  const isAddress = isIP(entry.replace(/\/\d+$/, '')) === 6; // its colons begin no port
  const [, bracketed, plain, wantedPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const wanted = isAddress ? entry : (bracketed ?? plain ?? '');
  if (wantedPort !== undefined && !isAddress && Number(wantedPort) !== port) return false;
  if (isIP(host) !== 0) return isInNetwork(wanted, host);
  const suffix = wanted.replace(/^\*?\.+/, '').replace(/\.$/, '');
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`));
}

/** @param network An address, or a network like 10.0.0.0/8. */
function isInNetwork(network: string, host: string): boolean {
  const [address = '', bits] = network.split('/');
  const version = isIP(address);
  if (version === 0 || version !== isIP(host)) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  if (bits === undefined) list.addAddress(address, family);
  else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32))
    list.addSubnet(address, Number(bits), family);
  return list.check(host, family);
}
