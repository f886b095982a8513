import { afterEach, describe, expect, it, vi } from 'vitest';
import { authorityOf, exempt, proxyOf, proxyProblems } from '../../src/aws/proxy.ts';

const HTTPS = { isTls: true, hostname: 'kinesis.eu-west-1.amazonaws.com', port: 443 };
const HTTP = { isTls: false, hostname: 'localhost', port: 9000 };
afterEach(() => vi.unstubAllEnvs());

/** Which proxy is asked for a URL, as host:port. */
function proxyFor(url: string, environment: Record<string, string>): string | null {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === 'https:';
  const proxy = proxyOf({ isTls, hostname, port: Number(port) || (isTls ? 443 : 80) }, environment);
  return proxy && authorityOf(proxy);
}

describe('the proxy', () => {
  it.each([
    { name: 'is none where nothing names one', env: {}, https: null, http: null },
    { name: 'of https is not that of http', env: { HTTPS_PROXY: 'http://p:1' }, https: 'p:1', http: null },
    { name: 'of http is not that of https', env: { HTTP_PROXY: 'http://p:1' }, https: null, http: 'p:1' },
    {
      name: 'in lower case wins',
      env: { HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:1', http_proxy: 'http://lower:2' },
      https: 'lower:1',
      http: 'lower:2',
    },
    {
      name: 'in lower case and empty takes one away',
      env: { HTTPS_PROXY: 'http://upper:1', https_proxy: '' },
      https: null,
      http: null,
    },
    { name: 'needs no scheme', env: { HTTPS_PROXY: 'p.corp:3128' }, https: 'p.corp:3128', http: null },
    { name: 'has the port of its scheme', env: { HTTPS_PROXY: 'https://p' }, https: 'p:443', http: null },
    { name: 'may have an address', env: { HTTPS_PROXY: 'http://[::1]:8' }, https: '[::1]:8', http: null },
    { name: 'of everything is not asked', env: { ALL_PROXY: 'http://p:1' }, https: null, http: null },
  ])('$name', ({ env, https, http }) => {
    expect([proxyOf(HTTPS, env), proxyOf(HTTP, env)].map((proxy) => proxy && authorityOf(proxy))).toEqual([
      https,
      http,
    ]);
  });

  it.each([
    { url: 'http://user:p%40ss%3A%2F@p:1', credentials: 'user:p@ss:/' },
    { url: 'http://us%C3%A9r:100%@p:1', credentials: 'usér:100%' },
    { url: 'http://user@p:1', credentials: 'user:' },
    { url: 'http://p:1', credentials: null },
  ])('gets the credentials of $url', ({ url, credentials }) => {
    const authorization = proxyOf(HTTPS, { HTTPS_PROXY: url })?.authorization ?? null;
    expect(authorization && Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString()).toBe(
      credentials,
    );
  });

  it.each([
    'socks5://canary@p:1',
    'http://user:canary/@p:1',
    'http://u:12#canary@p',
    'http://canary p',
    'ftp://p',
  ])('is refused as %s, by the name of its variable, and is not shown', (value) => {
    const [problem, ...more] = proxyProblems({ HTTPS_PROXY: value });
    expect(more).toEqual([]);
    expect(problem).toMatch(/^Expected HTTPS_PROXY to be a URL/);
    expect(problem).not.toContain('canary');
    expect(() => proxyOf(HTTPS, { HTTPS_PROXY: value })).toThrow(/^Expected HTTPS_PROXY/);
  });
});

/** The columns were filled in by Python 3.11's `urllib.request.proxy_bypass_environment`, which botocore asks, and by curl 7.88.1. */
describe('NO_PROXY', () => {
  const A = 'https://bucket.s3.amazonaws.com/k';
  it.each([
    { list: '*', url: A, isDirect: true, botocore: true, curl: true },
    { list: 'bucket.s3.amazonaws.com', url: A, isDirect: true, botocore: true, curl: true },
    { list: 'amazonaws.com', url: A, isDirect: true, botocore: true, curl: true },
    { list: '.amazonaws.com', url: A, isDirect: true, botocore: true, curl: true },
    { list: 'AMAZONAWS.com', url: A, isDirect: true, botocore: true, curl: true },
    { list: 'other, amazonaws.com', url: A, isDirect: true, botocore: true, curl: true },
    { list: 'other amazonaws.com', url: A, isDirect: true, botocore: false, curl: true },
    { list: '*.amazonaws.com', url: A, isDirect: true, botocore: false, curl: false },
    { list: 'naws.com', url: A, isDirect: false, botocore: false, curl: false },
    { list: 'amazonaws.com.', url: A, isDirect: true, botocore: false, curl: true },
    { list: 's3', url: A, isDirect: false, botocore: false, curl: false },
    { list: '', url: A, isDirect: false, botocore: false, curl: false },
    { list: ',', url: A, isDirect: false, botocore: false, curl: false },
    { list: 'localhost', url: 'http://localhost:9000/', isDirect: true, botocore: true, curl: true },
    { list: 'localhost:9000', url: 'http://localhost:9000/', isDirect: true, botocore: true, curl: false },
    { list: 'localhost:9001', url: 'http://localhost:9000/', isDirect: false, botocore: false, curl: false },
    { list: 'localhost:80', url: 'http://localhost/', isDirect: true, botocore: false, curl: false },
    { list: '127.0.0.1', url: 'http://127.0.0.1:9000/', isDirect: true, botocore: true, curl: true },
    { list: '127.0.0.1:9000', url: 'http://127.0.0.1:9000/', isDirect: true, botocore: true, curl: false },
    { list: '127.0.0.0/8', url: 'http://127.0.0.1:9000/', isDirect: true, botocore: false, curl: true },
    { list: '10.0.0.0/8', url: 'http://127.0.0.1:9000/', isDirect: false, botocore: false, curl: false },
    { list: '127.0.0.0/99', url: 'http://127.0.0.1:9000/', isDirect: false, botocore: false, curl: false },
    { list: 'localhost', url: 'http://127.0.0.1:9000/', isDirect: false, botocore: false, curl: false },
    { list: 'other', url: 'http://127.0.0.1:9000/', isDirect: false, botocore: false, curl: false },
    { list: '::1', url: 'http://[::1]:9000/', isDirect: true, botocore: false, curl: true },
    { list: '0:0:0:0:0:0:0:1', url: 'http://[::1]:9000/', isDirect: true, botocore: false, curl: false },
    { list: '[::1]', url: 'http://[::1]:9000/', isDirect: true, botocore: true, curl: false },
    { list: '[::1]:9000', url: 'http://[::1]:9000/', isDirect: true, botocore: true, curl: false },
    { list: '[::1]:9001', url: 'http://[::1]:9000/', isDirect: false, botocore: false, curl: false },
    { list: '[fd00::1]', url: 'http://[fd00::1]/', isDirect: true, botocore: true, curl: false },
    { list: 'fd00::/8', url: 'http://[fd00::1]/', isDirect: true, botocore: false, curl: false },
  ])('"$list" and $url: direct $isDirect', ({ list, url, isDirect, botocore, curl }) => {
    const environment = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:1', NO_PROXY: list };
    expect(proxyFor(url, environment)).toBe(isDirect ? null : 'p:1');
    // Whoever keeps a host from a proxy for either of the two keeps it from ours.
    if (botocore || curl) expect(isDirect).toBe(true);
  });

  it('in lower case wins', () => {
    const environment = { HTTP_PROXY: 'http://p:1', NO_PROXY: '*', no_proxy: 'elsewhere' };
    expect(proxyFor('http://localhost:9000/', environment)).toBe('p:1');
  });

  it.each(['no_proxy', 'NO_PROXY'])('in %s keeps what it names when a server of our own is added', (name) => {
    vi.stubEnv('HTTP_PROXY', 'http://p:1');
    vi.stubEnv('http_proxy', undefined);
    vi.stubEnv('no_proxy', undefined);
    vi.stubEnv(name, 'elsewhere');
    exempt('http://127.0.0.1:4711');
    expect(process.env[name]).toBe('elsewhere,127.0.0.1:4711');
    expect(proxyOf({ isTls: false, hostname: '127.0.0.1', port: 4711 })).toBeNull();
    expect(proxyOf({ isTls: false, hostname: '127.0.0.1', port: 4712 })).not.toBeNull();
  });
});
