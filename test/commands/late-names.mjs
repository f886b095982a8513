/**
 * Late names: stands in for a name service that is not up yet. Loaded into the command with `--import`.
 * `*.late.test` has no address before LATE_NAMES_AT (milliseconds since 1970), then that of this machine.
 */
import dns from 'node:dns';

const { lookup } = dns;
dns.lookup = (host, options, callback) => {
  if (!host.endsWith('.late.test')) return lookup(host, options, callback);
  if (Date.now() >= Number(process.env.LATE_NAMES_AT)) return lookup('127.0.0.1', options, callback);
  const error = new Error(`getaddrinfo ENOTFOUND ${host}`);
  Object.assign(error, { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: host });
  return process.nextTick(callback, error);
};
